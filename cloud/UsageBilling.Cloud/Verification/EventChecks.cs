using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.UsageEvents;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Verification;

/// <summary>Intervals of channels that events feed are what the events that are kept make, day by day. Days with overrides are left to those who made them.</summary>
internal sealed class EventChecks(Verification report, NpgsqlConnection connection)
{
    private const int DaysAtOnce = 500;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var after = (Channel: Guid.Empty, Day: LocalDate.MinIsoValue);
        while (true)
        {
            var days = await connection.RowsAsync(
                """
                SELECT d.channel_id, d.day, d.hash FROM interval_day d JOIN usage_channel c ON c.channel_id = d.channel_id
                WHERE (d.channel_id, d.day) > ($1, $2)
                  AND NOT EXISTS (SELECT FROM interval_override o WHERE o.channel_id = d.channel_id AND o.day = d.day)
                  AND NOT EXISTS (SELECT FROM usage_day_due u WHERE u.channel_id = d.channel_id AND u.day = d.day)
                ORDER BY d.channel_id, d.day LIMIT $3
                """,
                r => (Channel: r.GetGuid(0), Day: r.GetFieldValue<LocalDate>(1), Hash: r.GetFieldValue<byte[]>(2)), cancellationToken, after.Channel, after.Day, DaysAtOnce);
            if (days.Count == 0)
            {
                break;
            }

            var failures = new List<(ChannelId Channel, LocalDate Day, string Reason)>();
            var computed = (await EventDays.ComputeAsync(connection, [.. days.Select(d => (new ChannelId(d.Channel), d.Day))], failures, cancellationToken)).ToDictionary(d => (d.Channel.Value, d.Day));
            foreach (var (channel, day, reason) in failures)
            {
                report.Count("event days");
                report.Differs("event-day", $"{channel} {day:uuuu-MM-dd}", reason);
            }

            foreach (var stored in days.Where(d => computed.ContainsKey((d.Channel, d.Day))))
            {
                report.Count("event days");
                if (!computed[(stored.Channel, stored.Day)].Intervals!.Hash().AsSpan().SequenceEqual(stored.Hash) && await StillDiffersAsync(stored.Channel, stored.Day, cancellationToken))
                {
                    report.Differs("event-day", $"{stored.Channel} {stored.Day:uuuu-MM-dd}", "the intervals are not those that its events make");
                }
            }

            after = (days[^1].Channel, days[^1].Day);
        }

        await LostAsync(cancellationToken);
    }

    // Events go on arriving while this reads: what differs is looked at once more.
    private async Task<bool> StillDiffersAsync(Guid channel, LocalDate day, CancellationToken cancellationToken)
    {
        var stored = await connection.RowsAsync(
            "SELECT d.hash FROM interval_day d WHERE d.channel_id = $1 AND d.day = $2 AND NOT EXISTS (SELECT FROM usage_day_due u WHERE u.channel_id = $1 AND u.day = $2)",
            r => r.GetFieldValue<byte[]>(0), cancellationToken, channel, day);
        var now = await EventDays.ComputeAsync(connection, [(new ChannelId(channel), day)], [], cancellationToken);
        return stored.Count == 1 && !(now.Count == 1 && now[0].Intervals!.Hash().AsSpan().SequenceEqual(stored[0]));
    }

    private async Task LostAsync(CancellationToken cancellationToken)
    {
        foreach (var (channel, day) in await connection.RowsAsync(
            """
            SELECT DISTINCT e.channel_id, (e.event_at AT TIME ZONE 'UTC')::date FROM usage_event e
            WHERE NOT EXISTS (SELECT FROM interval_day d WHERE d.channel_id = e.channel_id AND d.day = (e.event_at AT TIME ZONE 'UTC')::date)
              AND NOT EXISTS (SELECT FROM usage_day_due u WHERE u.channel_id = e.channel_id AND u.day = (e.event_at AT TIME ZONE 'UTC')::date)
              AND e.event_at >= (SELECT floor_day FROM retention)::timestamp AT TIME ZONE 'UTC'
            """,
            r => (r.GetGuid(0), r.GetFieldValue<LocalDate>(1)), cancellationToken))
        {
            report.Differs("event-day", $"{channel} {day:uuuu-MM-dd}", "there are events and no intervals");
        }

        foreach (var (channel, day) in await connection.RowsAsync(
            """
            SELECT c.channel_id, d::date FROM usage_channel c
            JOIN usage_definition u ON u.event_type = c.event_type AND u.where_nothing = 'zero',
            LATERAL generate_series(greatest(u.from_day, (SELECT floor_day FROM retention)), c.closed_through, interval '1 day') AS d
            WHERE NOT EXISTS (SELECT FROM interval_day i WHERE i.channel_id = c.channel_id AND i.day = d::date)
              AND NOT EXISTS (SELECT FROM usage_day_due w WHERE w.channel_id = c.channel_id AND w.day = d::date)
              AND NOT EXISTS (SELECT FROM usage_event e WHERE e.channel_id = c.channel_id AND e.event_at >= d::date::timestamp AT TIME ZONE 'UTC' AND e.event_at < (d::date + 1)::timestamp AT TIME ZONE 'UTC')
            """,
            r => (r.GetGuid(0), r.GetFieldValue<LocalDate>(1)), cancellationToken))
        {
            report.Differs("event-day", $"{channel} {day:uuuu-MM-dd}", "the day ended without events, which counts as zero, and there are no intervals");
        }

        foreach (var (channel, day, error) in await connection.RowsAsync(
            "SELECT channel_id, day, error FROM usage_day_due", r => (r.GetGuid(0), r.GetFieldValue<LocalDate>(1), r.TextOrNull(2)), cancellationToken))
        {
            report.Waits("event-day", $"{channel} {day:uuuu-MM-dd}", error ?? "its events are not computed yet");
        }
    }
}
