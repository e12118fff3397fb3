using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// Which overrides are laid over days: all that were not withdrawn, but for estimates of which any part no longer stands on what was measured. An estimate over
/// several days is judged by all of them, so days that only an estimate connects are looked at, and saved, together.
/// </summary>
internal static class LaidOverrides
{
    /// <summary>The days given and those that estimates connect with them, with what is laid over each.</summary>
    public static async Task<(IReadOnlyList<ComputedDay> Computed, ILookup<(ChannelId, LocalDate), IntervalOverride> Overrides)> ReadAsync(
        NpgsqlConnection connection, IReadOnlyList<ComputedDay> changed, Instant now, CancellationToken cancellationToken)
    {
        var computed = changed.ToDictionary(c => (c.Channel, c.Day));
        var parts = await ReadPartsAsync(connection, computed.Keys, cancellationToken);
        while (parts.Where(p => p.Part.Basis is not null).Select(p => (p.Channel, p.Day)).Where(k => !computed.ContainsKey(k)).Distinct().ToArray() is { Length: > 0 } others)
        {
            var terms = await MeasuredLayer.ReadTermsAsync(connection, others.Select(o => o.Channel), cancellationToken);
            foreach (var feed in others.GroupBy(o => terms[o.Channel].Feed))
            {
                foreach (var day in await MeasuredLayer.ComputeAsync(connection, feed.Key, [.. feed], now, cancellationToken))
                {
                    computed.Add((day.Channel, day.Day), day);
                }
            }

            parts = await ReadPartsAsync(connection, computed.Keys, cancellationToken);
        }

        return ([.. computed.Values], Holding(parts, (channel, day) => computed.TryGetValue((channel, day), out var known) ? known.Intervals : null));
    }

    /// <summary>What is laid over days, by a measured layer that knows every day that estimates connect.</summary>
    public static async Task<ILookup<(ChannelId, LocalDate), IntervalOverride>> ReadAsync(
        NpgsqlConnection connection, ChannelId channel, LocalDate[] days, Func<LocalDate, IntervalDay?> measured, CancellationToken cancellationToken) =>
        Holding(await ReadPartsAsync(connection, days.Select(d => (channel, d)), cancellationToken), (_, day) => measured(day));

    private static ILookup<(ChannelId, LocalDate), IntervalOverride> Holding(List<(ChannelId Channel, LocalDate Day, IntervalOverride Part)> parts, Func<ChannelId, LocalDate, IntervalDay?> measured)
    {
        var broken = parts.GroupBy(p => p.Channel)
            .SelectMany(c => IntervalOverride.Broken(c.Select(p => (p.Day, p.Part)), day => measured(c.Key, day)).Select(id => (c.Key, id))).ToHashSet();
        return parts.Where(p => !broken.Contains((p.Channel, p.Part.Id))).ToLookup(p => (p.Channel, p.Day), p => p.Part);
    }

    /// <summary>Overrides of days and the other parts of their estimates, in the order in which they were made.</summary>
    private static Task<List<(ChannelId Channel, LocalDate Day, IntervalOverride Part)>> ReadPartsAsync(
        NpgsqlConnection connection, IEnumerable<(ChannelId Channel, LocalDate Day)> days, CancellationToken cancellationToken)
    {
        var keys = days.ToArray();
        return connection.RowsAsync("""
            SELECT o.channel_id, o.day, o.interval_minutes, o.first_slot, o.quantities, o.quality, o.basis, o.override_id
            FROM interval_override o
            JOIN (SELECT DISTINCT t.channel_id, t.override_id FROM unnest($1::uuid[], $2::date[]) AS w (channel_id, day)
                  JOIN interval_override t ON t.channel_id = w.channel_id AND t.day = w.day) AS touched
              ON touched.channel_id = o.channel_id AND touched.override_id = o.override_id
            LEFT JOIN interval_override_withdrawal g ON g.channel_id = o.channel_id AND g.override_id = o.override_id
            WHERE g.override_id IS NULL
            ORDER BY o.created_at, o.override_id, o.day, o.first_slot
            """, r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1), new IntervalOverride(
                r.GetInt16(2), r.GetInt16(3), [.. r.GetFieldValue<long[]>(4)], (IntervalQuality)r.GetInt16(5))
            {
                Basis = r.IsDBNull(6) ? null : [.. r.GetFieldValue<byte[]>(6)],
                Id = r.GetGuid(7),
            }), cancellationToken, keys.Select(k => k.Channel.Value).ToArray(), keys.Select(k => k.Day).ToArray());
    }
}
