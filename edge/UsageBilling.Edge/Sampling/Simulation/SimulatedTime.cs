using NodaTime;

namespace UsageBilling.Edge.Sampling.Simulation;

/// <summary>The site's time in a simulation: stands still until it is set. Timers stay real, nobody waits in simulated time.</summary>
public sealed class SimulatedTime(Instant start) : TimeProvider
{
    private long _ticks = start.ToUnixTimeTicks();

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Sets the time.</summary>
    public void Set(Instant now) => Volatile.Write(ref _ticks, now.ToUnixTimeTicks());

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(Volatile.Read(ref _ticks));

    /// <inheritdoc/>
    public override long GetTimestamp() => Volatile.Read(ref _ticks);
}
