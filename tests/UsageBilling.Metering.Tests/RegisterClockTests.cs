using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Tests;

/// <summary>The laws by which offsets of clocks become one row a register and day.</summary>
public class RegisterClockTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 11, 12, 0, 0);

    [Fact]
    public void Merging_is_commutative_associative_and_idempotent() =>
        Check.QuickThrowOnFailure(Prop.ForAll<int[], int[], int[]>((a, b, c) =>
        {
            var (x, y, z) = (Clock(a), Clock(b), Clock(c));
            return x.Merge(y) == y.Merge(x) && x.Merge(y).Merge(z) == x.Merge(y.Merge(z)) && x.Merge(x) == x && x.Merge(y).Merge(y) == x.Merge(y);
        }));

    [Fact]
    public void The_largest_of_either_direction_counts_on_the_days_whose_intervals_its_readings_end()
    {
        var day = new NodaTime.Interval(Start, Start + Duration.FromDays(1));
        RegisterClock Of(int hour, int seconds) => RegisterClock.Of(Start + Duration.FromHours(hour), Duration.FromSeconds(seconds));
        Assert.Null(RegisterClock.LargestOver(day, [Of(0, 900), Of(25, 900)]));
        Assert.Equal(Duration.FromSeconds(-300), RegisterClock.LargestOver(day, [Of(1, 200), Of(24, -300), Of(30, 900)]));
        Assert.Equal(Duration.FromSeconds(400), RegisterClock.LargestOver(day, [Of(1, 400).Merge(Of(2, -300))]));
    }

    private static RegisterClock Clock(int[] seconds) =>
        seconds.Select((s, i) => RegisterClock.Of(Start + Duration.FromMinutes(i + (s % 1_000)), Duration.FromSeconds(s))).Aggregate(RegisterClock.Of(Start, Duration.Zero), (a, b) => a.Merge(b));
}
