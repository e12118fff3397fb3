using System.Collections.Concurrent;

namespace UsageBilling.Edge.Health;

/// <summary>
/// Knows each loop of the gateway by its progress. A loop registers with the longest time it may take between two steps and
/// reports each step; the watchdog is fed only while all loops are within theirs.
/// </summary>
public sealed class Supervision(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Loop> _loops = new();

    /// <summary>Registers a loop, or the same loop anew.</summary>
    public Loop Register(string name, TimeSpan longestStep) => _loops[name] = new Loop(this, name, longestStep);

    /// <summary>Loops that made no progress within their time; empty when all is well.</summary>
    public IReadOnlyList<string> Stalled() => [.. _loops.Values.Where(l => l.IsStalled).Select(l => l.Name).Order()];

    /// <summary>One supervised loop.</summary>
    public sealed class Loop
    {
        private readonly Supervision _owner;
        private readonly TimeSpan _longestStep;
        private long _last;

        internal Loop(Supervision owner, string name, TimeSpan longestStep)
        {
            (_owner, Name, _longestStep) = (owner, name, longestStep);
            Progress();
        }

        /// <summary>The loop's name in messages.</summary>
        public string Name { get; }

        internal bool IsStalled => Volatile.Read(ref _last) is >= 0 and var last && _owner.Elapsed(last) > _longestStep;

        /// <summary>The loop made a step.</summary>
        public void Progress() => Volatile.Write(ref _last, _owner.Timestamp());

        /// <summary>The loop waits for something that may never come, or ended as it should: no progress is expected.</summary>
        public void Rest() => Volatile.Write(ref _last, -1);
    }

    private long Timestamp() => time.GetTimestamp();

    private TimeSpan Elapsed(long since) => time.GetElapsedTime(since);
}
