using NodaTime;

namespace UsageBilling.Edge.Simulator.Serving;

/// <summary>The instant that the site's registers answer for: now, or what a simulation has set.</summary>
public sealed class SiteClock(TimeProvider time)
{
    private long simulatedTicks = long.MinValue;

    /// <summary>The instant.</summary>
    public Instant Now => Volatile.Read(ref simulatedTicks) is var ticks && ticks != long.MinValue
        ? Instant.FromUnixTimeTicks(ticks)
        : Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <summary>Sets the instant; from then on it stands still until it is set again.</summary>
    public void Set(Instant instant) => Volatile.Write(ref simulatedTicks, instant.ToUnixTimeTicks());
}
