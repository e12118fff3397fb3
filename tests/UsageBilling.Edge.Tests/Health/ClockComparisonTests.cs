using Microsoft.Extensions.Time.Testing;
using NodaTime;
using UsageBilling.Edge.Health;

namespace UsageBilling.Edge.Tests.Health;

/// <summary>What the gateway knows of its own clock from what the cloud's clock showed.</summary>
public sealed class ClockComparisonTests
{
    private static readonly Duration Second = Duration.FromSeconds(1);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData(300, 0, 300)]
    [InlineData(300, 20, 280)] // ahead for certain beyond the round trip, in which the cloud may have looked at once
    [InlineData(10, 20, 0)]
    [InlineData(0, 0, 0)]
    [InlineData(-300, 20, -300)] // behind at least what it shows: the answer was said before now
    [InlineData(-1, 20, -1)]
    public void Only_what_is_certain_counts(int gatewayMinusCloud, int roundTrip, int offset)
    {
        var clock = Clock();
        Assert.Null(clock.Offset);
        clock.Compare(clock.Now - (gatewayMinusCloud * Second), roundTrip * Second);
        Assert.Equal(offset * Second, clock.Offset);
    }

    [Fact]
    public void Setting_the_clock_changes_the_offset_of_what_comes_and_not_of_what_was()
    {
        var wall = new Settable(_time);
        var clock = new GatewayClock(wall, () => true, Guid.NewGuid());
        var before = clock.Stamp();
        clock.Compare(clock.Now - (300 * Second), 2 * Second);
        wall.Shift = TimeSpan.FromSeconds(-300);
        Assert.Equal(Duration.Zero, clock.Offset);
        wall.Shift = TimeSpan.FromSeconds(-400);
        Assert.Equal(-100 * Second, clock.OffsetAt(clock.Stamp()));
        Assert.Equal(298 * Second, clock.OffsetAt(before));
        Assert.Null(clock.OffsetAt(before with { Boot = Guid.NewGuid() }));
    }

    [Fact]
    public void The_narrowest_comparison_stands_for_ten_minutes()
    {
        var clock = Clock();
        clock.Compare(clock.Now - (300 * Second), 1 * Second);
        clock.Compare(clock.Now - (300 * Second), 200 * Second);
        Assert.Equal(299 * Second, clock.Offset);
        _time.Advance(TimeSpan.FromMinutes(10));
        clock.Compare(clock.Now - (300 * Second), 200 * Second);
        Assert.Equal(100 * Second, clock.Offset);
    }

    [Fact]
    public void A_machine_that_slept_is_compared_anew_at_once()
    {
        var wall = new Settable(_time);
        var clock = new GatewayClock(wall, () => true, Guid.NewGuid());
        clock.Compare(clock.Now, Second / 10);

        // The wall clock went on in its sleep, and the monotonic clock did not.
        wall.Shift = TimeSpan.FromHours(1);
        clock.Compare(clock.Now, 20 * Second);
        Assert.Equal(Duration.Zero, clock.Offset);
    }

    [Fact]
    public void A_simulated_clock_is_not_compared()
    {
        var clock = new GatewayClock(_time, () => true, Guid.NewGuid(), simulated: true);
        clock.Compare(clock.Now - (300 * Second), Duration.Zero);
        Assert.Null(clock.Offset);
    }

    private GatewayClock Clock() => new(_time, () => true, Guid.NewGuid());

    private sealed class Settable(TimeProvider inner) : TimeProvider
    {
        public TimeSpan Shift { get; set; }

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Shift;

        public override long GetTimestamp() => inner.GetTimestamp();
    }
}
