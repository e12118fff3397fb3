namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>Tests that fill a machine: one at a time.</summary>
[CollectionDefinition(nameof(OneAtATime), DisableParallelization = true)]
public sealed class OneAtATime;

/// <summary>What a run did, for the test's output, and in the long form for a file of its own beside the other results.</summary>
internal sealed class RunLog : IDisposable
{
    private readonly ITestOutputHelper _output;
    private readonly StreamWriter? _file;
    private readonly long _begun = TimeProvider.System.GetTimestamp();

    private RunLog(ITestOutputHelper output, StreamWriter? file) => (_output, _file) = (output, file);

    public static RunLog Open(string name, ITestOutputHelper output) => new(
        output,
        Environment.GetEnvironmentVariable("USAGE_BILLING_RESULTS") is { Length: > 0 } folder ? new StreamWriter(Path.Combine(folder, name + ".log")) { AutoFlush = true } : null);

    public void Write(string text)
    {
        var line = $"{TimeProvider.System.GetElapsedTime(_begun).TotalSeconds,6:0.0} s  {text}";
        _output.WriteLine(line);
        _file?.WriteLine(line);
    }

    public void Dispose() => _file?.Dispose();
}
