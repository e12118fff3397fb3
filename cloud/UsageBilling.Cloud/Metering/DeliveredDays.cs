using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Evidence of channels that deliveries feed, and their days computed from it. The caller holds the channels' locks.</summary>
internal static class DeliveredDays
{
    private const string AddStatements = """
         (channel_id, day, import_id, stated_at, hash, interval_minutes, quantities, qualities, delivered_at, kind, meter)
        SELECT d.channel_id, d.day, $1, d.stated_at, d.hash, d.interval_minutes, d.quantities, d.qualities, $2, d.kind, d.meter
        FROM unnest($3::uuid[], $4::date[], $5::timestamptz[], $6::bytea[], $7::smallint[], $8::bytea[], $9::bytea[], $10::smallint[], $11::text[])
          AS d (channel_id, day, stated_at, hash, interval_minutes, quantities, qualities, kind, meter)
        ON CONFLICT DO NOTHING
        RETURNING channel_id, day, kind
        """;

    /// <summary>Adds statements and returns the days of those that were not there.</summary>
    public static Task<List<(ChannelId Channel, LocalDate Day, StatementKind Kind)>> AddAsync(
        NpgsqlConnection connection, Guid importId, IReadOnlyList<DeliveredDay> days, Instant now, CancellationToken cancellationToken) =>
        AddAsync(connection, "INSERT INTO delivered_day" + AddStatements, importId, days, now, cancellationToken);

    /// <summary>Sets statements aside that are older than what is kept.</summary>
    public static Task<List<(ChannelId Channel, LocalDate Day, StatementKind Kind)>> ParkAsync(
        NpgsqlConnection connection, Guid importId, IReadOnlyList<DeliveredDay> days, Instant now, CancellationToken cancellationToken) =>
        AddAsync(connection, "INSERT INTO delivered_parked" + AddStatements, importId, days, now, cancellationToken);

    /// <summary>Adds totals and returns those that were not there.</summary>
    public static Task<List<(ChannelId Channel, Instant From, Instant To)>> AddAsync(
        NpgsqlConnection connection, Guid importId, IReadOnlyList<DeliveredTotal> totals, Instant now, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            INSERT INTO usage_total (channel_id, from_at, to_at, quantity, quality, import_id, stated_at, delivered_at, versioned)
            SELECT t.channel_id, t.from_at, t.to_at, t.quantity, t.quality, $1, t.stated_at, $2, t.versioned
            FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::smallint[], $8::timestamptz[], $9::boolean[]) AS t (channel_id, from_at, to_at, quantity, quality, stated_at, versioned)
            ON CONFLICT DO NOTHING
            RETURNING channel_id, from_at, to_at
            """, r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<Instant>(1), r.GetFieldValue<Instant>(2)), cancellationToken, importId, now,
            totals.Select(t => t.Channel.Value).ToArray(),
            totals.Select(t => t.From).ToArray(),
            totals.Select(t => t.To).ToArray(),
            totals.Select(t => t.Quantity).ToArray(),
            totals.Select(t => (short)t.Quality).ToArray(),
            totals.Select(t => t.StatedAt).ToArray(),
            totals.Select(t => t.Versioned).ToArray());

    /// <summary>Days as everything delivered says.</summary>
    public static async Task<IReadOnlyList<ComputedDay>> ComputeAsync(
        NpgsqlConnection connection, IReadOnlyList<(ChannelId Channel, LocalDate Day)> days, CancellationToken cancellationToken)
    {
        var wanted = days.Distinct().ToArray();
        var (channels, dates) = (wanted.Select(d => d.Channel.Value).ToArray(), wanted.Select(d => d.Day).ToArray());
        var statements = (await connection.RowsAsync("""
            SELECT d.channel_id, d.day, d.interval_minutes, d.quantities, d.qualities, d.stated_at, d.kind, d.meter
            FROM unnest($1::uuid[], $2::date[]) AS w (channel_id, day) JOIN delivered_day d ON d.channel_id = w.channel_id AND d.day = w.day
            """, r => (Key: (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), Statement: Statement(r, 2)), cancellationToken, channels, dates))
            .ToLookup(r => r.Key, r => r.Statement);
        var totals = await ReadTotalsAsync(connection, wanted, cancellationToken);
        return await ZonedDays.FitAsync(connection, [.. wanted.Select(d => new ComputedDay(d.Channel, d.Day, DeliveredSlots.Merge(d.Day, [.. statements[d]], totals.GetValueOrDefault(d.Channel) ?? [])))], cancellationToken);
    }

    /// <summary>What is odd about the statements of days, in order of channel and time.</summary>
    public static async Task<List<(ChannelId Channel, DeliveredDispute Dispute)>> ReadDisputesAsync(
        NpgsqlConnection connection, IEnumerable<(ChannelId Channel, LocalDate Day)> days, CancellationToken cancellationToken)
    {
        // Most days were stated once.
        var wanted = days.Distinct().ToArray();
        var rows = await connection.RowsAsync("""
            SELECT d.channel_id, d.day, d.interval_minutes, d.quantities, d.qualities, d.stated_at, d.kind, d.meter
            FROM unnest($1::uuid[], $2::date[]) AS w (channel_id, day) JOIN delivered_day d ON d.channel_id = w.channel_id AND d.day = w.day
            WHERE 1 < (SELECT count(*) FROM delivered_day s WHERE s.channel_id = w.channel_id AND s.day = w.day)
            """, r => (Channel: new ChannelId(r.GetGuid(0)), Day: r.GetFieldValue<LocalDate>(1), Statement: Statement(r, 2)), cancellationToken,
            wanted.Select(d => d.Channel.Value).ToArray(), wanted.Select(d => d.Day).ToArray());
        return [.. rows.GroupBy(r => (r.Channel, r.Day)).OrderBy(g => g.Key.Channel.Value).ThenBy(g => g.Key.Day)
            .SelectMany(g => DeliveredDisputes.Of(g.Key.Day, [.. g.Select(r => r.Statement)]).Select(d => (g.Key.Channel, d)))];
    }

    private static DeliveredIntervals Statement(NpgsqlDataReader r, int at) => new(
        IntervalDay.Unpack(r.GetInt16(at), r.GetFieldValue<byte[]>(at + 1), r.GetFieldValue<byte[]>(at + 2)), r.GetFieldValue<Instant>(at + 3), (StatementKind)r.GetInt16(at + 4), r.GetString(at + 5));

    private static async Task<Dictionary<ChannelId, DeliveredQuantity[]>> ReadTotalsAsync(
        NpgsqlConnection connection, (ChannelId Channel, LocalDate Day)[] days, CancellationToken cancellationToken)
    {
        var spans = days.GroupBy(d => d.Channel).Select(g => (Channel: g.Key, First: UtcDay.StartOf(g.Min(d => d.Day)), End: UtcDay.StartOf(g.Max(d => d.Day).PlusDays(1)))).ToArray();
        var rows = await connection.RowsAsync("""
            SELECT t.channel_id, t.from_at, t.to_at, t.quantity, t.quality, t.stated_at, t.versioned
            FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS w (channel_id, first, beyond)
            JOIN usage_total t ON t.channel_id = w.channel_id AND t.from_at < w.beyond AND t.to_at > w.first
            """, r => (Channel: new ChannelId(r.GetGuid(0)), Total: new DeliveredQuantity(
                r.GetFieldValue<Instant>(1), r.GetFieldValue<Instant>(2), r.GetInt64(3), (IntervalQuality)r.GetInt16(4), r.GetFieldValue<Instant>(5), r.GetBoolean(6))), cancellationToken,
            spans.Select(s => s.Channel.Value).ToArray(), spans.Select(s => s.First).ToArray(), spans.Select(s => s.End).ToArray());
        return rows.GroupBy(r => r.Channel).ToDictionary(g => g.Key, g => g.Select(r => r.Total).ToArray());
    }

    private static async Task<List<(ChannelId Channel, LocalDate Day, StatementKind Kind)>> AddAsync(
        NpgsqlConnection connection, string insert, Guid importId, IReadOnlyList<DeliveredDay> days, Instant now, CancellationToken cancellationToken) =>
        days.Count == 0 ? [] : await connection.RowsAsync(insert, r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1), (StatementKind)r.GetInt16(2)), cancellationToken, importId, now,
            days.Select(d => d.Channel.Value).ToArray(),
            days.Select(d => d.Day).ToArray(),
            days.Select(d => d.StatedAt).ToArray(),
            days.Select(d => d.Intervals.Hash().ToArray()).ToArray(),
            days.Select(d => (short)d.Intervals.IntervalMinutes).ToArray(),
            days.Select(d => d.Intervals.PackQuantities()).ToArray(),
            days.Select(d => d.Intervals.PackQualities()).ToArray(),
            days.Select(d => (short)d.Kind).ToArray(),
            days.Select(d => d.Meter).ToArray());
}
