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
internal sealed class Projection(NpgsqlConnection connection, Instant now)
{
    private readonly RegisterDayStore _store = new(connection);
    private readonly List<ParkedReadings> _parked = [];

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
        }

        var registers = await RegisterCatalog.LockAsync(connection, ids.Values, cancellationToken);
        var routed = RouteAll(decoded, ids, registers, await Retention.FloorAsync(connection, cancellationToken));
        await _store.LoadAsync(Surroundings(routed), cancellationToken);
        var dirty = Merge(routed);
        var reads = routed.Where(r => r.Route.Read is not null).Select(r => (r.Register.Id, r.Route.Read!.Value, "off-boundary", r.Source)).ToArray();
        foreach (var (register, at) in await _store.AddReadsAsync(reads, cancellationToken))
        {
            dirty.Add(register, at);
        }

        await _store.SaveAsync(registers, cancellationToken);
        await new Recomputation(connection, _store, registers, now).RunAsync(dirty, cancellationToken);
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

    private List<RoutedReading> RouteAll(
        List<(JournalBatch Journal, ReadingBatch Batch)> decoded, Dictionary<RegisterKey, RegisterId> ids, Dictionary<RegisterId, KnownRegister> registers, Instant floor)
    {
        var routed = new List<RoutedReading>();
        var refusals = new Dictionary<(RegisterKey, string), (int Count, string Detail)>();
        foreach (var (journal, batch) in decoded)
        {
            var source = $"{journal.Gateway}/{journal.Stream}/{journal.Sequence}";
            refusals.Clear();
            KnownRegister? register = null;
            RegisterKey last = default;
            foreach (var reading in batch.Readings)
            {
                if (reading.Register != last)
                {
                    last = reading.Register;
                    register = registers.GetValueOrDefault(ids[last]);
                }

                if (register is null)
                {
                    Count(refusals, reading.Register, Route.UnknownRegister, $"nobody registered {reading.Register}");
                    continue;
                }

                var route = Route.Of(reading, register, journal.ReceivedAt, floor);
                if (route.Refusal is { } reason)
                {
                    Count(refusals, reading.Register, reason, route.Detail!);
                    continue;
                }

                if (route.IsBeyondDisplay(register, reading.At))
                {
                    Count(refusals, reading.Register, Route.BeyondDisplay, $"{reading.Value} at {reading.At} does not fit the display; correct the installation's digits");
                }

                routed.Add(new RoutedReading(register, route, source));
            }

            foreach (var ((refused, reason), (count, detail)) in refusals)
            {
                _parked.Add(new ParkedReadings(journal.Gateway, journal.Stream, journal.Sequence, refused.ToString(), reason, detail, count, now));
            }
        }

        return routed;
    }

    private static void Count(Dictionary<(RegisterKey, string), (int Count, string Detail)> refusals, RegisterKey register, string reason, string detail) =>
        refusals[(register, reason)] = refusals.TryGetValue((register, reason), out var before) ? (before.Count + 1, before.Detail) : (1, detail);

    /// <summary>Each day that a reading falls on, and its neighbours, which the intervals around it need.</summary>
    private static HashSet<(RegisterId, LocalDate)> Surroundings(List<RoutedReading> routed)
    {
        var days = new HashSet<(RegisterId, LocalDate)>();
        (RegisterId, LocalDate) last = default;
        foreach (var reading in routed)
        {
            var day = reading.Route.Place?.Day ?? UtcDay.Of(reading.Route.Read!.Value.At);
            if (last == (reading.Register.Id, day))
            {
                continue;
            }

            last = (reading.Register.Id, day);
            days.Add(last);
            days.Add((reading.Register.Id, day.PlusDays(-1)));
            days.Add((reading.Register.Id, day.PlusDays(1)));
        }

        return days;
    }

    private DirtyRegisters Merge(List<RoutedReading> routed)
    {
        var dirty = new DirtyRegisters();
        foreach (var (register, route, _) in routed)
        {
            if (route.Place is { } place && _store.Merge(register, place, route.Slot) == SlotChange.Value)
            {
                dirty.Add(register.Id, UtcDay.StartOf(place.Day) + Duration.FromMinutes((long)place.Slot * register.IntervalOn(place.Day)));
            }
        }

        return dirty;
    }

    private readonly record struct RoutedReading(KnownRegister Register, Route Route, string Source);
}
