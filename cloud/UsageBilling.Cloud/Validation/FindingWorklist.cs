using System.Text.Json;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>Names a finding.</summary>
public sealed record FindingKey(Guid Channel, LocalDate Day, string Rule);

/// <summary>
/// A finding in the exceptions list. <see cref="AtStake"/> is <see cref="InQuestion"/> × what a unit of the channel cost on average in the last bill of its contract (net amount by billed
/// quantity, standing charges included); null where nothing was billed yet.
/// </summary>
public sealed record FindingRow(
    Guid Channel, LocalDate Day, string Rule, string State, Verdict Verdict, string Point, IReadOnlyList<SlotRange> Slots, IReadOnlyDictionary<string, decimal> Measured, decimal? Limit, string Words,
    string RuleSet, string ChannelClass, decimal InQuestion, decimal? AtStake, string? Currency, Instant FoundAt, Instant ChangedAt, int Revision, string? DecidedBy, Instant? DecidedAt, string? Reason)
{
    /// <summary>For If-Match.</summary>
    public string ETag => $"\"{Revision}\"";
}

/// <summary>What to list; null: all. Open ones where no state is named.</summary>
/// <param name="Rule">One rule.</param>
/// <param name="Point">One site.</param>
/// <param name="State">One state, or <c>any</c>.</param>
/// <param name="OlderThanDays">Found at least so many days ago.</param>
/// <param name="AtLeast">At least so much money at stake.</param>
/// <param name="Channel">One channel.</param>
internal sealed record FindingQuery(string? Rule = null, string? Point = null, string? State = null, int? OlderThanDays = null, decimal? AtLeast = null, Guid? Channel = null);

/// <summary>How many open findings a rule has, the oldest, and what is at stake by currency.</summary>
public sealed record FindingCount(string Rule, int Findings, Instant Oldest, IReadOnlyDictionary<string, decimal> AtStake);

/// <summary>Something that happened to a finding.</summary>
public sealed record FindingEvent(LocalDate Day, string Rule, int Revision, Instant At, string Actor, string State, Verdict Verdict, string Words, string? Reason);

/// <summary>Reads the exceptions list: most money first, then the oldest.</summary>
internal static class FindingWorklist
{
    private const string Columns =
        "channel_id, local_day, rule, state, verdict, point, first_slots, slot_counts, measured::text, limit_value, words, rule_set, channel_class, in_question, at_stake, currency, found_at, changed_at, revision, decided_by, decided_at, reason";

    public static async Task<List<FindingRow>> FindAsync(NpgsqlDataSource database, FindingQuery query, Instant now, FindingRow? after, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.RowsAsync($"""
            SELECT {Columns} FROM finding
            WHERE ($1::text IS NULL OR rule = $1::text) AND ($2::text IS NULL OR point = $2::text) AND ($3::text = 'any' OR state = $3::text)
              AND ($4::timestamptz IS NULL OR found_at <= $4::timestamptz) AND ($5::numeric IS NULL OR at_stake >= $5::numeric) AND ($6::uuid IS NULL OR channel_id = $6::uuid)
              AND ($7::numeric IS NULL OR (-coalesce(at_stake, 0), found_at, channel_id, local_day, rule) > (-$7::numeric, $8::timestamptz, $9::uuid, $10::date, $11::text))
            ORDER BY -coalesce(at_stake, 0), found_at, channel_id, local_day, rule LIMIT $12
            """, Read, cancellationToken,
            query.Rule, query.Point, query.State ?? "open", query.OlderThanDays is { } days ? now - Duration.FromDays(days) : null, query.AtLeast, query.Channel,
            after is null ? null : after.AtStake ?? 0m, after?.FoundAt, after?.Channel, after?.Day, after?.Rule, limit);
    }

    public static async Task<FindingRow?> FindAsync(NpgsqlDataSource database, FindingKey key, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await FindAsync(connection, key, "", cancellationToken);
    }

    public static async Task<FindingRow?> FindAsync(NpgsqlConnection connection, FindingKey key, string locking, CancellationToken cancellationToken) =>
        (await connection.RowsAsync(
            $"SELECT {Columns} FROM finding WHERE channel_id = $1 AND local_day = $2 AND rule = $3 {locking}", Read, cancellationToken, key.Channel, key.Day, key.Rule)).SingleOrDefault();

    public static async Task<List<FindingCount>> CountAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.RowsAsync(
            "SELECT rule, currency, count(*)::integer, min(found_at), sum(coalesce(at_stake, 0)) FROM finding WHERE state = 'open' GROUP BY rule, currency",
            r => (Rule: r.GetString(0), Currency: r.IsDBNull(1) ? null : r.GetString(1), Count: r.GetInt32(2), Oldest: r.GetFieldValue<Instant>(3), Money: r.GetDecimal(4)), cancellationToken);
        return [.. rows.GroupBy(r => r.Rule)
            .Select(g => new FindingCount(g.Key, g.Sum(r => r.Count), g.Min(r => r.Oldest), g.Where(r => r.Currency is not null).ToDictionary(r => r.Currency!, r => r.Money)))
            .OrderBy(c => RuleNames.All.IndexOf(c.Rule))];
    }

    public static Task<List<FindingEvent>> EventsAsync(NpgsqlConnection connection, ChannelId channel, LocalDate day, CancellationToken cancellationToken) =>
        connection.RowsAsync(
            "SELECT local_day, rule, revision, at, actor, state, verdict, words, reason FROM finding_event WHERE channel_id = $1 AND local_day = $2 ORDER BY at, rule, revision",
            r => new FindingEvent(
                r.GetFieldValue<LocalDate>(0), r.GetString(1), r.GetInt32(2), r.GetFieldValue<Instant>(3), r.GetString(4), r.GetString(5), (Verdict)r.GetInt16(6), r.GetString(7), r.IsDBNull(8) ? null : r.GetString(8)),
            cancellationToken, channel.Value, day);

    private static FindingRow Read(NpgsqlDataReader r) => new(
        r.GetGuid(0), r.GetFieldValue<LocalDate>(1), r.GetString(2), r.GetString(3), (Verdict)r.GetInt16(4), r.GetString(5),
        [.. r.GetFieldValue<short[]>(6).Zip(r.GetFieldValue<short[]>(7), (first, count) => new SlotRange(first, count))],
        JsonSerializer.Deserialize<Dictionary<string, decimal>>(r.GetString(8))!, r.IsDBNull(9) ? null : r.GetDecimal(9), r.GetString(10), r.GetString(11), r.GetString(12), r.GetDecimal(13),
        r.IsDBNull(14) ? null : r.GetDecimal(14), r.IsDBNull(15) ? null : r.GetString(15), r.GetFieldValue<Instant>(16), r.GetFieldValue<Instant>(17), r.GetInt32(18),
        r.IsDBNull(19) ? null : r.GetString(19), r.IsDBNull(20) ? null : r.GetFieldValue<Instant>(20), r.IsDBNull(21) ? null : r.GetString(21));
}
