using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Intervals;

/// <summary>
/// Interval quantities of one channel over a span without holes: interval <c>i</c> is
/// [<see cref="Start"/> + i · <see cref="IntervalMinutes"/>, + <see cref="IntervalMinutes"/>), UTC.
/// A quantity is <c>Quantities[i] × 10^Exponent</c> of <see cref="Measurand"/>'s base unit. Read only; the arrays are not copied.
/// </summary>
public sealed record LoadProfile
{
    private const int FinestMinutes = 5;

    /// <summary>Makes a profile over existing arrays.</summary>
    /// <exception cref="ArgumentException">The interval does not divide an hour, the start is off the grid, or lengths differ.</exception>
    public LoadProfile(Measurand measurand, int exponent, Instant start, int intervalMinutes, ReadOnlyMemory<long> quantities, ReadOnlyMemory<byte> qualities)
    {
        if (intervalMinutes is not (5 or 10 or 15 or 30 or 60))
        {
            throw new ArgumentException($"{intervalMinutes} minutes: an interval is 5, 10, 15, 30 or 60 minutes", nameof(intervalMinutes));
        }

        if (start.ToUnixTimeTicks() % (FinestMinutes * NodaConstants.TicksPerMinute) != 0)
        {
            throw new ArgumentException($"{start} is not on the {FinestMinutes}-minute UTC grid", nameof(start));
        }

        if (qualities.Length != 0 && qualities.Length != quantities.Length)
        {
            throw new ArgumentException($"{quantities.Length} quantities but {qualities.Length} qualities", nameof(qualities));
        }

        Measurand = measurand;
        Exponent = exponent;
        Start = start;
        IntervalMinutes = intervalMinutes;
        Quantities = quantities;
        Qualities = qualities;
    }

    /// <summary>What flows, and which way.</summary>
    public Measurand Measurand { get; }

    /// <summary>Power of ten of a stored integer, in the base unit.</summary>
    public int Exponent { get; }

    /// <summary>
    /// Start of interval 0. Stored channels lie on the UTC grid of their interval; what is only rated may lie on a local one,
    /// such as hours of India, as long as it is on the grid of five minutes.
    /// </summary>
    public Instant Start { get; }

    /// <summary>5, 10, 15, 30 or 60.</summary>
    public int IntervalMinutes { get; }

    /// <summary>One integer an interval.</summary>
    public ReadOnlyMemory<long> Quantities { get; }

    /// <summary>One <see cref="IntervalQuality"/> an interval; empty when all are measured.</summary>
    public ReadOnlyMemory<byte> Qualities { get; }

    /// <summary>Number of intervals.</summary>
    public int Length => Quantities.Length;

    /// <summary>End of the last interval (exclusive).</summary>
    public Instant End => Start + Duration.FromMinutes((long)IntervalMinutes * Length);
}
