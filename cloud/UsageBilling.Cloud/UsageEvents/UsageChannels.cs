using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Events;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>Channels that events feed.</summary>
internal static class UsageChannels
{
    /// <summary>
    /// Makes the channels of a definition at service points, in the caller's transaction. Returns what was refused, by service point: the channel has another feed, takes events of
    /// another type, or the zone does not suit the interval.
    /// </summary>
    public static async Task<Dictionary<string, string>> EnsureAsync(
        NpgsqlConnection connection, UsageDefinition definition, IReadOnlyCollection<ServicePointRecord> points, Instant now, CancellationToken cancellationToken)
    {
        var refused = new Dictionary<string, string>(StringComparer.Ordinal);
        var keys = points.ToDictionary(p => p.Id, p => new ChannelKey(p.Id, definition.Measurand), StringComparer.Ordinal);
        var floor = await Retention.FloorAsync(connection, cancellationToken);
        var known = await ReadAsync(connection, keys.Values.Select(k => k.Id), cancellationToken);
        foreach (var point in points.Where(p => !known.ContainsKey(keys[p.Id].Id)).OrderBy(p => p.Id, StringComparer.Ordinal)) // one order everywhere, or two requests wait for each other
        {
            var zone = DateTimeZoneProviders.Tzdb[point.Zone];
            if (ZoneRule.Problem(zone, definition.IntervalMinutes, floor, now + Duration.FromDays(366)) is { } problem)
            {
                refused[point.Id] = problem;
                continue;
            }

            try
            {
                await RegisterAdministration.RegisterAsync(connection, new ChannelRegistration(keys[point.Id], definition.Exponent, point.Zone, ChannelFeed.Events), now, cancellationToken);
            }
            catch (MeteringConfigurationException e)
            {
                refused[point.Id] = e.Message;
                continue;
            }

            await connection.RunAsync(
                "INSERT INTO usage_channel (channel_id, event_type, closed_through) VALUES ($1, $2, $3) ON CONFLICT (channel_id) DO NOTHING",
                cancellationToken, keys[point.Id].Id.Value, definition.EventType, definition.From.PlusDays(-1));
        }

        known = await ReadAsync(connection, keys.Values.Select(k => k.Id), cancellationToken);
        foreach (var (point, key) in keys.Where(k => known.TryGetValue(k.Value.Id, out var c) && c.EventType != definition.EventType))
        {
            refused[point] = $"channel {key} takes events of type {known[key.Id].EventType}, not of {definition.EventType}: give one of them a service point of its own";
        }

        return refused;
    }

    /// <summary>The event type of each channel and the day through which it is closed; what is no channel of events is not in the result.</summary>
    public static async Task<Dictionary<ChannelId, (string EventType, LocalDate ClosedThrough)>> ReadAsync(NpgsqlConnection connection, IEnumerable<ChannelId> channels, CancellationToken cancellationToken) =>
        (await connection.RowsAsync(
            "SELECT channel_id, event_type, closed_through FROM usage_channel WHERE channel_id = ANY($1)",
            r => (Id: new ChannelId(r.GetGuid(0)), Type: r.GetString(1), Closed: r.GetFieldValue<LocalDate>(2)), cancellationToken, channels.Select(c => c.Value).Distinct().ToArray()))
            .ToDictionary(c => c.Id, c => (c.Type, c.Closed));

    /// <summary>Where channels stand, by id, after one.</summary>
    public static Task<List<UsageChannelRow>> ListAsync(NpgsqlDataSource database, Guid after, int limit, CancellationToken cancellationToken) => database.RowsAsync(
        """
        SELECT c.channel_id, c.event_type, c.closed_through, c.events, c.late_events, c.duplicates, c.last_received_at, d.days, d.error
        FROM usage_channel c,
          LATERAL (SELECT count(*)::integer AS days, max(u.error) AS error FROM usage_day_due u WHERE u.channel_id = c.channel_id) AS d
        WHERE c.channel_id > $1 ORDER BY c.channel_id LIMIT $2
        """,
        r => new UsageChannelRow(
            r.GetGuid(0), r.GetString(1), r.GetFieldValue<LocalDate>(2), r.GetInt64(3), r.GetInt64(4), r.GetInt64(5), r.IsDBNull(6) ? null : r.GetFieldValue<Instant>(6), r.GetInt32(7), r.TextOrNull(8)),
        cancellationToken, after, limit);
}
