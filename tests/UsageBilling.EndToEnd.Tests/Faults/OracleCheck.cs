using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>What the cloud keeps, held against the register function of the simulated site.</summary>
/// <param name="Slots">Slots that were compared, over all registers.</param>
/// <param name="Last">The last boundary that any register has.</param>
/// <param name="Repeated">Readings that the journal holds more than once (a cycle that was sampled again after a kill); the slot they fill is one.</param>
/// <param name="Differences">Everything that is wrong; empty is right.</param>
internal sealed record OracleCheck(long Slots, Instant Last, long Repeated, ImmutableList<string> Differences)
{
    private const string Days = """
        SELECT r.manufacturer, r.serial, r.obis, d.day, d.interval_minutes, d.slot_values, d.qualities, d.distances
        FROM register r JOIN register_day d USING (register_id) ORDER BY r.manufacturer, r.serial, r.obis, d.day
        """;

    // The journal against itself: each sequence of the committed prefix once, none beyond it.
    private const string Journal = """
        SELECT s.gateway || '/' || s.stream || ' is committed through ' || s.committed_through || ', the journal has ' || count(b.sequence) || ' batches, ' || count(DISTINCT b.sequence) || ' sequences'
        FROM stream s LEFT JOIN reading_batch b USING (gateway, stream)
        WHERE b.kind IS NULL OR b.kind = 0
        GROUP BY s.gateway, s.stream, s.committed_through
        HAVING count(b.sequence) <> s.committed_through OR count(DISTINCT b.sequence) <> s.committed_through OR max(b.sequence) <> s.committed_through
        """;

    /// <summary>Compares every boundary from the first sampled one to the last that any register has: there must be one value at each, the oracle's.</summary>
    public static async Task<OracleCheck> RunAsync(FaultRoad faults, CancellationToken token)
    {
        var days = await ReadDaysAsync(faults, token);
        var last = days.Values.SelectMany(d => d.Values).Select(LastOf).Append(FaultSite.From - FaultSite.Interval).Max();
        var wrong = ImmutableList.CreateBuilder<string>();
        long slots = 0;
        foreach (var register in FaultSite.Oracle.Registers)
        {
            var known = days.GetValueOrDefault(register) ?? [];
            wrong.AddRange(known.Keys.Where(d => d < FaultSite.From.InUtc().Date).Select(d => $"{register} has the day {d}"));
            for (var at = FaultSite.From; at <= last; at += FaultSite.Interval)
            {
                slots++;
                var slot = SlotOf(known, at);
                var expected = FaultSite.Oracle.RegisterAt(register, at);
                if (slot is not { Conflict: false } there || there.Value != expected)
                {
                    wrong.Add($"{register} at {at}: {(slot is { } s ? $"{s.Value}{(s.Conflict ? " in conflict" : "")}" : "nothing")}, not {expected}");
                }
            }
        }

        return new OracleCheck(slots, last, await CountRepeatedAsync(faults, token), wrong.ToImmutable());
    }

    /// <summary>What the journal says of itself that must not be; one stream's batches are each there once.</summary>
    public static async Task<IReadOnlyList<string>> JournalAsync(FaultRoad faults, CancellationToken token)
    {
        var found = new List<string>();
        await using var command = (await faults.Road.DatabaseAsync(token)).CreateCommand(Journal);
        await using var row = await command.ExecuteReaderAsync(token);
        while (await row.ReadAsync(token))
        {
            found.Add(row.GetString(0));
        }

        return found;
    }

    /// <summary>Values of consecutive slots of one register; a slot without one fails.</summary>
    public static async Task<long[]> ReadSlotsAsync(FaultRoad faults, RegisterKey register, Instant from, int count, CancellationToken token)
    {
        var days = (await ReadDaysAsync(faults, token))[register];
        return [.. Enumerable.Range(0, count).Select(i => from + (i * FaultSite.Interval)).Select(at => SlotOf(days, at)?.Value ?? throw new InvalidOperationException($"nothing at {at}"))];
    }

    private static RegisterSlot? SlotOf(Dictionary<LocalDate, RegisterDay> days, Instant at)
    {
        var utc = at.InUtc();
        return days.GetValueOrDefault(utc.Date)?[(int)(utc.TimeOfDay.TickOfDay / FaultSite.Interval.BclCompatibleTicks)];
    }

    private static Instant LastOf(RegisterDay day) =>
        day.Start + (Enumerable.Range(0, day.Slots).LastOrDefault(s => day[s] is not null, -1) * FaultSite.Interval);

    private static async Task<Dictionary<RegisterKey, Dictionary<LocalDate, RegisterDay>>> ReadDaysAsync(FaultRoad faults, CancellationToken token)
    {
        var days = new Dictionary<RegisterKey, Dictionary<LocalDate, RegisterDay>>();
        await using var command = (await faults.Road.DatabaseAsync(token)).CreateCommand(Days);
        await using var row = await command.ExecuteReaderAsync(token);
        while (await row.ReadAsync(token))
        {
            var key = new RegisterKey(row.GetString(0), row.GetString(1), ObisCode.Parse(row.GetString(2)));
            var day = row.GetFieldValue<LocalDate>(3);
            if (!days.TryGetValue(key, out var of))
            {
                days[key] = of = [];
            }

            of.Add(day, RegisterDay.Unpack(day, row.GetInt16(4), row.GetFieldValue<byte[]>(5), row.GetFieldValue<byte[]>(6), row.GetFieldValue<byte[]>(7)));
        }

        return days;
    }

    private static async Task<long> CountRepeatedAsync(FaultRoad faults, CancellationToken token)
    {
        var seen = new HashSet<(RegisterKey, Instant)>();
        long repeated = 0;
        await using var command = (await faults.Road.DatabaseAsync(token)).CreateCommand("SELECT body FROM reading_batch WHERE kind = 0 ORDER BY gateway, stream, sequence");
        await using var row = await command.ExecuteReaderAsync(token);
        while (await row.ReadAsync(token))
        {
            if (BatchCodec.TryDecode(row.GetFieldValue<byte[]>(0), out var batch, out _))
            {
                repeated += batch.Readings.Count(r => !seen.Add((r.Register, r.At)));
            }
        }

        return repeated;
    }
}
