using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Register days, off-grid reads and corrections of one transaction: read once, merged in memory, written in one statement.</summary>
internal sealed class RegisterDayStore(NpgsqlConnection connection)
{
    private readonly Dictionary<(RegisterId Register, LocalDate Day), RegisterDay?> _days = [];
    private readonly HashSet<(RegisterId, LocalDate)> _changed = [];
    private ((RegisterId, LocalDate) Key, RegisterDay Day, bool Changed) _merging;
    private readonly Dictionary<(RegisterId Register, LocalDate Day), List<RegisterPoint>?> _reads = [];
    private readonly Dictionary<(RegisterId Register, LocalDate Day), List<RegisterCorrection>> _corrections = [];

    /// <summary>Makes sure that these days are in memory, with the off-grid reads in them.</summary>
    public async Task LoadAsync(IEnumerable<(RegisterId Register, LocalDate Day)> wanted, CancellationToken cancellationToken)
    {
        var missing = wanted.Where(w => !_days.ContainsKey(w)).Distinct().ToArray();
        if (missing.Length == 0)
        {
            return;
        }

        foreach (var key in missing)
        {
            _days[key] = null;
            _reads[key] = null;
        }

        var (ids, days) = (missing.Select(m => m.Register.Value).ToArray(), missing.Select(m => m.Day).ToArray());
        var rows = await connection.RowsAsync("""
            SELECT d.register_id, d.day, d.interval_minutes, d.slot_values, d.qualities, d.distances
            FROM unnest($1::uuid[], $2::date[]) AS w (register_id, day)
            JOIN register_day d ON d.register_id = w.register_id AND d.day = w.day
            """, Read, cancellationToken, ids, days);
        foreach (var (id, day) in rows)
        {
            _days[(id, day.Day)] = day;
        }

        var reads = await connection.RowsAsync("""
            SELECT r.register_id, r.at, r.value, r.quality, NULL::timestamptz, NULL::uuid
            FROM unnest($1::uuid[], $2::date[]) AS w (register_id, day)
            JOIN register_read r ON r.register_id = w.register_id AND r.at >= w.day::timestamp AT TIME ZONE 'UTC' AND r.at < (w.day + 1)::timestamp AT TIME ZONE 'UTC'
            UNION ALL
            SELECT c.register_id, c.at, c.value, 0, c.corrected_at, c.correction_id
            FROM unnest($1::uuid[], $2::date[]) AS w (register_id, day)
            JOIN register_correction c ON c.register_id = w.register_id AND c.at >= w.day::timestamp AT TIME ZONE 'UTC' AND c.at < (w.day + 1)::timestamp AT TIME ZONE 'UTC'
            """, r => (Id: new RegisterId(r.GetGuid(0)), Point: new RegisterPoint(r.GetFieldValue<Instant>(1), r.GetInt64(2), (ReadingQuality)r.GetInt16(3)),
                Correction: r.IsDBNull(4) ? (RegisterCorrection?)null : new RegisterCorrection(r.GetFieldValue<Instant>(1), r.GetInt64(2), r.GetFieldValue<Instant>(4), r.GetGuid(5))), cancellationToken, ids, days);
        foreach (var (id, point, correction) in reads)
        {
            Add(id, point, correction);
        }
    }

    /// <summary>Merges a reading into a day that is loaded.</summary>
    public SlotChange Merge(KnownRegister register, GridPlace place, RegisterSlot slot)
    {
        var key = (register.Id, place.Day);
        if (_merging.Key != key)
        {
            // The grid of a day with readings does not change, so the stored day is on this one.
            _merging = (key, _days[key] ??= new RegisterDay(place.Day, register.IntervalOn(place.Day)), false);
        }

        var change = _merging.Day.Merge(place.Slot, slot);
        if (change != SlotChange.None && !_merging.Changed)
        {
            _merging.Changed = true;
            _changed.Add(key);
        }

        return change;
    }

    /// <summary>Writes what changed. The caller holds the registers' locks.</summary>
    public async Task SaveAsync(IReadOnlyDictionary<RegisterId, KnownRegister> registers, CancellationToken cancellationToken)
    {
        if (_changed.Count == 0)
        {
            return;
        }

        await WriteAsync(connection, registers, [.. _changed.Select(key => (key.Item1, _days[key]!))], cancellationToken);
        _changed.Clear();
        _merging = default;
    }

    /// <summary>Writes days as they are.</summary>
    public static Task<int> WriteAsync(
        NpgsqlConnection connection, IReadOnlyDictionary<RegisterId, KnownRegister> registers, IReadOnlyList<(RegisterId Register, RegisterDay Day)> rows, CancellationToken cancellationToken) =>
        connection.RunAsync("""
            INSERT INTO register_day (register_id, day, interval_minutes, scale, slot_values, qualities, distances)
            SELECT * FROM unnest($1::uuid[], $2::date[], $3::smallint[], $4::smallint[], $5::bytea[], $6::bytea[], $7::bytea[])
            ON CONFLICT (register_id, day) DO UPDATE SET
              interval_minutes = EXCLUDED.interval_minutes, slot_values = EXCLUDED.slot_values, qualities = EXCLUDED.qualities, distances = EXCLUDED.distances
            """, cancellationToken,
            rows.Select(r => r.Register.Value).ToArray(),
            rows.Select(r => r.Day.Day).ToArray(),
            rows.Select(r => (short)r.Day.IntervalMinutes).ToArray(),
            rows.Select(r => (short)registers[r.Register].Scale).ToArray(),
            rows.Select(r => r.Day.PackValues()).ToArray(),
            rows.Select(r => r.Day.PackQualities()).ToArray(),
            rows.Select(r => r.Day.PackDistances()).ToArray());

    /// <summary>Stores off-grid reads and returns those that were not known. Their days are loaded.</summary>
    public async Task<List<(RegisterId Register, Instant At)>> AddReadsAsync(IReadOnlyList<(RegisterId Register, RegisterPoint Point, string Kind, string Source)> reads, CancellationToken cancellationToken)
    {
        if (reads.Count == 0)
        {
            return [];
        }

        var added = await connection.RowsAsync("""
            INSERT INTO register_read (register_id, at, kind, value, quality, source)
            SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::bigint[], $5::smallint[], $6::text[])
            ON CONFLICT (register_id, at, kind, value, quality) DO NOTHING
            RETURNING register_id, at, value, quality
            """, r => (Id: new RegisterId(r.GetGuid(0)), Point: new RegisterPoint(r.GetFieldValue<Instant>(1), r.GetInt64(2), (ReadingQuality)r.GetInt16(3))), cancellationToken,
            reads.Select(r => r.Register.Value).ToArray(),
            reads.Select(r => r.Point.At).ToArray(),
            reads.Select(r => r.Kind).ToArray(),
            reads.Select(r => r.Point.Value).ToArray(),
            reads.Select(r => (short)r.Point.Quality).ToArray(),
            reads.Select(r => r.Source).ToArray());
        foreach (var (id, point) in added)
        {
            Add(id, point, null);
        }

        return [.. added.Select(a => (a.Id, a.Point.At))];
    }

    /// <summary>See <see cref="Retention"/>.</summary>
    public Task<Instant?> DroppedBeforeAsync(CancellationToken cancellationToken) => Retention.DroppedBeforeAsync(connection, cancellationToken);

    /// <summary>True when something was read on a day that is loaded.</summary>
    public bool HasPoints(RegisterId register, LocalDate day) => _days[(register, day)] is not null || _reads[(register, day)] is not null || _corrections.ContainsKey((register, day));

    /// <summary>The register's days [first, last] that are loaded and have readings.</summary>
    public IEnumerable<RegisterDay> Blocks(RegisterId register, LocalDate first, LocalDate last) =>
        _days.Where(d => d.Key.Register == register && d.Key.Day >= first && d.Key.Day <= last).Select(d => d.Value).OfType<RegisterDay>();

    /// <summary>Points of the loaded days [first, last], in order.</summary>
    public List<RegisterPoint> Points(RegisterId register, LocalDate first, LocalDate last, IEnumerable<LocalDate> besides)
    {
        var points = new List<RegisterPoint>();
        for (var day = first; day <= last; day = day.PlusDays(1))
        {
            AddPoints(register, day, points);
        }

        foreach (var day in besides)
        {
            AddPoints(register, day, points);
        }

        RegisterPoint.SortDistinct(points);
        return points;
    }

    /// <summary>The nearest days with anything before <c>First</c> and after <c>Last</c> of each window: register days and reads each in their own right.</summary>
    public Task<List<(int Window, LocalDate Day)>> FindNeighboursAsync(IReadOnlyList<(RegisterId Register, LocalDate First, LocalDate Last)> windows, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT w.place, n.day
            FROM unnest($1::uuid[], $2::date[], $3::date[]) WITH ORDINALITY AS w (register_id, first, last, place),
            LATERAL (
              SELECT max(d.day) AS day FROM register_day d WHERE d.register_id = w.register_id AND d.day < w.first
              UNION ALL SELECT min(d.day) FROM register_day d WHERE d.register_id = w.register_id AND d.day > w.last
              UNION ALL SELECT (max(r.at) AT TIME ZONE 'UTC')::date FROM register_read r WHERE r.register_id = w.register_id AND r.at < w.first::timestamp AT TIME ZONE 'UTC'
              UNION ALL SELECT (min(r.at) AT TIME ZONE 'UTC')::date FROM register_read r WHERE r.register_id = w.register_id AND r.at >= (w.last + 1)::timestamp AT TIME ZONE 'UTC'
              UNION ALL SELECT (max(c.at) AT TIME ZONE 'UTC')::date FROM register_correction c WHERE c.register_id = w.register_id AND c.at < w.first::timestamp AT TIME ZONE 'UTC'
              UNION ALL SELECT (min(c.at) AT TIME ZONE 'UTC')::date FROM register_correction c WHERE c.register_id = w.register_id AND c.at >= (w.last + 1)::timestamp AT TIME ZONE 'UTC'
            ) n
            WHERE n.day IS NOT NULL
            """, r => ((int)r.GetInt64(0) - 1, r.GetFieldValue<LocalDate>(1)), cancellationToken,
            windows.Select(w => w.Register.Value).ToArray(),
            windows.Select(w => w.First).ToArray(),
            windows.Select(w => w.Last).ToArray());

    private static (RegisterId Id, RegisterDay Day) Read(NpgsqlDataReader row) =>
        (new RegisterId(row.GetGuid(0)), RegisterDay.Unpack(row.GetFieldValue<LocalDate>(1), row.GetInt16(2), row.GetFieldValue<byte[]>(3), row.GetFieldValue<byte[]>(4), row.GetFieldValue<byte[]>(5)));

    private void Add(RegisterId register, RegisterPoint point, RegisterCorrection? correction)
    {
        var key = (register, UtcDay.Of(point.At));
        if (correction is { } corrected)
        {
            if (!_corrections.TryGetValue(key, out var corrections))
            {
                _corrections.Add(key, corrections = []);
            }

            corrections.Add(corrected);
        }
        else if (_reads.TryGetValue(key, out var list))
        {
            (_reads[key] = list ?? []).Add(point);
        }
    }

    private void AddPoints(RegisterId register, LocalDate day, List<RegisterPoint> points)
    {
        if (_days.TryGetValue((register, day), out var slots))
        {
            slots?.AddPointsTo(points);
            if (_reads[(register, day)] is { } reads)
            {
                points.AddRange(reads);
            }

            if (_corrections.TryGetValue((register, day), out var corrections))
            {
                RegisterCorrection.Apply(points, corrections);
            }
        }
    }
}
