using System.Runtime.CompilerServices;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>How slots of a day were set apart from what was measured.</summary>
public sealed record OverriddenSlots(int IntervalMinutes, int FirstSlot, int Slots, IntervalQuality Quality, string Method, string Reason);

/// <summary>A stored day with what is known of its estimates and edits.</summary>
public sealed record ChannelDay(LocalDate Day, IntervalDay Intervals, Instant ComputedAt, IReadOnlyList<OverriddenSlots> Overrides);

/// <summary>Stored days one after another, for whoever writes them out.</summary>
public static class ChannelDays
{
    // Some two months of quarter-hours are some 40 kB.
    private const int DaysRead = 62;

    /// <summary>The channel's terms, or null where there is no such channel.</summary>
    public static async Task<ChannelTerms?> TermsAsync(NpgsqlDataSource database, ChannelId channel, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await MeasuredLayer.ReadTermsAsync(connection, [channel], cancellationToken)).GetValueOrDefault(channel);
    }

    /// <summary>Delivered days of [first, beyond) that are older than what is kept, and wait for more years to be kept.</summary>
    public static async Task<long> CountParkedAsync(NpgsqlDataSource database, ChannelId channel, LocalDate first, LocalDate beyond, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.RowsAsync(
            "SELECT count(DISTINCT day) FROM delivered_parked WHERE channel_id = $1 AND day >= $2 AND day < $3", r => r.GetInt64(0), cancellationToken, channel.Value, first, beyond))[0];
    }

    /// <summary>The days of [first, beyond) that there are, in order; a few at a time in memory.</summary>
    public static async IAsyncEnumerable<ChannelDay> ReadAsync(
        NpgsqlDataSource database, ChannelId channel, LocalDate first, LocalDate beyond, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var from = first; from < beyond; from = from.PlusDays(DaysRead))
        {
            var to = LocalDate.Min(from.PlusDays(DaysRead), beyond);
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            var overrides = (await connection.RowsAsync("""
                SELECT day, interval_minutes, first_slot, cardinality(quantities), quality, method, reason FROM interval_override o
                WHERE channel_id = $1 AND day >= $2 AND day < $3
                  AND NOT EXISTS (SELECT FROM interval_override_withdrawal g WHERE g.channel_id = o.channel_id AND g.override_id = o.override_id)
                ORDER BY created_at, override_id
                """, r => (Day: r.GetFieldValue<LocalDate>(0), Slots: new OverriddenSlots(
                    r.GetInt16(1), r.GetInt16(2), r.GetInt32(3), (IntervalQuality)r.GetInt16(4), r.GetString(5), r.GetString(6))), cancellationToken, channel.Value, from, to)).ToLookup(o => o.Day, o => o.Slots);
            var days = await connection.RowsAsync("""
                SELECT day, interval_minutes, quantities, qualities, computed_at FROM interval_day
                WHERE channel_id = $1 AND day >= $2 AND day < $3 ORDER BY day
                """, r => new ChannelDay(
                    r.GetFieldValue<LocalDate>(0),
                    IntervalDay.Unpack(r.GetInt16(1), r.GetFieldValue<byte[]>(2), r.GetFieldValue<byte[]>(3)),
                    r.GetFieldValue<Instant>(4),
                    [.. overrides[r.GetFieldValue<LocalDate>(0)]]), cancellationToken, channel.Value, from, to);
            foreach (var day in days)
            {
                yield return day;
            }
        }
    }
}
