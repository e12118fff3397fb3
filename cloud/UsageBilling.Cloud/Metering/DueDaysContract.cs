using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// Days that have ended and whose intervals changed, one worklist a purpose. A day of the current date is never in it: its intervals
/// change with every batch, and it comes by itself when it has ended.
/// </summary>
public static class DueDays
{
    /// <summary>For who validates and estimates.</summary>
    public const string Validate = "validate";

    /// <summary>For who computes virtual channels; days of channels that are read by one.</summary>
    public const string Virtual = "virtual";

    /// <summary>
    /// Takes up to <paramref name="limit"/> days out of a list in the caller's transaction, oldest first, and locks their channels. Concurrent callers get days of
    /// different channels; when the transaction is rolled back the days are in the list again.
    /// </summary>
    public static async Task<IReadOnlyList<(ChannelId Channel, LocalDate Day)>> TakeAsync(NpgsqlConnection connection, string purpose, int limit, CancellationToken cancellationToken)
    {
        // The channels' locks come first, as for everybody who writes days: then nobody is adding one of these rows.
        var channels = await connection.RowsAsync("""
            SELECT channel_id FROM channel
            WHERE channel_id IN (SELECT channel_id FROM interval_day_due WHERE purpose = $1 ORDER BY due_since, channel_id, day LIMIT $2)
            ORDER BY channel_id FOR NO KEY UPDATE SKIP LOCKED
            """, r => r.GetGuid(0), cancellationToken, purpose, limit);
        return await connection.RowsAsync("""
            DELETE FROM interval_day_due d USING (
              SELECT channel_id, day FROM interval_day_due WHERE purpose = $1 AND channel_id = ANY($2) ORDER BY due_since, channel_id, day LIMIT $3) t
            WHERE d.channel_id = t.channel_id AND d.day = t.day AND d.purpose = $1
            RETURNING d.channel_id, d.day
            """, r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), cancellationToken, purpose, channels.ToArray(), limit);
    }

    /// <summary>Every channel's day is due, once a day; in pieces, so that nobody waits long for a channel.</summary>
    internal static async Task AddEndedDayAsync(NpgsqlDataSource database, LocalDate day, Instant now, CancellationToken cancellationToken)
    {
        const int AtOnce = 5_000;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if ((await connection.RowsAsync("SELECT day FROM day_ended WHERE day >= $1 LIMIT 1", r => 0, cancellationToken, day)).Count > 0)
        {
            return;
        }

        var (after, more) = (Guid.Empty, true);
        while (more)
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var channels = await connection.RowsAsync(
                "SELECT channel_id FROM channel WHERE channel_id > $1 ORDER BY channel_id LIMIT $2 FOR NO KEY UPDATE", r => r.GetGuid(0), cancellationToken, after, AtOnce);
            await AddAsync(connection, [.. channels.Select(c => (new ChannelId(c), day))], now, cancellationToken);
            (after, more) = (channels.LastOrDefault(), channels.Count == AtOnce);
            if (!more)
            {
                await connection.RunAsync("INSERT INTO day_ended (day, noticed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", cancellationToken, day, now);
            }

            await transaction.CommitAsync(cancellationToken);
        }
    }

    /// <summary>All days of channels that have ended, for those who read them from now on. The caller holds the channels' locks.</summary>
    internal static Task AddEndedAsync(NpgsqlConnection connection, IEnumerable<ChannelId> channels, Instant now, CancellationToken cancellationToken) =>
        connection.RunAsync("""
            INSERT INTO interval_day_due (channel_id, day, purpose, due_since)
            SELECT channel_id, day, 'virtual', $3 FROM interval_day WHERE channel_id = ANY($1) AND day < $2
            ON CONFLICT DO NOTHING
            """, cancellationToken, channels.Select(c => c.Value).ToArray(), UtcDay.Of(now), now);

    /// <summary>
    /// UTC days [<paramref name="first"/>, <paramref name="last"/>] of channels that have ended are validated again, although their intervals did not change: what they are judged or
    /// estimated by did. From the first that is known on, also those of which nothing is. The caller holds the channels' locks. Returns how many days were not in the list yet.
    /// </summary>
    public static Task<int> ValidateAgainAsync(NpgsqlConnection connection, IReadOnlyCollection<ChannelId> channels, LocalDate first, LocalDate last, Instant now, CancellationToken cancellationToken) =>
        connection.RunAsync("""
            INSERT INTO interval_day_due (channel_id, day, purpose, due_since)
            SELECT c.channel_id, d.day::date, 'validate', $4::timestamptz
            FROM (SELECT channel_id, min(day) AS known FROM interval_day WHERE channel_id = ANY($1) GROUP BY channel_id) c
            CROSS JOIN LATERAL generate_series(greatest(c.known, $2::date), least($3::date, $5::date - 1), '1 day') AS d (day)
            ON CONFLICT DO NOTHING
            """, cancellationToken, channels.Select(c => c.Value).ToArray(), first, last, now, UtcDay.Of(now));

    /// <summary>How many ended days of channels since a UTC day no bill stands on.</summary>
    public static async Task<long> CountUnbilledAsync(NpgsqlConnection connection, LocalDate since, Instant now, CancellationToken cancellationToken) =>
        (await connection.RowsAsync(
            "SELECT count(*) FROM interval_day WHERE day >= $1 AND day < $2 AND pinned_version IS NULL", r => r.GetInt64(0), cancellationToken, since, UtcDay.Of(now))).Single();

    /// <summary>The next channels in order after one, locked, and their ended days since a UTC day that no bill stands on.</summary>
    public static async Task<(IReadOnlyList<ChannelId> Channels, IReadOnlyList<(ChannelId Channel, LocalDate Day)> Days)> ReadUnbilledAsync(
        NpgsqlConnection connection, ChannelId after, int limit, LocalDate since, Instant now, CancellationToken cancellationToken)
    {
        var channels = await connection.RowsAsync(
            "SELECT channel_id FROM channel WHERE channel_id > $1 ORDER BY channel_id LIMIT $2 FOR NO KEY UPDATE", r => new ChannelId(r.GetGuid(0)), cancellationToken, after.Value, limit);
        var days = await connection.RowsAsync("""
            SELECT channel_id, day FROM interval_day WHERE channel_id = ANY($1) AND day >= $2 AND day < $3 AND pinned_version IS NULL ORDER BY channel_id, day
            """, r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), cancellationToken, channels.Select(c => c.Value).ToArray(), since, UtcDay.Of(now));
        return (channels, days);
    }

    /// <summary>Puts days into the lists. The caller holds the channels' locks.</summary>
    internal static async Task AddAsync(NpgsqlConnection connection, IReadOnlyCollection<(ChannelId Channel, LocalDate Day)> days, Instant now, CancellationToken cancellationToken)
    {
        if (days.Count == 0)
        {
            return;
        }

        await connection.RunAsync("""
            INSERT INTO interval_day_due (channel_id, day, purpose, due_since)
            SELECT w.channel_id, w.day, p.purpose, $3
            FROM unnest($1::uuid[], $2::date[]) AS w (channel_id, day) JOIN channel c ON c.channel_id = w.channel_id
            CROSS JOIN (VALUES ('validate'), ('virtual')) AS p (purpose)
            WHERE p.purpose = 'validate' OR c.has_dependants
            ON CONFLICT DO NOTHING
            """, cancellationToken, days.Select(d => d.Channel.Value).ToArray(), days.Select(d => d.Day).ToArray(), now);
    }
}
