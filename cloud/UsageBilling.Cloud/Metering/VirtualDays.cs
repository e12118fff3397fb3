using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Virtual;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Days of virtual channels, computed from the final intervals of their sources. The caller holds the virtual channels' locks.</summary>
internal static class VirtualDays
{
    private const int DaysAtOnce = 2_000;

    public static async Task<IReadOnlyList<ComputedDay>> ComputeAsync(NpgsqlConnection connection, IReadOnlyList<(ChannelId Channel, LocalDate Day)> days, CancellationToken cancellationToken)
    {
        var formulas = await VirtualChannels.ReadAsync(connection, days.Select(d => d.Channel).Distinct(), cancellationToken);
        var computed = new List<ComputedDay>(days.Count);
        foreach (var chunk in days.Chunk(DaysAtOnce))
        {
            var wanted = chunk.SelectMany(d => formulas[d.Channel].Sources.Select(s => (Channel: s, d.Day))).Distinct().ToArray();
            var stored = (await connection.RowsAsync("""
                SELECT d.channel_id, d.day, d.version, d.interval_minutes, d.quantities, d.qualities, d.hash
                FROM unnest($1::uuid[], $2::date[]) AS w (channel_id, day) JOIN interval_day d ON d.channel_id = w.channel_id AND d.day = w.day
                """, r => (Channel: new ChannelId(r.GetGuid(0)), Day: ProfileReading.Read(r, 1)), cancellationToken,
                wanted.Select(w => w.Channel.Value).ToArray(), wanted.Select(w => w.Day).ToArray())).ToDictionary(r => (r.Channel, r.Day.Day), r => r.Day.Intervals);
            computed.AddRange(chunk.Select(d => new ComputedDay(d.Channel, d.Day, Compute(formulas[d.Channel], [.. formulas[d.Channel].Sources.Select(s => stored.GetValueOrDefault((s, d.Day)))]))));
        }

        return await ZonedDays.FitAsync(connection, computed, cancellationToken);
    }

    // A sum that leaves 64 bits is not known: the day is a gap, which validation finds, and the others go on.
    private static IntervalDay? Compute(VirtualFormula formula, IntervalDay?[] sources)
    {
        try
        {
            return formula.Compute(sources);
        }
        catch (OverflowException)
        {
            return IntervalDay.Missing(IntervalStep.CommonInterval(sources.OfType<IntervalDay>().Select(s => s.IntervalMinutes)));
        }
    }

    /// <summary>Computes what ended days made due, one transaction; returns how many days were taken.</summary>
    public static async Task<int> ComputeDueAsync(NpgsqlDataSource database, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var due = await DueDays.TakeAsync(connection, DueDays.Virtual, DaysAtOnce, cancellationToken);
        var dependants = (await connection.RowsAsync(
            "SELECT source_id, channel_id FROM virtual_source WHERE source_id = ANY($1)",
            r => (Source: new ChannelId(r.GetGuid(0)), Channel: new ChannelId(r.GetGuid(1))), cancellationToken, due.Select(d => d.Channel.Value).Distinct().ToArray())).ToLookup(r => r.Source, r => r.Channel);
        await MeasuredLayer.RecomputeAsync(connection, [.. due.SelectMany(d => dependants[d.Channel].Select(c => (c, d.Day))).Distinct()], now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return due.Count;
    }

    /// <summary>Computes today for virtual channels of which a source has changed since; in as many rounds as they read each other.</summary>
    public static async Task ComputeTodayAsync(NpgsqlDataSource database, Instant now, CancellationToken cancellationToken)
    {
        const int MostRounds = 10;
        for (var round = 0; round < MostRounds; round++)
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var stale = await connection.RowsAsync("""
                SELECT DISTINCT v.channel_id, s.day
                FROM virtual_source v JOIN interval_day s ON s.channel_id = v.source_id AND s.day >= $1
                LEFT JOIN interval_day d ON d.channel_id = v.channel_id AND d.day = s.day
                WHERE d.computed_at IS NULL OR d.computed_at < s.computed_at
                """, r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), cancellationToken, UtcDay.Of(now));
            await MeasuredLayer.RecomputeAsync(connection, stale, now, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            if (stale.Count == 0)
            {
                return;
            }
        }
    }
}
