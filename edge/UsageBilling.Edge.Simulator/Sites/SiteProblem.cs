namespace UsageBilling.Edge.Simulator.Sites;

/// <summary>A mistake in a site file: where, and what to do.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record SiteProblem(int Line, string Message)
{
    /// <summary>As compilers print it.</summary>
    public override string ToString() => $"line {Line}: {Message}";
}
