using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Quantities to set apart from what was measured: an estimate of one gap, or an edit.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Id">New; the parts have it in common.</param>
/// <param name="Parts">One a UTC day. Estimates name what they stand on (<see cref="IntervalOverride.Basis"/>); they are laid over as long as it holds.</param>
/// <param name="Method">How: a name of <see cref="EstimationMethods"/>, or <c>edit</c>.</param>
/// <param name="RuleSet">Version of the rules.</param>
/// <param name="Actor">Who.</param>
/// <param name="Reason">Why; not empty.</param>
public sealed record NewOverride(ChannelId Channel, Guid Id, ImmutableArray<EstimatePart> Parts, string Method, string RuleSet, string Actor, string Reason);

/// <summary>A part of an override as it is kept, with who took it back, if anybody did.</summary>
public sealed record KeptOverride(
    Guid Id, LocalDate Day, int IntervalMinutes, int FirstSlot, ImmutableArray<long> Quantities, IntervalQuality Quality, string Method, string RuleSet, string Actor, string Reason, Instant CreatedAt,
    string? WithdrawnBy, string? WithdrawalReason, Instant? WithdrawnAt);

/// <summary>A version of a UTC day that was current at some time.</summary>
/// <param name="Day">The UTC day.</param>
/// <param name="Version">Grows where anything changed.</param>
/// <param name="Sum">Σ of its intervals.</param>
/// <param name="Slots">How many intervals there are of each quality.</param>
/// <param name="ComputedAt">Since when.</param>
/// <param name="SupersededAt">Until when; null: it is current.</param>
public sealed record DayVersion(LocalDate Day, int Version, long Sum, ImmutableSortedDictionary<IntervalQuality, int> Slots, Instant ComputedAt, Instant? SupersededAt);

/// <summary>Adds and takes back overrides, and tells their history. Each change is audited and recomputes its days in the caller's transaction.</summary>
public static class IntervalOverrides
{
    /// <summary>Adds overrides under the channels' locks and computes their days anew.</summary>
    public static async Task AddAsync(NpgsqlConnection connection, IReadOnlyCollection<NewOverride> overrides, Instant now, CancellationToken cancellationToken)
    {
        if (overrides.Count == 0)
        {
            return;
        }

        await MeasuredLayer.LockAsync(connection, overrides.Select(o => o.Channel).Distinct(), cancellationToken);
        var parts = overrides.SelectMany(o => o.Parts.Select(p => (Of: o, p.Day, p.Override))).ToArray();
        await using (var import = await connection.BeginBinaryImportAsync(
            "COPY interval_override (channel_id, day, override_id, interval_minutes, first_slot, quantities, quality, basis, method, rule_set, actor, reason, created_at) FROM STDIN (FORMAT binary)", cancellationToken))
        {
            foreach (var (of, day, part) in parts)
            {
                await import.StartRowAsync(cancellationToken);
                await import.WriteAsync(of.Channel.Value, cancellationToken);
                await import.WriteAsync(day, cancellationToken);
                await import.WriteAsync(of.Id, cancellationToken);
                await import.WriteAsync((short)part.IntervalMinutes, cancellationToken);
                await import.WriteAsync((short)part.FirstSlot, cancellationToken);
                await import.WriteAsync(part.Quantities.ToArray(), cancellationToken);
                await import.WriteAsync((short)part.Quality, cancellationToken);
                await import.WriteAsync(part.Basis?.ToArray(), cancellationToken);
                await import.WriteAsync(of.Method, cancellationToken);
                await import.WriteAsync(of.RuleSet, cancellationToken);
                await import.WriteAsync(of.Actor, cancellationToken);
                await import.WriteAsync(of.Reason, cancellationToken);
                await import.WriteAsync(now, cancellationToken);
            }

            await import.CompleteAsync(cancellationToken);
        }

        await AuditLog.WriteAsync(connection, now, [.. overrides.Select(o => new AuditEntry(
            o.Actor, o.Parts[0].Override.Quality == IntervalQuality.Edited ? "edit-intervals" : "estimate-intervals", Entity(o.Channel),
            null, new { overrideId = o.Id, method = o.Method, ruleSet = o.RuleSet, days = o.Parts.Select(p => p.Day), sum = o.Parts.Sum(p => p.Override.Quantities.Sum()) }, o.Reason))], cancellationToken);
        await MeasuredLayer.RecomputeAsync(connection, [.. parts.Select(p => (p.Of.Channel, p.Day)).Distinct()], now, cancellationToken);
    }

    /// <summary>Takes an override back: what was measured shows again. False when there is none, or it was taken back before.</summary>
    public static async Task<bool> WithdrawAsync(NpgsqlConnection connection, ChannelId channel, Guid id, string actor, string reason, Instant now, CancellationToken cancellationToken)
    {
        await MeasuredLayer.LockAsync(connection, [channel], cancellationToken);
        var days = await connection.RowsAsync(
            "SELECT day FROM interval_override WHERE channel_id = $1 AND override_id = $2", r => r.GetFieldValue<LocalDate>(0), cancellationToken, channel.Value, id);
        var added = days.Count == 0 ? [] : await connection.RowsAsync("""
            INSERT INTO interval_override_withdrawal (channel_id, override_id, actor, reason, withdrawn_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING override_id
            """, r => r.GetGuid(0), cancellationToken, channel.Value, id, actor, reason, now);
        if (added.Count == 0)
        {
            return false;
        }

        await AuditLog.WriteAsync(connection, now, [new AuditEntry(actor, "withdraw-override", Entity(channel), new { overrideId = id, days }, null, reason)], cancellationToken);
        await MeasuredLayer.RecomputeAsync(connection, [.. days.Select(d => (channel, d))], now, cancellationToken);
        return true;
    }

    /// <summary>Every override of UTC days [<paramref name="first"/>, <paramref name="last"/>], in the order in which they were made.</summary>
    public static Task<List<KeptOverride>> ReadAsync(NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT o.override_id, o.day, o.interval_minutes, o.first_slot, o.quantities, o.quality, o.method, o.rule_set, o.actor, o.reason, o.created_at, g.actor, g.reason, g.withdrawn_at
            FROM interval_override o LEFT JOIN interval_override_withdrawal g ON g.channel_id = o.channel_id AND g.override_id = o.override_id
            WHERE o.channel_id = $1 AND o.day >= $2 AND o.day <= $3 ORDER BY o.created_at, o.override_id, o.day
            """, r => new KeptOverride(
                r.GetGuid(0), r.GetFieldValue<LocalDate>(1), r.GetInt16(2), r.GetInt16(3), [.. r.GetFieldValue<long[]>(4)], (IntervalQuality)r.GetInt16(5), r.GetString(6), r.GetString(7), r.GetString(8),
                r.GetString(9), r.GetFieldValue<Instant>(10), r.IsDBNull(11) ? null : r.GetString(11), r.IsDBNull(12) ? null : r.GetString(12), r.IsDBNull(13) ? null : r.GetFieldValue<Instant>(13)),
            cancellationToken, channel.Value, first, last);

    /// <summary>Versions of UTC days [<paramref name="first"/>, <paramref name="last"/>] that are kept: each that was current after its day had ended, or that a bill pinned.</summary>
    public static Task<List<DayVersion>> ReadVersionsAsync(NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT day, version, interval_minutes, quantities, qualities, computed_at, superseded_at FROM interval_day_history WHERE channel_id = $1 AND day >= $2 AND day <= $3
            UNION ALL
            SELECT day, version, interval_minutes, quantities, qualities, computed_at, NULL FROM interval_day WHERE channel_id = $1 AND day >= $2 AND day <= $3
            ORDER BY 1, 2
            """, Version, cancellationToken, channel.Value, first, last);

    private static DayVersion Version(NpgsqlDataReader row)
    {
        var day = IntervalDay.Unpack(row.GetInt16(2), row.GetFieldValue<byte[]>(3), row.GetFieldValue<byte[]>(4));
        return new DayVersion(
            row.GetFieldValue<LocalDate>(0), row.GetInt32(1), day.Quantities.ToArray().Sum(),
            day.Qualities.ToArray().GroupBy(q => (IntervalQuality)q).ToImmutableSortedDictionary(g => g.Key, g => g.Count()),
            row.GetFieldValue<Instant>(5), row.IsDBNull(6) ? null : row.GetFieldValue<Instant>(6));
    }

    private static string Entity(ChannelId channel) => $"channel/{channel}";
}
