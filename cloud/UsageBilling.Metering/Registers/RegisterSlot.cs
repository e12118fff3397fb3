using UsageBilling.Protocols;

namespace UsageBilling.Metering.Registers;

/// <summary>
/// The register at one boundary of the sampling grid. Two readings for the same boundary merge by a rule that sees nothing but the two, so
/// the result does not depend on the order in which, or how often, they arrive.
/// </summary>
/// <param name="Value">Raw integer in the meter's own digits, at the register's scale.</param>
/// <param name="Quality">What was doubtful about the reading; a lower number is better.</param>
/// <param name="DistanceMs">How far from the boundary it was read, in milliseconds.</param>
/// <param name="Conflict">A reading with another value was seen for the same boundary.</param>
public readonly record struct RegisterSlot(long Value, ReadingQuality Quality, ushort DistanceMs, bool Conflict)
{
    /// <summary>Readings up to this far from a boundary stand for it; others are kept as reads of their own instant.</summary>
    public const int ToleranceMs = 30_000;

    /// <summary>Bits of <see cref="ReadingQuality"/> that are kept; the two above them mark presence and conflict in a packed day.</summary>
    public const ReadingQuality KnownQuality = (ReadingQuality)0x3F;

    /// <summary>
    /// Better quality wins, then smaller distance, then the larger value; a loser with another value leaves the conflict flag.
    /// Commutative, associative and idempotent.
    /// </summary>
    public static RegisterSlot Merge(RegisterSlot a, RegisterSlot b)
    {
        var winner = IsBetter(b, a) ? b : a;
        return winner with { Conflict = a.Conflict || b.Conflict || a.Value != b.Value };
    }

    private static bool IsBetter(RegisterSlot a, RegisterSlot b) =>
        a.Quality != b.Quality ? a.Quality < b.Quality
        : a.DistanceMs != b.DistanceMs ? a.DistanceMs < b.DistanceMs
        : a.Value > b.Value;
}
