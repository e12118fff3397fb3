using System.Diagnostics;

namespace UsageBilling.Demo;

/// <summary>What happens when, on the screen: a line a second at most for progress, and where the time went at the end.</summary>
internal sealed class Timeline
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly List<(string Phase, TimeSpan Took)> _phases = [];
    private readonly Lock _screen = new();
    private long _lastProgress;

    public void Say(string text)
    {
        lock (_screen)
        {
            Console.WriteLine($"[{Stopwatch.GetElapsedTime(_start).TotalSeconds,6:0.0} s] {text}");
        }
    }

    /// <summary>Says it unless something was said less than a second ago.</summary>
    public void Progress(string text)
    {
        lock (_screen)
        {
            if (_lastProgress != 0 && Stopwatch.GetElapsedTime(_lastProgress) < TimeSpan.FromSeconds(1))
            {
                return;
            }

            _lastProgress = Stopwatch.GetTimestamp();
        }

        Say(text);
    }

    public async Task<T> PhaseAsync<T>(string name, Func<Task<T>> work)
    {
        var begun = Stopwatch.GetTimestamp();
        var result = await work();
        _phases.Add((name, Stopwatch.GetElapsedTime(begun)));
        return result;
    }

    public Task PhaseAsync(string name, Func<Task> work) => PhaseAsync(name, async () =>
    {
        await work();
        return true;
    });

    public void Summary() =>
        Say($"where the time went: {string.Join(", ", _phases.Select(p => $"{p.Phase} {p.Took.TotalSeconds:0.0} s"))}");
}
