using Microsoft.Extensions.Logging;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Meters;
using UsageBilling.Edge.Meters.Pulses;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Sampling;

/// <summary>What a cycle came to.</summary>
/// <param name="Readings">Readings stored.</param>
/// <param name="Failing">Meters that gave none.</param>
public readonly record struct CycleResult(int Readings, int Failing);

/// <summary>
/// One sampling cycle: read all meters, make the pulse counters durable, store the readings in one transaction. When it returns, the readings are on disk.
/// </summary>
public sealed class Sampler(MeterPoller poller, PulseCounters counters, ReadingBuffer buffer, GatewayClock clock, ILogger<Sampler> logger)
{
    private const int MaxPendingEvents = 1_000;
    private readonly List<EventNote> _pending = [];

    /// <summary>Tells something with the next cycle.</summary>
    public void Note(string kind, RegisterKey? register, string detail) => Add(new EventNote(clock.Now, kind, register, detail));

    /// <summary>Samples and stores. Readings carry the instants at which they were read.</summary>
    /// <param name="keepInstant">Keep with the counters how far sampling came, also when no pulse was counted: for simulations, which resume there.</param>
    /// <param name="cancellationToken">Gives up before storing.</param>
    /// <exception cref="BufferException">Nothing was stored; events are kept for the next cycle.</exception>
    public async Task<CycleResult> SampleAsync(bool keepInstant, CancellationToken cancellationToken)
    {
        var stamp = clock.Stamp();
        var polls = await poller.PollAsync(forBilling: true, cancellationToken);
        foreach (var note in polls.SelectMany(p => p.Events))
        {
            Log.MeterEvent(logger, note.Kind, note.Detail);
            Add(note);
        }

        var read = polls.Where(p => p.Read is not null).ToList();
        Reading[] readings = [.. read.SelectMany(p => p.Read!.Readings)];

        // First the counters: a stored register must never be above the counter that a restart begins with.
        counters.Save(keepInstant);
        EventNote[] told = [.. _pending];
        if (readings.Length > 0 || told.Length > 0)
        {
            await buffer.Store(new SamplingCycle(stamp, readings, told), cancellationToken);
        }

        _pending.RemoveRange(0, told.Length);
        foreach (var poll in read)
        {
            poll.Meter.Stored();
        }

        return new CycleResult(readings.Length, poller.Statuses.Count - read.Count);
    }

    private void Add(EventNote note)
    {
        if (_pending.Count == MaxPendingEvents)
        {
            // Only reached when storing has failed for days; the newest are the ones that explain it.
            _pending.RemoveAt(0);
        }

        _pending.Add(note);
    }
}
