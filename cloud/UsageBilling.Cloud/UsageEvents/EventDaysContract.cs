using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Events;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>Days of channels that events feed, out of the events that are kept.</summary>
public static class EventDays
{
    /// <summary>Computes days, in the caller's transaction, which holds the channels' locks.</summary>
    /// <exception cref="OverflowException">A slot's sum leaves 64 bits.</exception>
    public static async Task<IReadOnlyList<ComputedDay>> ComputeAsync(NpgsqlConnection connection, IReadOnlyList<(ChannelId Channel, LocalDate Day)> days, CancellationToken cancellationToken)
    {
        var failures = new List<(ChannelId, LocalDate, string Reason)>();
        var computed = await ComputeAsync(connection, days, failures, cancellationToken);
        return failures.Count == 0 ? computed : throw new OverflowException(failures[0].Reason);
    }

    /// <summary>The UTC days that events of channels speak of, and those that ended without any and count as zero; for replay and verification.</summary>
    public static async Task<List<(ChannelId Channel, LocalDate Day)>> ReadDaysAsync(NpgsqlConnection connection, IReadOnlyCollection<ChannelId> channels, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT channel_id, (event_at AT TIME ZONE 'UTC')::date FROM usage_event WHERE channel_id = ANY($1)
            UNION SELECT c.channel_id, d::date FROM usage_channel c
              JOIN usage_definition u ON u.event_type = c.event_type AND u.where_nothing = 'zero',
              LATERAL generate_series(u.from_day, c.closed_through, interval '1 day') AS d
              WHERE c.channel_id = ANY($1)
            """,
            connection)
        {
            Parameters = { new() { Value = channels.Select(c => c.Value).ToArray() } },
        };
        var days = new List<(ChannelId, LocalDate)>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            days.Add((new ChannelId(row.GetGuid(0)), row.GetFieldValue<LocalDate>(1)));
        }

        return days;
    }

    internal static async Task<IReadOnlyList<ComputedDay>> ComputeAsync(
        NpgsqlConnection connection, IReadOnlyList<(ChannelId Channel, LocalDate Day)> days, List<(ChannelId Channel, LocalDate Day, string Reason)> failures, CancellationToken cancellationToken)
    {
        var channels = await UsageChannels.ReadAsync(connection, days.Select(d => d.Channel), cancellationToken);
        var definitions = await UsageDefinitions.ReadAsync(connection, channels.Values.Select(c => c.EventType), cancellationToken);
        var wanted = days.Where(d => channels.ContainsKey(d.Channel)).Distinct().ToArray();
        var computed = new List<ComputedDay>(wanted.Length);
        await using var command = new NpgsqlCommand(
            """
            SELECT w.place, e.source, e.event_id, e.event_at, e.value
            FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS w (channel_id, from_at, to_at, place)
            JOIN usage_event e ON e.channel_id = w.channel_id AND e.event_at >= w.from_at AND e.event_at < w.to_at
            ORDER BY w.place
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = wanted.Select(d => d.Channel.Value).ToArray() },
                new() { Value = wanted.Select(d => UtcDay.StartOf(d.Day)).ToArray() },
                new() { Value = wanted.Select(d => UtcDay.StartOf(d.Day.PlusDays(1))).ToArray() },
            },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var events = new List<StoredEvent>();
        var next = 0;
        while (await row.ReadAsync(cancellationToken))
        {
            var place = (int)row.GetInt64(0) - 1;
            for (; next < place; next++)
            {
                Close(next);
            }

            events.Add(new StoredEvent(row.GetString(1), row.GetString(2), row.GetFieldValue<Instant>(3), row.GetDecimal(4)));
        }

        for (; next < wanted.Length; next++)
        {
            Close(next);
        }

        return computed;

        void Close(int index)
        {
            var (channel, day) = wanted[index];
            var (type, closedThrough) = channels[channel];
            try
            {
                computed.Add(new ComputedDay(channel, day, EventDay.Compute(definitions[type], day, events, day <= closedThrough)));
            }
            catch (OverflowException e)
            {
                failures.Add((channel, day, $"{channel} on {day:uuuu-MM-dd}: {e.Message}"));
            }

            events.Clear();
        }
    }
}
