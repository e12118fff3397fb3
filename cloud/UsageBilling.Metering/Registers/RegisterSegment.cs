using NodaTime;

namespace UsageBilling.Metering.Registers;

/// <summary>Why a segment begins. Stored: values never change meaning.</summary>
public enum SegmentCause : byte
{
    /// <summary>The register began to feed its channel, the first one to do so.</summary>
    Install = 1,

    /// <summary>The register took over from another one.</summary>
    Exchange = 2,

    /// <summary>The display passed its highest value.</summary>
    Rollover = 3,

    /// <summary>The display fell and rollover does not explain it: what was used in between is not known.</summary>
    Fall = 4,

    /// <summary>The register was set by hand at the gateway: what was used in between is not known.</summary>
    Set = 5,
}

/// <summary>
/// A stretch in which a register only rises. Within it the register unwrapped since installation is
/// <c>UnwrappedBase + raw − RawStart</c>; at the first point of a segment it is <see cref="UnwrappedBase"/>.
/// </summary>
/// <param name="From">Instant of the segment's first point.</param>
/// <param name="Cause">Why it begins.</param>
/// <param name="RawStart">Display at the first point.</param>
/// <param name="UnwrappedBase">Counts since installation at the first point.</param>
public readonly record struct RegisterSegment(Instant From, SegmentCause Cause, long RawStart, long UnwrappedBase)
{
    /// <summary>True when the advance from the point before the segment to its first point is not known, and counts as zero.</summary>
    public bool BreaksAdvance => Cause is SegmentCause.Fall or SegmentCause.Set;

    /// <summary>Counts since installation when the display shows <paramref name="raw"/> within this segment.</summary>
    public long Unwrap(long raw) => checked(UnwrappedBase + (raw - RawStart));
}
