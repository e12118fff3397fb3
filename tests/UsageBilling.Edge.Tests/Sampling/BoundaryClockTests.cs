using Microsoft.Extensions.Time.Testing;
using NodaTime;
using UsageBilling.Edge.Sampling;

namespace UsageBilling.Edge.Tests.Sampling;

public class BoundaryClockTests
{
    private static readonly DateTimeOffset Start = new(2026, 10, 25, 0, 7, 3, TimeSpan.Zero);
    private readonly FakeTimeProvider _time = new(Start);
    private readonly BoundaryClock _clock;

    public BoundaryClockTests() => _clock = new BoundaryClock(Duration.FromMinutes(15), _time);

    [Fact]
    public async Task Boundaries_come_at_whole_quarter_hours_of_utc_and_never_drift()
    {
        for (var i = 1; i <= 200; i++)
        {
            // Every wake-up is 900 ms late, which must not add up.
            var boundary = await Next(TimeSpan.FromSeconds(0.9));
            Assert.Equal(new Boundary(Instant.FromUtc(2026, 10, 25, 0, 0) + Duration.FromMinutes(15 * i), 0), boundary);
        }
    }

    [Fact]
    public async Task A_clock_that_steps_forward_tells_what_was_missed_and_invents_nothing()
    {
        Assert.Equal(At(0, 15), (await Next(TimeSpan.Zero)).At);
        _time.AdjustTime(Start.AddHours(2));
        var boundary = await _clock.WaitAsync(Nothing, TestContext.Current.CancellationToken);
        Assert.Equal(new Boundary(At(2, 0), 6), boundary);
        Assert.Equal(new Boundary(At(2, 15), 0), await Next(TimeSpan.Zero));
    }

    [Fact]
    public async Task A_clock_that_is_set_back_by_an_hour_samples_its_boundaries_anew()
    {
        _time.AdjustTime(Start.AddHours(3));
        Assert.Equal(At(3, 15), (await Next(TimeSpan.Zero)).At);
        _time.AdjustTime(Start.AddHours(2));
        Assert.Equal(new Boundary(At(2, 15), 0), await Next(TimeSpan.Zero));
    }

    [Fact]
    public async Task A_clock_that_is_set_back_by_a_little_does_not_give_a_boundary_twice()
    {
        Assert.Equal(At(0, 15), (await Next(TimeSpan.Zero)).At);
        _time.AdjustTime(_time.GetUtcNow().AddSeconds(-5));
        Assert.Equal(new Boundary(At(0, 30), 0), await Next(TimeSpan.Zero));
    }

    [Fact]
    public async Task A_step_while_waiting_is_noticed_within_ten_seconds()
    {
        var waiting = _clock.WaitAsync(Nothing, TestContext.Current.CancellationToken);
        _time.AdjustTime(Start.AddMinutes(20));
        Assert.False(waiting.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(At(0, 15), (await waiting).At);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(10)]
    [InlineData(15)]
    [InlineData(30)]
    [InlineData(60)]
    public void The_boundary_after_an_instant_is_a_multiple_of_the_interval(int minutes)
    {
        var interval = Duration.FromMinutes(minutes);
        var after = BoundaryClock.After(At(0, 0), interval);
        Assert.Equal(At(0, 0) + interval, after);
        Assert.Equal(after, BoundaryClock.After(after - Duration.FromTicks(1), interval));
        Assert.Equal(after, BoundaryClock.Floor(after, interval));
    }

    private static Instant At(int hour, int minute) => Instant.FromUtc(2026, 10, 25, hour, minute);

    private static void Nothing()
    {
    }

    private async Task<Boundary> Next(TimeSpan late)
    {
        var waiting = _clock.WaitAsync(Nothing, TestContext.Current.CancellationToken);
        while (!waiting.IsCompleted)
        {
            var left = _clock.UntilNext().ToTimeSpan();
            _time.Advance(left < TimeSpan.FromSeconds(10) ? left + late : TimeSpan.FromSeconds(10));
            await Task.Yield();
        }

        return await waiting;
    }
}
