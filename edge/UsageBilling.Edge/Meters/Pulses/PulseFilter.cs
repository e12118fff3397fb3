using UsageBilling.Edge.Configuration;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>
/// Tells pulses from bounces where nobody else does. A contact bounces after closing and after opening, so an edge counts only when the
/// pin was quiet for the debounce time before it. The first edge counts only if the pin was seen at rest before: no phantom pulse at start.
/// </summary>
internal sealed class PulseFilter(PulseEdge edge, TimeSpan debounce, TimeProvider time)
{
    private long? _lastEdge;
    private bool _rested;

    /// <summary>The pin's level when watching begins.</summary>
    public void Begin(bool high) => _rested = high == (edge == PulseEdge.Falling);

    /// <summary>True when this edge is a pulse.</summary>
    public bool IsPulse(bool falling)
    {
        var now = time.GetTimestamp();
        var quiet = _lastEdge is not { } last || time.GetElapsedTime(last, now) >= debounce;
        _lastEdge = now;
        var closing = falling == (edge == PulseEdge.Falling);
        var pulse = closing && quiet && _rested;
        _rested |= !closing;
        return pulse;
    }
}
