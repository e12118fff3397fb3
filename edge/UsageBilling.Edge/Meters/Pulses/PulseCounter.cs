namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>The pulses of one meter. A source's reader only adds here; everything else happens in other threads.</summary>
public sealed class PulseCounter(long pulses = 0, long lost = 0)
{
    private long _pulses = pulses;
    private long _lost = lost;

    /// <summary>Pulses ever counted.</summary>
    public long Pulses => Interlocked.Read(ref _pulses);

    /// <summary>Pulses known to have been lost: a lower bound.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>One pulse more. Never throws.</summary>
    public void Count() => Interlocked.Increment(ref _pulses);

    /// <summary>So many pulses are known to be missing. Never throws.</summary>
    public void Lose(long pulses) => Interlocked.Add(ref _lost, pulses);
}
