using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// Takes journalled batches into register days and recomputes the intervals they touch. Runs in the caller's transaction, which also moves the
/// streams' positions; applying a batch twice changes nothing.
/// </summary>
internal sealed class Projection(NpgsqlConnection connection, Instant now, Senders senders)
{
    private readonly RegisterDayStore _store = new(connection);
    private readonly List<ParkedReadings> _parked = [];
    private readonly RegisterNotes _notes = new();
    private readonly HashSet<(RegisterId Register, LocalDate Day)> _misfits = [];

    /// <summary>Applies batches and returns what must be parked.</summary>
    public async Task<IReadOnlyList<ParkedReadings>> ApplyAsync(IReadOnlyList<JournalBatch> batches, CancellationToken cancellationToken)
    {
        var decoded = Decode(batches);
        var ids = new Dictionary<RegisterKey, RegisterId>();
        foreach (var (_, batch) in decoded)
        {
            // Readings of a register stand together, and comparing with the last one is cheaper than hashing the key.
            RegisterKey last = default;
            foreach (var reading in batch.Readings)
            {
                if (reading.Register != last && !ids.ContainsKey(last = reading.Register))
                {
                    ids.Add(last, last.Id);
                }
            }

            foreach (var named in RegisterNotes.Named(batch))
            {
                ids.TryAdd(named, named.Id);
            }
        }

        var registers = await RegisterCatalog.LockAsync(connection, ids.Values, cancellationToken);
        var slots = new List<SlotReading>(decoded.Sum(d => d.Batch.Readings.Length));
        var reads = new List<(RegisterId Register, RegisterPoint Point, string Kind, string Source)>();
        RouteAll(decoded, ids, registers, await Retention.FloorAsync(connection, cancellationToken), slots, reads);
        await _store.LoadAsync(Surroundings(slots, reads), cancellationToken);
        var dirty = Merge(slots);
        foreach (var (register, at) in await _store.AddReadsAsync(reads, cancellationToken))
        {
            dirty.Add(register, at);
        }

        await _store.SaveAsync(registers, cancellationToken);
        await _notes.SaveAsync(connection, replace: false, cancellationToken);
        await senders.SaveAsync(connection, cancellationToken);
        await new Recomputation(connection, _store, registers, now).RunAsync(dirty, cancellationToken);
        await ValidateAgainAsync(registers, cancellationToken);
        await TimeOfUseRegisters.ReadLateAsync(connection, [.. dirty.Windows().Where(w => registers[w.Register].Installations.IsEmpty)], now, cancellationToken);
        return _parked;
    }

    private List<(JournalBatch Journal, ReadingBatch Batch)> Decode(IReadOnlyList<JournalBatch> batches)
    {
        var decoded = new List<(JournalBatch, ReadingBatch)>(batches.Count);
        foreach (var journal in batches)
        {
            if (BatchCodec.TryDecode(journal.Body, out var batch, out var problem))
            {
                decoded.Add((journal, batch));
            }
            else
            {
                _parked.Add(new ParkedReadings(journal.Gateway, journal.Stream, journal.Sequence, "", Route.Unparseable, problem, 0, now));
            }
        }

        return decoded;
    }

    private void RouteAll(
        List<(JournalBatch Journal, ReadingBatch Batch)> decoded, Dictionary<RegisterKey, RegisterId> ids, Dictionary<RegisterId, KnownRegister> registers, Instant floor,
        List<SlotReading> slots, List<(RegisterId, RegisterPoint, string, string)> reads)
    {
        var refusals = new Dictionary<(RegisterKey, string), Refused>();
        foreach (var (journal, batch) in decoded)
        {
            refusals.Clear();
            _notes.AddEvents(journal, batch, key => registers.GetValueOrDefault(ids[key])?.Id, floor);
            KnownRegister? register = null;
            RegisterKey last = default;
            foreach (var reading in batch.Readings)
            {
                if (reading.Register != last)
                {
                    last = reading.Register;
                    register = registers.GetValueOrDefault(ids[last]);
                    if (register is not null)
                    {
                        senders.Add(register.Id, journal.Gateway);
                    }
                }

                if (register is null)
                {
                    Count(refusals, reading, Route.UnknownRegister, $"nobody registered {reading.Register}");
                    continue;
                }

                var route = Route.Of(reading, register, journal.ReceivedAt, floor);
                if (route.Refusal is { } reason)
                {
                    if (reason == Route.WrongScale)
                    {
                        _misfits.Add((register.Id, UtcDay.Of(reading.At)));
                    }

                    Count(refusals, reading, reason, route.Detail!);
                    continue;
                }

                if (route.IsBeyondDisplay(register, reading.At))
                {
                    Count(refusals, reading, Route.BeyondDisplay, $"{reading.Value} at {reading.At} does not fit the display; correct the installation's digits");
                }

                if (batch.ClockOffset is { } offset)
                {
                    _notes.AddClock(register.Id, reading.At, offset);
                }

                if (route.Place is { } place)
                {
                    slots.Add(new SlotReading(register, place, route.Slot));
                }
                else
                {
                    reads.Add((register.Id, route.Read!.Value, "off-boundary", $"{journal.Gateway}/{journal.Stream}/{journal.Sequence}"));
                }
            }

            foreach (var ((key, reason), refused) in refusals)
            {
                _parked.Add(new ParkedReadings(
                    journal.Gateway, journal.Stream, journal.Sequence, key.ToString(), reason, refused.Detail, refused.Count, now, Storable(refused.First), Storable(refused.Last)));
            }
        }
    }

    private static void Count(Dictionary<(RegisterKey, string), Refused> refusals, Reading reading, string reason, string detail) =>
        refusals[(reading.Register, reason)] = refusals.TryGetValue((reading.Register, reason), out var before)
            ? new Refused(before.Count + 1, before.Detail, Instant.Min(before.First, reading.At), Instant.Max(before.Last, reading.At))
            : new Refused(1, detail, reading.At, reading.At);

    /// <summary>What is said of a register, or parked of it, changes no interval: ended days that it speaks of are due all the same. What another meter answered holds until now.</summary>
    private Task ValidateAgainAsync(Dictionary<RegisterId, KnownRegister> registers, CancellationToken cancellationToken)
    {
        const int LongestSilence = 100;
        var today = UtcDay.Of(now);
        var spoken = _notes.Clocks.Keys.Concat(_misfits).Concat(_notes.OtherMeters.SelectMany(m => Enumerable.Range(0, LongestSilence).Select(i => (m.Register, Day: UtcDay.Of(m.At).PlusDays(i)))));
        return DueDays.AddAsync(connection, [.. spoken.Where(s => s.Day < today).Distinct().SelectMany(s => registers[s.Register].Installations
            .Where(i => i.Terms.From < UtcDay.StartOf(s.Day.PlusDays(1)) && !(i.Terms.To <= UtcDay.StartOf(s.Day)))
            .Select(i => (i.Channel, s.Day))).Distinct()], now, cancellationToken);
    }

    // A clock may say anything, and PostgreSQL does not keep all of it.
    private static Instant Storable(Instant at) => Instant.Max(Instant.FromUtc(1900, 1, 1, 0, 0), Instant.Min(at, Instant.FromUtc(2200, 1, 1, 0, 0)));

    /// <summary>Each day that a reading falls on, and its neighbours, which the intervals around it need.</summary>
    private static HashSet<(RegisterId, LocalDate)> Surroundings(List<SlotReading> slots, List<(RegisterId Register, RegisterPoint Point, string, string)> reads)
    {
        var days = new HashSet<(RegisterId, LocalDate)>();
        (RegisterId, LocalDate) last = default;
        foreach (var slot in slots)
        {
            if (last != (slot.Register.Id, slot.Place.Day))
            {
                last = (slot.Register.Id, slot.Place.Day);
                Add(slot.Register.Id, slot.Place.Day);
            }
        }

        foreach (var read in reads)
        {
            Add(read.Register, UtcDay.Of(read.Point.At));
        }

        return days;

        void Add(RegisterId register, LocalDate day)
        {
            days.Add((register, day));
            days.Add((register, day.PlusDays(-1)));
            days.Add((register, day.PlusDays(1)));
        }
    }

    private DirtyRegisters Merge(List<SlotReading> slots)
    {
        var dirty = new DirtyRegisters();
        foreach (var (register, place, slot) in slots)
        {
            if (_store.Merge(register, place, slot) == SlotChange.Value)
            {
                dirty.Add(register.Id, UtcDay.StartOf(place.Day) + Duration.FromMinutes((long)place.Slot * register.IntervalOn(place.Day)));
            }
        }

        return dirty;
    }

    private readonly record struct Refused(int Count, string Detail, Instant First, Instant Last);

    private readonly record struct SlotReading(KnownRegister Register, GridPlace Place, RegisterSlot Slot);
}
