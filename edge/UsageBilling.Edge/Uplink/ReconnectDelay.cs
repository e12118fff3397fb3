namespace UsageBilling.Edge.Uplink;

/// <summary>
/// Waits before reconnecting: anywhere between nothing and a bound that doubles. Sessions that connected and were thrown out soon
/// count as failures too, or a broker that kicks would be stormed.
/// </summary>
internal sealed class ReconnectDelay(UplinkOptions options, Func<double> random)
{
    private int _failures;

    public TimeSpan After(TimeSpan sessionLasted)
    {
        _failures = sessionLasted >= options.StableAfter ? 0 : _failures + 1;
        var bound = options.ReconnectFrom * Math.Pow(2, Math.Clamp(_failures - 1, 0, 30));
        return (bound < options.ReconnectAtMost ? bound : options.ReconnectAtMost) * random();
    }
}
