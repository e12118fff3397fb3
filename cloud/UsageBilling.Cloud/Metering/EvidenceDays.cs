using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.UsageEvents;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>The days of channels that no register feeds: those that their evidence speaks of, and those that are stored.</summary>
internal static class EvidenceDays
{
    /// <summary>In the order in which they are computed: a formula may read any of the others.</summary>
    public static readonly ChannelFeed[] OtherFeeds = [ChannelFeed.Deliveries, ChannelFeed.Events, ChannelFeed.Virtual];

    /// <summary>Channels of a feed behind one, in an order in which each comes after those that it reads.</summary>
    public static async Task<List<ChannelId>> ChannelsAsync(NpgsqlConnection connection, ChannelFeed feed, Guid after, CancellationToken cancellationToken)
    {
        var channels = await connection.RowsAsync("SELECT channel_id FROM channel WHERE feed = $1 ORDER BY channel_id", r => new ChannelId(r.GetGuid(0)), cancellationToken, (short)feed);
        if (feed == ChannelFeed.Virtual)
        {
            channels = [.. UsageBilling.Metering.Virtual.VirtualOrder.Of(await VirtualChannels.ReadAsync(connection, channels, cancellationToken), out _)];
        }

        return after == Guid.Empty ? channels : [.. channels.SkipWhile(c => c.Value != after).Skip(1)];
    }

    /// <summary>Days of virtual channels that are still to be computed from sources that changed: those listed, and today, which follows every few seconds.</summary>
    public static Task<List<(ChannelId Channel, LocalDate Day)>> ReadWaitingAsync(NpgsqlConnection connection, IReadOnlyCollection<ChannelId> channels, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT v.channel_id, q.day FROM virtual_source v JOIN interval_day_due q ON q.channel_id = v.source_id AND q.purpose = 'virtual' WHERE v.channel_id = ANY($1)
            UNION SELECT v.channel_id, d.day FROM virtual_source v JOIN interval_day d ON d.channel_id = v.source_id AND d.day >= (now() AT TIME ZONE 'UTC')::date WHERE v.channel_id = ANY($1)
            """, r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), cancellationToken, channels.Select(c => c.Value).ToArray());

    /// <summary>Days of channels of one feed, in order.</summary>
    public static async Task<List<(ChannelId Channel, LocalDate Day)>> ReadAsync(NpgsqlConnection connection, ChannelFeed feed, IReadOnlyCollection<ChannelId> channels, CancellationToken cancellationToken)
    {
        var evidence = feed switch
        {
            ChannelFeed.Deliveries => """
                UNION SELECT channel_id, day FROM delivered_day WHERE channel_id = ANY($1)
                UNION SELECT t.channel_id, d.day::date FROM usage_total t, retention r,
                  LATERAL generate_series(greatest((t.from_at AT TIME ZONE 'UTC')::date, r.floor_day), ((t.to_at - interval '1 microsecond') AT TIME ZONE 'UTC')::date, interval '1 day') AS d (day)
                  WHERE t.channel_id = ANY($1)
                """,
            ChannelFeed.Virtual => "UNION SELECT v.channel_id, d.day FROM virtual_source v JOIN interval_day d ON d.channel_id = v.source_id WHERE v.channel_id = ANY($1)",
            _ => "",
        };
        var days = await connection.RowsAsync(
            $"SELECT channel_id, day FROM interval_day WHERE channel_id = ANY($1) {evidence} ORDER BY 1, 2",
            r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), cancellationToken, channels.Select(c => c.Value).ToArray());
        if (feed != ChannelFeed.Events)
        {
            return days;
        }

        var floor = (await Retention.ReadAsync(connection, cancellationToken)).Floor;
        return [.. days.Union((await EventDays.ReadDaysAsync(connection, channels, cancellationToken)).Where(d => d.Day >= floor)).OrderBy(d => d.Item1.Value).ThenBy(d => d.Item2)];
    }
}
