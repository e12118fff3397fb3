using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Reads the versions that a bill used, keeps them, and tells what changed since.</summary>
internal static class ManifestReading
{
    public static async Task<LoadProfile> ReadAsync(NpgsqlDataSource database, IReadOnlyList<ManifestEntry> manifest, CancellationToken cancellationToken)
    {
        if (manifest.Count == 0 || manifest.Any(e => e.Channel != manifest[0].Channel))
        {
            throw new ArgumentException("a manifest names days of one channel", nameof(manifest));
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var channel = manifest[0].Channel;
        var named = manifest.Where(e => e.Version > 0).ToArray();
        var rows = await connection.RowsAsync("""
            SELECT d.day, d.version, d.interval_minutes, d.quantities, d.qualities, d.hash
            FROM unnest($2::date[], $3::integer[]) AS w (day, version)
            JOIN interval_day d ON d.channel_id = $1 AND d.day = w.day AND d.version = w.version
            UNION ALL
            SELECT d.day, d.version, d.interval_minutes, d.quantities, d.qualities, d.hash
            FROM unnest($2::date[], $3::integer[]) AS w (day, version)
            JOIN interval_day_history d ON d.channel_id = $1 AND d.day = w.day AND d.version = w.version
            """, r => ProfileReading.Read(r, 0), cancellationToken, channel.Value, named.Select(e => e.Day).ToArray(), named.Select(e => e.Version).ToArray());
        var days = rows.DistinctBy(r => r.Day).ToDictionary(r => r.Day);
        foreach (var entry in named)
        {
            if (!days.TryGetValue(entry.Day, out var day))
            {
                throw new InvalidOperationException($"channel {channel}, {entry.Day:uuuu-MM-dd}: version {entry.Version} is not kept");
            }

            if (!day.Intervals.HashSlice(entry.FirstSlot, entry.SlotCount).AsSpan().SequenceEqual(entry.SliceHash.AsSpan()))
            {
                throw new InvalidOperationException($"channel {channel}, {entry.Day:uuuu-MM-dd}: version {entry.Version} is not what the manifest's hash {entry.SliceHashHex} names");
            }
        }

        var shape = (await ProfileReading.ReadShapesAsync(connection, [channel.Value], UtcDay.StartOf(manifest[0].Day), cancellationToken))[channel];
        var grid = days.Count == 0 ? GridOf(manifest, shape.IntervalMinutes) : IntervalStep.CommonInterval(days.Values.Select(d => d.Intervals.IntervalMinutes));
        var (from, to) = (At(manifest[0], manifest[0].FirstSlot), At(manifest[^1], manifest[^1].FirstSlot + manifest[^1].SlotCount));
        return ProfileAssembly.Assemble(shape.Measurand, shape.Exponent, from, to, [.. days.Values.Select(d => KeyValuePair.Create(d.Day, d.Intervals))], grid);

        Instant At(ManifestEntry entry, int slot) =>
            UtcDay.StartOf(entry.Day) + Duration.FromMinutes((long)slot * (days.GetValueOrDefault(entry.Day)?.Intervals.IntervalMinutes ?? grid));
    }

    public static async Task<bool> PinAsync(NpgsqlConnection connection, IReadOnlyCollection<ManifestEntry> manifest, Instant now, CancellationToken cancellationToken)
    {
        await PinMissingAsync(connection, [.. manifest.Where(e => e.Version == 0)], now, cancellationToken);
        var named = manifest.Where(e => e.Version > 0).DistinctBy(e => (e.Channel, e.Day, e.Version)).OrderBy(e => e.Channel.Value).ThenBy(e => e.Day).ToArray();
        if (named.Length == 0)
        {
            return true;
        }

        var (channels, days, versions) = (named.Select(e => e.Channel.Value).ToArray(), named.Select(e => e.Day).ToArray(), named.Select(e => e.Version).ToArray());
        var pinned = await connection.RunAsync("""
            UPDATE interval_day d SET pinned_version = d.version
            FROM unnest($1::uuid[], $2::date[], $3::integer[]) AS w (channel_id, day, version)
            WHERE d.channel_id = w.channel_id AND d.day = w.day AND d.version = w.version
            """, cancellationToken, channels, days, versions);
        if (pinned == named.Length)
        {
            return true;
        }

        var kept = await connection.RowsAsync("""
            SELECT count(*) FROM unnest($1::uuid[], $2::date[], $3::integer[]) AS w (channel_id, day, version)
            JOIN interval_day_history h ON h.channel_id = w.channel_id AND h.day = w.day AND h.version = w.version
            """, r => r.GetInt64(0), cancellationToken, channels, days, versions);
        return pinned + kept[0] == named.Length;
    }

    public static async Task<ImmutableArray<IntervalDayChange>> TakeChangesAsync(NpgsqlConnection connection, int limit, CancellationToken cancellationToken)
    {
        var taken = await connection.RowsAsync("""
            WITH oldest AS (
              SELECT channel_id, day, to_version FROM interval_day_change ORDER BY changed_at, channel_id, day, to_version LIMIT $1 FOR UPDATE SKIP LOCKED)
            DELETE FROM interval_day_change c USING oldest o
            WHERE c.channel_id = o.channel_id AND c.day = o.day AND c.to_version = o.to_version
            RETURNING c.channel_id, c.day, c.from_version, c.to_version, c.changed_slots, c.changed_at
            """, r => new IntervalDayChange(
                new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1), r.GetInt32(2), r.GetInt32(3), [.. r.GetFieldValue<short[]>(4).Select(s => (int)s)], r.GetFieldValue<Instant>(5)),
            cancellationToken, limit);
        return [.. taken.OrderBy(c => c.ChangedAt).ThenBy(c => c.Channel.Value).ThenBy(c => c.Day).ThenBy(c => c.ToVersion)];
    }

    /// <summary>A day that a bill used without knowing anything gets a row, so that what arrives later is a change.</summary>
    private static async Task PinMissingAsync(NpgsqlConnection connection, ManifestEntry[] manifest, Instant now, CancellationToken cancellationToken)
    {
        if (manifest.Length == 0)
        {
            return;
        }

        var shapes = await ProfileReading.ReadShapesAsync(connection, [.. manifest.Select(e => e.Channel.Value).Distinct()], now, cancellationToken);
        foreach (var group in manifest.Where(e => shapes.ContainsKey(e.Channel)).GroupBy(e => shapes[e.Channel].IntervalMinutes))
        {
            var day = IntervalDay.Missing(group.Key);
            var entries = group.DistinctBy(e => (e.Channel, e.Day)).ToArray();
            await connection.RunAsync("""
                INSERT INTO interval_day (channel_id, day, interval_minutes, quantities, qualities, version, pinned_version, hash, computed_at)
                SELECT w.channel_id, w.day, $3, $4, $5, 0, 0, $6, $7 FROM unnest($1::uuid[], $2::date[]) AS w (channel_id, day)
                ON CONFLICT (channel_id, day) DO NOTHING
                """, cancellationToken, entries.Select(e => e.Channel.Value).ToArray(), entries.Select(e => e.Day).ToArray(),
                (short)group.Key, day.PackQuantities(), day.PackQualities(), day.Hash().ToArray(), now);
        }
    }

    // A whole day without intervals says its grid by its number of slots.
    private static int GridOf(IReadOnlyList<ManifestEntry> manifest, int otherwise) =>
        manifest.Count > 2 ? 1440 / manifest[1].SlotCount : otherwise;
}
