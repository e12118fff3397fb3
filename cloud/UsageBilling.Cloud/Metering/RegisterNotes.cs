using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Metering;

/// <summary>What batches say of registers beside their readings: how far the clock was off that dated them, and which other meter answered.</summary>
internal sealed class RegisterNotes
{
    public Dictionary<(RegisterId Register, LocalDate Day), RegisterClock> Clocks { get; } = [];

    public HashSet<(RegisterId Register, Instant At, string Serial)> OtherMeters { get; } = [];

    /// <summary>The registers that events of a batch speak of.</summary>
    public static IEnumerable<RegisterKey> Named(ReadingBatch batch) => batch.Events.Where(IsOtherMeter).Select(e => e.Register!.Value);

    /// <summary>Notes how a reading that was taken was dated.</summary>
    public void AddClock(RegisterId register, Instant at, Duration offset)
    {
        var (key, clock) = ((register, UtcDay.Of(at)), RegisterClock.Of(at, offset));
        Clocks[key] = Clocks.TryGetValue(key, out var before) ? before.Merge(clock) : clock;
    }

    /// <summary>Notes what a batch's events say of registers that are known. An event is as plausible in time as a reading has to be.</summary>
    public void AddEvents(JournalBatch journal, ReadingBatch batch, Func<RegisterKey, RegisterId?> known, Instant floor)
    {
        foreach (var note in batch.Events.Where(IsOtherMeter))
        {
            if (note.At >= floor && note.At <= journal.ReceivedAt + Duration.FromDays(1) && known(note.Register!.Value) is { } register)
            {
                OtherMeters.Add((register, note.At, Journal.Storable(note.Detail)));
            }
        }
    }

    /// <summary>Adds what is noted to what is stored; doing it again changes nothing. A replay knows all that was ever said, and replaces.</summary>
    public async Task SaveAsync(NpgsqlConnection connection, bool replace, CancellationToken cancellationToken)
    {
        if (Clocks.Count > 0)
        {
            var clocks = Clocks.OrderBy(c => c.Key.Register.Value).ThenBy(c => c.Key.Day).ToArray();
            await connection.RunAsync($"""
                INSERT INTO register_clock (register_id, day, ahead_ms, behind_ms, first_at, last_at) SELECT * FROM unnest($1, $2, $3, $4, $5, $6)
                ON CONFLICT (register_id, day) DO UPDATE SET {(replace
                    ? "ahead_ms = EXCLUDED.ahead_ms, behind_ms = EXCLUDED.behind_ms, first_at = EXCLUDED.first_at, last_at = EXCLUDED.last_at"
                    : """
                      ahead_ms = greatest(register_clock.ahead_ms, EXCLUDED.ahead_ms), behind_ms = greatest(register_clock.behind_ms, EXCLUDED.behind_ms),
                      first_at = least(register_clock.first_at, EXCLUDED.first_at), last_at = greatest(register_clock.last_at, EXCLUDED.last_at)
                      """)}
                """, cancellationToken,
                clocks.Select(c => c.Key.Register.Value).ToArray(), clocks.Select(c => c.Key.Day).ToArray(), clocks.Select(c => c.Value.AheadMs).ToArray(),
                clocks.Select(c => c.Value.BehindMs).ToArray(), clocks.Select(c => c.Value.First).ToArray(), clocks.Select(c => c.Value.Last).ToArray());
        }

        if (OtherMeters.Count > 0)
        {
            await connection.RunAsync(
                "INSERT INTO register_other_meter (register_id, at, serial) SELECT * FROM unnest($1, $2, $3) ON CONFLICT DO NOTHING", cancellationToken,
                OtherMeters.Select(m => m.Register.Value).ToArray(), OtherMeters.Select(m => m.At).ToArray(), OtherMeters.Select(m => m.Serial).ToArray());
        }
    }

    /// <summary>What is stored of registers.</summary>
    public static async Task<RegisterNotes> ReadAsync(NpgsqlConnection connection, Guid[] registers, CancellationToken cancellationToken)
    {
        var notes = new RegisterNotes();
        foreach (var (key, clock) in await connection.RowsAsync("SELECT register_id, day, ahead_ms, behind_ms, first_at, last_at FROM register_clock WHERE register_id = ANY($1)", r => (
            (new RegisterId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), new RegisterClock(r.GetInt64(2), r.GetInt64(3), r.GetFieldValue<Instant>(4), r.GetFieldValue<Instant>(5))), cancellationToken, registers))
        {
            notes.Clocks.Add(key, clock);
        }

        notes.OtherMeters.UnionWith(await connection.RowsAsync("SELECT register_id, at, serial FROM register_other_meter WHERE register_id = ANY($1)", r => (
            new RegisterId(r.GetGuid(0)), r.GetFieldValue<Instant>(1), r.GetString(2)), cancellationToken, registers));
        return notes;
    }

    /// <summary>Rows that the journal says and that are not stored so, and rows that are stored and that no batch says.</summary>
    public (int Same, List<(RegisterId Register, LocalDate Day, string What)> Missing, List<(RegisterId Register, LocalDate Day, string What)> Unexplained) Compare(RegisterNotes stored)
    {
        var missing = Clocks.Where(c => !stored.Clocks.TryGetValue(c.Key, out var other) || other != c.Value).Select(c => (c.Key.Register, c.Key.Day, "clock"))
            .Concat(OtherMeters.Where(m => !stored.OtherMeters.Contains(m)).Select(m => (m.Register, UtcDay.Of(m.At), "other meter"))).ToList();
        var unexplained = stored.Clocks.Keys.Where(k => !Clocks.ContainsKey(k)).Select(k => (k.Register, k.Day, "clock"))
            .Concat(stored.OtherMeters.Where(m => !OtherMeters.Contains(m)).Select(m => (m.Register, UtcDay.Of(m.At), "other meter"))).ToList();
        return (Clocks.Count + OtherMeters.Count - missing.Count, missing, unexplained);
    }

    private static bool IsOtherMeter(EventNote note) => note is { Kind: EventKinds.MeterSerial, Register: not null };
}
