using NodaTime;

namespace UsageBilling.Edge.Sampling.Simulation;

/// <summary>How a simulation runs.</summary>
/// <param name="SocketPath">The simulator's control socket.</param>
/// <param name="From">First instant to sample, rounded up to a boundary.</param>
/// <param name="To">Last instant; null goes on live when now is reached.</param>
public sealed record SimulationOptions(string SocketPath, Instant From, Instant? To)
{
    private const string Scheme = "unix:";

    /// <summary>The path out of <c>unix:PATH</c>.</summary>
    public static bool TryPath(string text, out string path)
    {
        path = text.StartsWith(Scheme, StringComparison.Ordinal) ? text[Scheme.Length..] : "";
        return path.Length > 0;
    }
}
