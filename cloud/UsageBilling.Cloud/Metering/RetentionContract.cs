using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>How far back data is kept, and what waits below.</summary>
/// <param name="YearsKept">Whole years before the current one.</param>
/// <param name="Floor">First UTC day that is kept.</param>
/// <param name="DroppedBefore">Data below this day was dropped once; null: never.</param>
/// <param name="ParkedDeliveredDays">Delivered days older than the floor.</param>
public sealed record RetentionState(int YearsKept, LocalDate Floor, LocalDate? DroppedBefore, long ParkedDeliveredDays);

/// <summary>
/// What is kept, by policy: whole years before the current one. The floor follows the calendar upwards and drops what lies below it; more years move it down,
/// and what was parked as older than kept is taken up again.
/// </summary>
public static class Retention
{
    /// <summary>Whole years before the current one that are kept where nobody said otherwise.</summary>
    public const int UsualYears = 6;

    /// <summary>The policy and where it stands.</summary>
    public static async Task<RetentionState> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        (await connection.RowsAsync("SELECT years_kept, floor_day, dropped_before, (SELECT count(*) FROM delivered_parked) FROM retention", r =>
            new RetentionState(r.GetInt16(0), r.GetFieldValue<LocalDate>(1), r.IsDBNull(2) ? null : r.GetFieldValue<LocalDate>(2), r.GetInt64(3)), cancellationToken))[0];

    /// <summary>Changes the policy and moves the floor to where it says.</summary>
    public static async Task<RetentionState> KeepAsync(NpgsqlDataSource database, int years, string actor, Instant now, CancellationToken cancellationToken)
    {
        Registering.Check(years is >= 1 and <= 100, $"{years} years: keep 1 to 100 whole years before the current one");
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var before = await ReadAsync(connection, cancellationToken);
        await connection.RunAsync("UPDATE retention SET years_kept = $1", cancellationToken, (short)years);
        await MoveAsync(connection, FloorOf(years, now), now, cancellationToken);
        var after = await ReadAsync(connection, cancellationToken);
        await AuditLog.WriteAsync(connection, now, [new AuditEntry(actor, "change retention", "retention", before, after)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return after;
    }

    /// <summary>Moves the floor up when the calendar says so; every day.</summary>
    internal static async Task UpkeepAsync(NpgsqlDataSource database, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var state = await ReadAsync(connection, cancellationToken);
        if (FloorOf(state.YearsKept, now) > state.Floor)
        {
            await MoveAsync(connection, FloorOf(state.YearsKept, now), now, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The first instant that is kept. It stays where it is until the caller's transaction ends.</summary>
    internal static async Task<Instant> FloorAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Two statements in one message: the second sees what was committed while the first waited.
        await using var command = new NpgsqlCommand("SELECT pg_advisory_xact_lock_shared(hashtext('usage retention floor')); SELECT floor_day FROM retention", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return UtcDay.StartOf(reader.GetFieldValue<LocalDate>(0));
    }

    /// <summary>Data below this instant was dropped once; null: never.</summary>
    internal static async Task<Instant?> DroppedBeforeAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        (await connection.RowsAsync("SELECT dropped_before FROM retention", r => r.IsDBNull(0) ? (Instant?)null : UtcDay.StartOf(r.GetFieldValue<LocalDate>(0)), cancellationToken))[0];

    /// <summary>The same on a connection of its own.</summary>
    internal static async Task<Instant?> DroppedBeforeAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await DroppedBeforeAsync(connection, cancellationToken);
    }

    /// <summary>How many days of channels a policy would drop, and from which day on data would be kept.</summary>
    internal static async Task<(long Days, LocalDate Floor)> WouldDropAsync(NpgsqlConnection connection, int years, Instant now, CancellationToken cancellationToken)
    {
        var floor = FloorOf(Math.Clamp(years, 1, 100), now);
        return ((await connection.RowsAsync("SELECT count(*) FROM interval_day WHERE day < $1", r => r.GetInt64(0), cancellationToken, floor))[0], floor);
    }

    private static LocalDate FloorOf(int years, Instant now) => new(now.InUtc().Year - years, 1, 1);

    private static async Task MoveAsync(NpgsqlConnection connection, LocalDate floor, Instant now, CancellationToken cancellationToken)
    {
        var before = UtcDay.Of(await FloorAsync(connection, cancellationToken));
        if (floor == before)
        {
            return;
        }

        await connection.RunAsync("SELECT move_retention_floor($1)", cancellationToken, floor);
        if (floor > before)
        {
            return;
        }

        await Journal.RetryParkedAsync(connection, Route.OlderThanKept, cancellationToken);
        var moved = await connection.RowsAsync("""
            WITH taken AS (DELETE FROM delivered_parked WHERE day >= $1 RETURNING *),
            added AS (INSERT INTO delivered_day (channel_id, day, import_id, stated_at, hash, interval_minutes, quantities, qualities, delivered_at, kind, meter)
              SELECT channel_id, day, import_id, stated_at, hash, interval_minutes, quantities, qualities, delivered_at, kind, meter FROM taken ON CONFLICT DO NOTHING)
            SELECT channel_id, day FROM taken
            UNION SELECT t.channel_id, d.day::date FROM usage_total t,
              LATERAL generate_series(greatest((t.from_at AT TIME ZONE 'UTC')::date, $1), least(((t.to_at - interval '1 microsecond') AT TIME ZONE 'UTC')::date, $2::date - 1), interval '1 day') AS d (day)
              WHERE t.from_at < $2::date::timestamp AT TIME ZONE 'UTC' AND t.to_at > $1::date::timestamp AT TIME ZONE 'UTC'
            """, r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), cancellationToken, floor, before);
        await MeasuredLayer.RecomputeAsync(connection, moved, now, cancellationToken);
    }
}
