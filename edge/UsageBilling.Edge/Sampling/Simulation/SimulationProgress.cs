using System.Globalization;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Meters.Pulses;

namespace UsageBilling.Edge.Sampling.Simulation;

/// <summary>
/// Says on standard output how far a simulation is, about once a second:
/// <c>progress cycles=120 of=5856 rate=410.2 fsyncs=240 ratio=0.50</c>. Cycles count once they are on disk; rate is cycles a second; ratio is cycles to
/// fsyncs, those of the uplink's batches included.
/// </summary>
internal sealed class SimulationProgress(ReadingBuffer buffer, PulseCounters counters, TextWriter output)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private readonly TimeProvider _realTime = TimeProvider.System;
    private long _begun;
    private long _printed;
    private long _cycles;
    private long _of;
    private long _syncsBefore;

    public void Begin(long of)
    {
        (_begun, _of, _syncsBefore) = (_realTime.GetTimestamp(), of, Syncs);
        Print();
    }

    public void Stored(long left)
    {
        _of = ++_cycles + left;
        if (_realTime.GetElapsedTime(_printed) >= Every)
        {
            Print();
        }
    }

    public void End() => Print();

    private long Syncs => buffer.Syncs + counters.Syncs;

    private void Print()
    {
        _printed = _realTime.GetTimestamp();
        var seconds = _realTime.GetElapsedTime(_begun, _printed).TotalSeconds;
        var syncs = Syncs - _syncsBefore;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"progress cycles={_cycles} of={_of} rate={(seconds > 0 ? _cycles / seconds : 0):0.0} fsyncs={syncs} ratio={(syncs > 0 ? (double)_cycles / syncs : 0):0.00}"));
        output.Flush();
    }
}
