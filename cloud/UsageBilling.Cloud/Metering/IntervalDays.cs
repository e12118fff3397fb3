using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Writes computed days: overrides laid over, version raised only where the hash changed, what was superseded kept and reported.</summary>
/// <param name="connection">In the transaction that holds the channels' locks.</param>
/// <param name="now">Which days have ended.</param>
/// <param name="fromBytes">Compare with the stored intervals themselves, not with the hash beside them: for who checks what is stored.</param>
internal sealed class IntervalDays(NpgsqlConnection connection, Instant now, bool fromBytes = false)
{
    /// <summary>Saves and returns how many days were different from what was stored.</summary>
    public async Task<int> SaveAsync(IReadOnlyList<ComputedDay> computed, CancellationToken cancellationToken)
    {
        var (fresh, superseded) = await CompareAsync(computed, cancellationToken);
        await WriteAsync(fresh, cancellationToken);
        await KeepAsync(superseded, cancellationToken);
        await ReportAsync([.. superseded.Where(s => s.Old.PinnedVersion is not null)], cancellationToken);
        await DueDays.AddAsync(connection, [.. fresh.Where(d => UtcDay.StartOf(d.Day.PlusDays(1)) <= now).Select(d => (d.Channel, d.Day))], now, cancellationToken);
        return fresh.Count;
    }

    /// <summary>The days that saving would change; writes nothing.</summary>
    public async Task<List<(ChannelId Channel, LocalDate Day)>> DifferencesAsync(IReadOnlyList<ComputedDay> computed, CancellationToken cancellationToken) =>
        [.. (await CompareAsync(computed, cancellationToken)).Fresh.Select(d => (d.Channel, d.Day))];

    private async Task<(List<StoredDay> Fresh, List<(StoredDay Old, IntervalDay New)> Superseded)> CompareAsync(IReadOnlyList<ComputedDay> changed, CancellationToken cancellationToken)
    {
        var (computed, overrides) = await LaidOverrides.ReadAsync(connection, changed, now, cancellationToken);
        var keys = (Channels: computed.Select(c => c.Channel.Value).ToArray(), Days: computed.Select(c => c.Day).ToArray());
        var stored = await ReadStoredAsync(keys.Channels, keys.Days, cancellationToken);
        var fresh = new List<StoredDay>();
        var superseded = new List<(StoredDay Old, IntervalDay New)>();
        foreach (var (channel, day, intervals) in computed)
        {
            stored.TryGetValue((channel, day), out var old);
            if (Final(intervals, old, overrides[(channel, day)]) is not { } final)
            {
                continue;
            }

            var hash = final.Hash();
            if (old is not null && old.Hash.AsSpan().SequenceEqual(hash.AsSpan()) && (!fromBytes || old.Intervals.Hash().AsSpan().SequenceEqual(hash.AsSpan())))
            {
                continue;
            }

            if (fromBytes && old is not null && (old.Hash.AsSpan().SequenceEqual(hash.AsSpan()) || old.Intervals.Hash().AsSpan().SequenceEqual(hash.AsSpan())))
            {
                // Intervals and hash disagree and one of them is right: nobody computed this, the row was damaged. It is put right as the version that it is,
                // so that history and bills never name the damage.
                fresh.Add(old with { Intervals = final, Hash = hash });
                continue;
            }

            fresh.Add(new StoredDay(channel, day, final, (old?.Version ?? 0) + 1, old?.PinnedVersion, hash, now));
            if (old is not null && (UtcDay.StartOf(day.PlusDays(1)) <= now || old.PinnedVersion == old.Version))
            {
                superseded.Add((old, final));
            }
        }

        return (fresh, superseded);
    }

    // Where nothing was known and nothing is, there is no row.
    private static IntervalDay? Final(IntervalDay? intervals, StoredDay? old, IEnumerable<IntervalOverride> overrides)
    {
        var laid = overrides.ToArray();
        if (intervals is null && old is null && laid.Length == 0)
        {
            return null;
        }

        var final = IntervalOverride.Apply(intervals ?? IntervalDay.Missing(old?.Intervals.IntervalMinutes ?? laid[0].IntervalMinutes), laid);
        return old is null && !final.Qualities.ContainsAnyExcept((byte)IntervalQuality.Missing) && !final.Quantities.ContainsAnyExcept(0L) ? null : final;
    }

    private async Task<Dictionary<(ChannelId, LocalDate), StoredDay>> ReadStoredAsync(Guid[] channels, LocalDate[] days, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync("""
            SELECT d.channel_id, d.day, d.interval_minutes, d.quantities, d.qualities, d.version, d.pinned_version, d.hash, d.computed_at
            FROM unnest($1::uuid[], $2::date[]) AS w (channel_id, day)
            JOIN interval_day d ON d.channel_id = w.channel_id AND d.day = w.day
            """, r => new StoredDay(
                new ChannelId(r.GetGuid(0)),
                r.GetFieldValue<LocalDate>(1),
                IntervalDay.Unpack(r.GetInt16(2), r.GetFieldValue<byte[]>(3), r.GetFieldValue<byte[]>(4)),
                r.GetInt32(5),
                r.IsDBNull(6) ? null : r.GetInt32(6),
                [.. r.GetFieldValue<byte[]>(7)],
                r.GetFieldValue<Instant>(8)), cancellationToken, channels, days);
        return rows.ToDictionary(r => (r.Channel, r.Day));
    }

    private async Task WriteAsync(List<StoredDay> days, CancellationToken cancellationToken)
    {
        if (days.Count == 0)
        {
            return;
        }

        await connection.RunAsync("""
            INSERT INTO interval_day (channel_id, day, interval_minutes, quantities, qualities, version, pinned_version, hash, computed_at)
            SELECT * FROM unnest($1::uuid[], $2::date[], $3::smallint[], $4::bytea[], $5::bytea[], $6::integer[], $7::integer[], $8::bytea[], $9::timestamptz[])
            ON CONFLICT (channel_id, day) DO UPDATE SET interval_minutes = EXCLUDED.interval_minutes, quantities = EXCLUDED.quantities,
              qualities = EXCLUDED.qualities, version = EXCLUDED.version, hash = EXCLUDED.hash, computed_at = EXCLUDED.computed_at
            """, cancellationToken,
            days.Select(d => d.Channel.Value).ToArray(),
            days.Select(d => d.Day).ToArray(),
            days.Select(d => (short)d.Intervals.IntervalMinutes).ToArray(),
            days.Select(d => d.Intervals.PackQuantities()).ToArray(),
            days.Select(d => d.Intervals.PackQualities()).ToArray(),
            days.Select(d => d.Version).ToArray(),
            days.Select(d => d.PinnedVersion).ToArray(),
            days.Select(d => d.Hash.ToArray()).ToArray(),
            days.Select(d => d.ComputedAt).ToArray());
    }

    private async Task KeepAsync(List<(StoredDay Old, IntervalDay New)> superseded, CancellationToken cancellationToken)
    {
        if (superseded.Count == 0)
        {
            return;
        }

        await connection.RunAsync("""
            INSERT INTO interval_day_history (channel_id, day, version, interval_minutes, quantities, qualities, hash, computed_at, superseded_at)
            SELECT *, $9 FROM unnest($1::uuid[], $2::date[], $3::integer[], $4::smallint[], $5::bytea[], $6::bytea[], $7::bytea[], $8::timestamptz[])
            ON CONFLICT (channel_id, day, version) DO NOTHING
            """, cancellationToken,
            superseded.Select(s => s.Old.Channel.Value).ToArray(),
            superseded.Select(s => s.Old.Day).ToArray(),
            superseded.Select(s => s.Old.Version).ToArray(),
            superseded.Select(s => (short)s.Old.Intervals.IntervalMinutes).ToArray(),
            superseded.Select(s => s.Old.Intervals.PackQuantities()).ToArray(),
            superseded.Select(s => s.Old.Intervals.PackQualities()).ToArray(),
            superseded.Select(s => s.Old.Hash.ToArray()).ToArray(),
            superseded.Select(s => s.Old.ComputedAt).ToArray(),
            now);
    }

    private async Task ReportAsync((StoredDay Old, IntervalDay New)[] superseded, CancellationToken cancellationToken)
    {
        if (superseded.Length == 0)
        {
            return;
        }

        await using var import = await connection.BeginBinaryImportAsync(
            "COPY interval_day_change (channel_id, day, to_version, from_version, changed_slots, changed_at) FROM STDIN (FORMAT binary)", cancellationToken);
        foreach (var (old, @new) in superseded)
        {
            await import.StartRowAsync(cancellationToken);
            await import.WriteAsync(old.Channel.Value, cancellationToken);
            await import.WriteAsync(old.Day, cancellationToken);
            await import.WriteAsync(old.Version + 1, cancellationToken);
            await import.WriteAsync(old.Version, cancellationToken);
            await import.WriteAsync(@new.SlotsThatDiffer(old.Intervals).Select(s => (short)s).ToArray(), cancellationToken);
            await import.WriteAsync(now, cancellationToken);
        }

        await import.CompleteAsync(cancellationToken);
    }

    private sealed record StoredDay(
        ChannelId Channel, LocalDate Day, IntervalDay Intervals, int Version, int? PinnedVersion, ImmutableArray<byte> Hash, Instant ComputedAt);
}
