using NodaTime;

namespace UsageBilling.Metering.Registers;

/// <summary>What a register really showed at an instant, as a person says who looked.</summary>
/// <param name="At">The instant; for a boundary of the grid the boundary itself.</param>
/// <param name="Value">Raw integer in the meter's own digits, at the register's scale.</param>
/// <param name="CorrectedAt">When it was said: of several the latest stands.</param>
/// <param name="Id">Decides between two said at the same moment.</param>
public readonly record struct RegisterCorrection(Instant At, long Value, Instant CorrectedAt, Guid Id)
{
    /// <summary>Replaces what was read at the instants that were corrected, however good it was, and adds what nobody read.</summary>
    public static void Apply(List<RegisterPoint> points, IEnumerable<RegisterCorrection> corrections)
    {
        var standing = corrections.GroupBy(c => c.At).Select(g => g.MaxBy(c => (c.CorrectedAt, c.Id))).ToDictionary(c => c.At);
        if (standing.Count > 0)
        {
            points.RemoveAll(p => standing.ContainsKey(p.At));
            points.AddRange(standing.Values.Select(c => new RegisterPoint(c.At, c.Value, Protocols.ReadingQuality.Good)));
        }
    }
}
