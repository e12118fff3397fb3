using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>Computes the days that events have touched, and closes days that have ended: what had no event by then was not used, where the definition says so.</summary>
internal sealed class EventDayUpkeep(NpgsqlDataSource database, TimeProvider time)
{
    private const int ChannelsAtOnce = 200;
    private const int DaysAtOnce = 400;

    /// <summary>Closes what has ended and computes everything that is due. Returns how many days were computed.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        while (await CloseAsync(cancellationToken) > 0)
        {
        }

        var days = 0;
        while (await ComputeAsync(cancellationToken) is var computed and > 0)
        {
            days += computed;
        }

        return days;
    }

    private Instant Now => time.GetCurrentInstant();

    private async Task<int> CloseAsync(CancellationToken cancellationToken)
    {
        var (now, yesterday) = (Now, UtcDay.Of(Now).PlusDays(-1));
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var open = await connection.RowsAsync(
            "SELECT channel_id FROM usage_channel WHERE closed_through < $1 ORDER BY closed_through, channel_id LIMIT $2", r => new ChannelId(r.GetGuid(0)), cancellationToken, yesterday, ChannelsAtOnce);
        if (open.Count == 0)
        {
            return 0;
        }

        await MeasuredLayer.LockAsync(connection, open, ChannelFeed.Events, cancellationToken);
        var ids = open.Select(c => c.Value).ToArray();
        await connection.RunAsync(
            """
            INSERT INTO usage_day_due (channel_id, day, noted_at)
            SELECT c.channel_id, d::date, $2 FROM usage_channel c, generate_series(c.closed_through + 1, $3::date, interval '1 day') AS d WHERE c.channel_id = ANY($1)
            ON CONFLICT (channel_id, day) DO UPDATE SET error = NULL
            """,
            cancellationToken, ids, now, yesterday);
        await connection.RunAsync("UPDATE usage_channel SET closed_through = $2 WHERE channel_id = ANY($1) AND closed_through < $2", cancellationToken, ids, yesterday);
        await transaction.CommitAsync(cancellationToken);
        return open.Count;
    }

    private async Task<int> ComputeAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var channels = await connection.RowsAsync(
            "SELECT channel_id FROM usage_day_due WHERE error IS NULL ORDER BY noted_at, channel_id, day LIMIT $1", r => new ChannelId(r.GetGuid(0)), cancellationToken, DaysAtOnce);
        if (channels.Count == 0)
        {
            return 0;
        }

        // Events are added under these locks too: what is read now is everything, and what comes later makes the day due again.
        await MeasuredLayer.LockAsync(connection, [.. channels.Distinct()], ChannelFeed.Events, cancellationToken);
        var due = await connection.RowsAsync(
            "SELECT channel_id, day FROM usage_day_due WHERE error IS NULL AND channel_id = ANY($1) ORDER BY noted_at, channel_id, day LIMIT $2",
            r => (Channel: new ChannelId(r.GetGuid(0)), Day: r.GetFieldValue<LocalDate>(1)), cancellationToken, channels.Select(c => c.Value).Distinct().ToArray(), DaysAtOnce);
        var failures = new List<(ChannelId Channel, LocalDate Day, string Reason)>();
        var computed = await EventDays.ComputeAsync(connection, due, failures, cancellationToken);
        await MeasuredLayer.SaveAsync(connection, computed, Now, cancellationToken);
        await connection.RunAsync(
            "DELETE FROM usage_day_due d USING unnest($1::uuid[], $2::date[]) AS w (channel_id, day) WHERE d.channel_id = w.channel_id AND d.day = w.day",
            cancellationToken, computed.Select(c => c.Channel.Value).ToArray(), computed.Select(c => c.Day).ToArray());
        await connection.RunAsync(
            "UPDATE usage_day_due d SET error = w.reason FROM unnest($1::uuid[], $2::date[], $3::text[]) AS w (channel_id, day, reason) WHERE d.channel_id = w.channel_id AND d.day = w.day",
            cancellationToken, failures.Select(f => f.Channel.Value).ToArray(), failures.Select(f => f.Day).ToArray(), failures.Select(f => f.Reason).ToArray());
        await transaction.CommitAsync(cancellationToken);
        return due.Count;
    }
}

/// <summary>Runs the upkeep every second: the answer to a sender says that the event is kept, and the intervals follow.</summary>
internal sealed class EventDayWorker(EventDayUpkeep upkeep, TimeProvider time, ILogger<EventDayWorker> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, time);
        do
        {
            try
            {
                await upkeep.RunAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // What is due stands in the database; the next turn takes it.
                log.EventDaysFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
