using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Metering;

/// <summary>Registers as the journal says they were read, by the same routing and merging as projection, from the journal alone.</summary>
internal sealed class RebuiltRegisters(Dictionary<RegisterId, KnownRegister> registers)
{
    private readonly Dictionary<RegisterId, List<RegisterPoint>> _others = [];
    private readonly Dictionary<RegisterId, List<RegisterCorrection>> _corrections = [];
    private ((RegisterId Register, LocalDate Day) Key, RegisterDay Day) _last;

    public Dictionary<(RegisterId Register, LocalDate Day), RegisterDay> Days { get; } = [];

    public Dictionary<RegisterId, HashSet<RegisterPoint>> OffGrid { get; } = [];

    /// <summary>What batches say of the registers beside readings.</summary>
    public RegisterNotes Notes { get; } = new();

    public Guid[] Ids { get; } = [.. registers.Keys.Select(r => r.Value)];

    /// <summary>Batches that were taken in.</summary>
    public int Batches { get; private set; }

    /// <summary>What is projected of these registers, from all gateways or from some.</summary>
    public static async Task<RebuiltRegisters> ReadAsync(
        NpgsqlConnection connection, Dictionary<RegisterId, KnownRegister> registers, IReadOnlyCollection<string>? gateways, CancellationToken cancellationToken)
    {
        var rebuilt = new RebuiltRegisters(registers);
        var floor = await Retention.FloorAsync(connection, cancellationToken);
        var byKey = registers.Values.ToDictionary(r => r.Key);
        var unprojectable = await Journal.ReadParkedBatchesAsync(connection, Route.Unprojectable, cancellationToken);
        await foreach (var journal in Journal.ReadProjectedAsync(connection, gateways, cancellationToken))
        {
            if (journal.Kind != BatchKind.Readings || unprojectable.Contains((journal.Gateway, journal.Stream, journal.Sequence)) || !BatchCodec.TryDecode(journal.Body, out var batch, out _))
            {
                continue;
            }

            rebuilt.Batches++;
            rebuilt.Notes.AddEvents(journal, batch, key => byKey.GetValueOrDefault(key)?.Id, floor);
            RegisterKey last = default;
            KnownRegister? register = null;
            foreach (var reading in batch.Readings)
            {
                if (reading.Register != last)
                {
                    register = byKey.GetValueOrDefault(last = reading.Register);
                }

                if (register is null)
                {
                    continue;
                }

                var route = Route.Of(reading, register, journal.ReceivedAt, floor);
                rebuilt.Add(register, route);
                if (route.Refusal is null && batch.ClockOffset is { } offset)
                {
                    rebuilt.Notes.AddClock(register.Id, reading.At, offset);
                }
            }
        }

        foreach (var (register, correction) in await RegisterCorrections.ReadAsync(connection, rebuilt.Ids, cancellationToken))
        {
            if (!rebuilt._corrections.TryGetValue(register, out var list))
            {
                rebuilt._corrections.Add(register, list = []);
            }

            list.Add(correction);
        }

        return rebuilt;
    }

    /// <summary>A read that did not come in a batch.</summary>
    public void AddOther(RegisterId register, RegisterPoint point)
    {
        if (!_others.TryGetValue(register, out var list))
        {
            _others.Add(register, list = []);
        }

        list.Add(point);
    }

    /// <summary>Every point of every register, in order of instants.</summary>
    public Dictionary<RegisterId, List<RegisterPoint>> Points()
    {
        var points = registers.Keys.ToDictionary(r => r, r => (List<RegisterPoint>)[.. OffGrid.GetValueOrDefault(r) ?? [], .. _others.GetValueOrDefault(r) ?? []]);
        foreach (var ((register, _), day) in Days)
        {
            day.AddPointsTo(points[register]);
        }

        foreach (var (register, list) in points)
        {
            RegisterCorrection.Apply(list, _corrections.GetValueOrDefault(register) ?? []);
            RegisterPoint.SortDistinct(list);
        }

        return points;
    }

    public string Name(RegisterId register, LocalDate day) => $"{registers[register].Key} {day:uuuu-MM-dd}";

    private void Add(KnownRegister register, Route route)
    {
        if (route.Place is { } place)
        {
            var key = (register.Id, place.Day);
            if (_last.Key != key)
            {
                if (!Days.TryGetValue(key, out var day))
                {
                    Days.Add(key, day = new RegisterDay(place.Day, register.IntervalOn(place.Day)));
                }

                _last = (key, day);
            }

            _last.Day.Merge(place.Slot, route.Slot);
        }
        else if (route.Read is { } read)
        {
            if (!OffGrid.TryGetValue(register.Id, out var reads))
            {
                OffGrid.Add(register.Id, reads = []);
            }

            reads.Add(read);
        }
    }
}

/// <summary>
/// Whole histories of installations. Where old years were dropped, a history goes on from the segment that was in force there, and the days before its first
/// point, whose neighbour is gone, are left as they are.
/// </summary>
internal sealed class WholeHistories(IReadOnlyDictionary<RegisterId, List<RegisterPoint>> points, ILookup<(RegisterId, Instant), RegisterSegment> segments, Instant? dropped)
{
    public RegisterHistory Derive(InstalledRegister terms)
    {
        var sorted = points[terms.Register];
        if (!(terms.From < dropped) || terms.Select(sorted, false) is not [var first, ..])
        {
            return RegisterHistory.Derive(terms, sorted);
        }

        var before = segments[(terms.Register, terms.From)].Where(s => s.From <= first.At).ToArray();
        return RegisterHistory.Derive(terms, sorted, before.Length == 0 ? null : before[^1]);
    }

    /// <summary>The first day of a channel that its histories explain; null: all.</summary>
    public LocalDate? ExplainedFrom(IReadOnlyList<RegisterHistory> histories)
    {
        if (histories.FirstOrDefault(h => h.Terms.From < dropped && !(h.Terms.To <= dropped)) is not { } cut)
        {
            return dropped is null ? null : UtcDay.Of(dropped.Value);
        }

        var at = cut.Count == 0 ? dropped!.Value : cut[0].At;
        var day = UtcDay.Of(at);
        return UtcDay.StartOf(day) == at ? day : day.PlusDays(1);
    }

    /// <summary>The stored segments of registers, in order.</summary>
    public static async Task<ILookup<(RegisterId, Instant), RegisterSegment>> ReadSegmentsAsync(NpgsqlConnection connection, Guid[] registers, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync("""
            SELECT register_id, installed_at, from_at, cause, raw_start, unwrapped_base FROM register_segment WHERE register_id = ANY($1) ORDER BY register_id, installed_at, from_at
            """, r => (Key: (new RegisterId(r.GetGuid(0)), r.GetFieldValue<Instant>(1)),
                Segment: new RegisterSegment(r.GetFieldValue<Instant>(2), (SegmentCause)r.GetInt16(3), r.GetInt64(4), r.GetInt64(5))), cancellationToken, registers);
        return rows.ToLookup(r => r.Key, r => r.Segment);
    }
}
