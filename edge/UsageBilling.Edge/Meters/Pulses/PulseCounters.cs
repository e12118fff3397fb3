using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>
/// The counters of all pulse meters, and when they are made durable: before each sampling cycle is stored, so that no stored register is ever
/// above the counter after a power cut; and in between after <see cref="SavePulses"/> pulses of a meter or <see cref="SaveAfter"/>.
/// So a power cut costs a meter at most the pulses of ten seconds, or, when they come faster, <see cref="SavePulses"/> and those of one second.
/// </summary>
public sealed class PulseCounters : IDisposable
{
    /// <summary>After so many pulses of a meter the counters are saved.</summary>
    public const int SavePulses = 100;

    /// <summary>After this time the counters are saved if there was any pulse.</summary>
    public static readonly TimeSpan SaveAfter = TimeSpan.FromSeconds(10);

    /// <summary>How often it is looked whether to save.</summary>
    public static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(1);

    private readonly Lock _saving = new();
    private readonly CounterSlots _slots;
    private readonly TimeProvider _time;
    private readonly ImmutableArray<PulseMeter> _meters;
    private CounterSnapshot _saved;
    private long _savedAt;

    private PulseCounters(CounterSlots slots, string? setAside, ImmutableArray<PulseMeterSettings> meters, Func<PulsePin, IPulseSource> source, TimeProvider time)
    {
        (_slots, _time, SetAside) = (slots, time, setAside);
        Found = slots.Found?.Through;
        _saved = slots.Found ?? new CounterSnapshot(Now(), ImmutableDictionary<RegisterId, CounterState>.Empty);
        _savedAt = time.GetTimestamp();
        _meters = [.. meters.Select(m => new PulseMeter(
            m,
            source,
            slots.Found?.Counters.TryGetValue(m.Register.Id, out var state) == true ? state : null,
            slots.Found is { } found ? found.Through : null,
            time))];
    }

    /// <summary>The file that was damaged and set aside, if one was.</summary>
    public string? SetAside { get; }

    /// <summary>The pulse meters.</summary>
    public IReadOnlyList<PulseMeter> Meters => _meters;

    /// <summary>Until when an earlier process counted; null when there was none.</summary>
    public Instant? Found { get; }

    /// <summary>Until when pulses were counted when the counters were last saved.</summary>
    public Instant Through => _saved.Through;

    /// <summary>How often the counters were made durable.</summary>
    public long Syncs => _slots.Syncs;

    /// <summary>The counters' file in a state folder.</summary>
    public static string FileIn(string stateFolder) => Path.Combine(stateFolder, "pulse-counters");

    /// <summary>Opens the counters of a state folder. A file that is damaged beyond its second slot is set aside and counting begins anew.</summary>
    /// <param name="folder">The state folder.</param>
    /// <param name="meters">The pulse meters.</param>
    /// <param name="source">Gives the source that counts a pin.</param>
    /// <param name="time">Clock.</param>
    public static PulseCounters Open(string folder, IEnumerable<PulseMeterSettings> meters, Func<PulsePin, IPulseSource> source, TimeProvider time)
    {
        Directory.CreateDirectory(folder);
        var file = FileIn(folder);
        string? setAside = null;
        CounterSlots slots;
        try
        {
            slots = CounterSlots.Open(file);
        }
        catch (InvalidDataException)
        {
            // What is not whole is never written over: a person may want to look at it.
            setAside = $"{file}.damaged-{time.GetUtcNow():yyyyMMddTHHmmss}";
            File.Move(file, setAside);
            slots = CounterSlots.Open(file);
        }

        Folder.Sync(folder);
        return new PulseCounters(slots, setAside, [.. meters], source, time);
    }

    /// <summary>
    /// Makes the counters durable if any has changed. Otherwise, with <paramref name="keepInstant"/>, <see cref="Through"/> is written where it outlives
    /// this process: that alone is not worth a wait for the disk.
    /// </summary>
    public void Save(bool keepInstant = false)
    {
        lock (_saving)
        {
            var now = Snapshot();
            if (_slots.Syncs == 0 || now.Counters.Any(c => !_saved.Counters.TryGetValue(c.Key, out var saved) || saved != c.Value))
            {
                _slots.Save(now);
            }
            else if (keepInstant)
            {
                _slots.Keep(now);
            }

            (_saved, _savedAt) = (now, _time.GetTimestamp());
        }
    }

    /// <summary>Makes the counters durable if it is time to.</summary>
    public void SaveIfDue()
    {
        var due = _time.GetElapsedTime(_savedAt) >= SaveAfter
            || _meters.Any(m => m.State.Pulses - _saved.Counters.GetValueOrDefault(m.Register.Id).Pulses >= SavePulses);
        if (due)
        {
            Save();
        }
    }

    /// <summary>Stops counting and makes the counters durable.</summary>
    public void Dispose()
    {
        foreach (var meter in _meters)
        {
            meter.Dispose();
        }

        Save();
        _slots.Dispose();
    }

    // Counters of meters that are not in the configuration just now are kept: a meter that is taken out by mistake comes back with its register.
    private CounterSnapshot Snapshot() => new(Now(), _saved.Counters.SetItems(_meters.Select(m => KeyValuePair.Create(m.Register.Id, m.State))));

    private Instant Now() => Instant.FromDateTimeOffset(_time.GetUtcNow());
}
