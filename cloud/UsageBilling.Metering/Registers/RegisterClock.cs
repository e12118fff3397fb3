using NodaTime;

namespace UsageBilling.Metering.Registers;

/// <summary>How far the clock that dated readings of a register was off the reference, over a UTC day.</summary>
/// <param name="AheadMs">Most that it was ahead, ms, not negative.</param>
/// <param name="BehindMs">Most that it was behind, ms, not negative.</param>
/// <param name="First">First reading dated so.</param>
/// <param name="Last">Last reading dated so.</param>
public readonly record struct RegisterClock(long AheadMs, long BehindMs, Instant First, Instant Last)
{
    /// <summary>Of one reading.</summary>
    /// <param name="at">Instant of the reading, by the clock that was off.</param>
    /// <param name="offset">Clock minus reference.</param>
    public static RegisterClock Of(Instant at, Duration offset)
    {
        var ms = (long)offset.TotalMilliseconds;
        return new RegisterClock(Math.Max(0, ms), Math.Max(0, -ms), at, at);
    }

    /// <summary>The larger of the two in each direction, and the readings of both. Commutative, associative and idempotent: order and repetition do not matter.</summary>
    public RegisterClock Merge(RegisterClock other) =>
        new(Math.Max(AheadMs, other.AheadMs), Math.Max(BehindMs, other.BehindMs), Instant.Min(First, other.First), Instant.Max(Last, other.Last));

    /// <summary>The larger of the two directions, clock minus reference.</summary>
    public Duration Largest => Duration.FromMilliseconds(AheadMs >= BehindMs ? AheadMs : -BehindMs);

    /// <summary>The largest offset of readings that end an interval of a day, in either direction; null where there is none.</summary>
    public static Duration? LargestOver(Interval day, IEnumerable<RegisterClock> clocks)
    {
        Duration? largest = null;
        foreach (var offset in clocks.Where(c => c.Last > day.Start && c.First <= day.End).Select(c => c.Largest))
        {
            largest = largest is not { } known || Duration.Max(offset, -offset) > Duration.Max(known, -known) ? offset : largest;
        }

        return largest;
    }
}
