using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Buffer;

/// <summary>
/// What the gateway's clock said when a cycle was sampled. Boot id and monotonic time allow instants taken before the
/// clock was trusted to be put right afterwards.
/// </summary>
/// <param name="At">Wall clock.</param>
/// <param name="Boot">The kernel's boot id.</param>
/// <param name="MonotonicMs">Milliseconds of the monotonic clock of that boot.</param>
/// <param name="Trusted">True when the wall clock was known to be right.</param>
public readonly record struct ClockStamp(Instant At, Guid Boot, long MonotonicMs, bool Trusted)
{
    /// <summary>Wall clock minus monotonic clock: constant within a boot while nobody sets the clock.</summary>
    public long OffsetMs => At.ToUnixTimeMilliseconds() - MonotonicMs;
}

/// <summary>All that one sampling cycle brought: stored together or not at all.</summary>
/// <param name="Stamp">The clock when the cycle was sampled; readings carry instants by the same clock.</param>
/// <param name="Readings">Registers read.</param>
/// <param name="Events">What happened since the cycle before.</param>
public sealed record SamplingCycle(ClockStamp Stamp, IReadOnlyList<Reading> Readings, IReadOnlyList<EventNote> Events);
