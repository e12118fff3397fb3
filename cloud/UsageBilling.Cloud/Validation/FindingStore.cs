using System.Globalization;
using System.Text.Json;
using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>A finding as it is stored, as far as validation looks at it again.</summary>
internal sealed record StoredFinding(LocalDate Day, string Rule, string State, int Revision, Verdict Verdict, string Words, string RuleSet);

/// <summary>
/// Writes what the rules found of a channel's days. A finding that no longer holds is closed; one that comes back, or that changed since somebody accepted it, is open again;
/// each change leaves an event.
/// </summary>
internal sealed class FindingStore(NpgsqlConnection connection, string ruleSet, Instant now)
{
    public async Task SaveAsync(
        ChannelTerms terms, ChannelId channel, string @class, LocalDate first, LocalDate last, IReadOnlyList<(Finding Finding, decimal InQuestion)> findings, CancellationToken cancellationToken)
    {
        var stored = (await connection.RowsAsync(
            "SELECT local_day, rule, state, revision, verdict, words, rule_set FROM finding WHERE channel_id = $1 AND local_day >= $2 AND local_day <= $3 FOR UPDATE",
            r => new StoredFinding(r.GetFieldValue<LocalDate>(0), r.GetString(1), r.GetString(2), r.GetInt32(3), (Verdict)r.GetInt16(4), r.GetString(5), r.GetString(6)),
            cancellationToken, channel.Value, first, last)).ToDictionary(f => (f.Day, f.Rule));
        var price = findings.Count > 0 ? await BilledPrices.LastAsync(connection, terms.Key, cancellationToken) : null;
        var changes = new List<Row>();
        foreach (var (finding, inQuestion) in findings)
        {
            var before = stored.GetValueOrDefault((finding.Day, finding.Rule));
            stored.Remove((finding.Day, finding.Rule));
            var state = StateOf(finding);
            if (before is not null && before.Words == finding.Words && before.Verdict == finding.Verdict && (before.State == state || before.State is "accepted"))
            {
                continue;
            }

            changes.Add(new Row(finding, state, (before?.Revision ?? 0) + 1, inQuestion, Money(price, terms, inQuestion), price?.Currency));
        }

        await WriteAsync(terms, @class, changes, cancellationToken);
        await CloseAsync(channel, [.. stored.Values.Where(f => f.State != "closed")], cancellationToken);
    }

    /// <summary>Adds findings to what is known of their days, closing none. One that is open already and says the same leaves no trace, however often it is found.</summary>
    public async Task AddAsync(ChannelTerms terms, ChannelId channel, string @class, IReadOnlyList<Finding> findings, CancellationToken cancellationToken)
    {
        var stored = (await connection.RowsAsync(
            "SELECT local_day, rule, state, words, revision FROM finding WHERE channel_id = $1 AND local_day = ANY($2) FOR UPDATE",
            r => (Key: (r.GetFieldValue<LocalDate>(0), r.GetString(1)), State: r.GetString(2), Words: r.GetString(3), Revision: r.GetInt32(4)),
            cancellationToken, channel.Value, findings.Select(f => f.Day).ToArray())).ToDictionary(f => f.Key);
        var rows = findings.Select(f => (Finding: f, Before: stored.GetValueOrDefault((f.Day, f.Rule)))).Where(f => f.Before.State != StateOf(f.Finding) || f.Before.Words != f.Finding.Words);
        await WriteAsync(terms, @class, [.. rows.Select(f => new Row(f.Finding, StateOf(f.Finding), f.Before.Revision + 1, 0, null, null))], cancellationToken);
    }

    /// <summary>Local days that may fare better now: they could not be validated, or have a gap that nothing could fill, and that was found or changed since an instant.</summary>
    public static Task<List<(ChannelId Channel, LocalDate Day)>> UnsettledAsync(NpgsqlConnection connection, Instant since, int limit, CancellationToken cancellationToken) =>
        connection.RowsAsync(
            "SELECT channel_id, local_day FROM finding WHERE state = 'open' AND rule = ANY($1) AND changed_at >= $2 ORDER BY changed_at, channel_id, local_day LIMIT $3",
            r => (new ChannelId(r.GetGuid(0)), r.GetFieldValue<LocalDate>(1)), cancellationToken, new[] { RuleNames.NotValidated, RuleNames.Gap }, since, limit);

    /// <summary>Local days that no estimate should copy: a rule failed there, or nothing flowed.</summary>
    public static async Task<IReadOnlySet<LocalDate>> DoubtfulDaysAsync(NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, CancellationToken cancellationToken, string? apartFrom = null) =>
        (await connection.RowsAsync("""
            SELECT DISTINCT local_day FROM finding
            WHERE channel_id = $1 AND local_day >= $2 AND local_day <= $3 AND rule IS DISTINCT FROM $4::text AND state IN ('open', 'edited') AND (verdict = 3 OR rule IN ('zero', 'stuck', 'spike', 'demand-step'))
            """, r => r.GetFieldValue<LocalDate>(0), cancellationToken, channel.Value, first, last, apartFrom)).ToHashSet();

    private static string StateOf(Finding finding) =>
        finding.Verdict != Verdict.Note ? "open" : finding.Rule == RuleNames.Gap ? "estimated" : "noted";

    /// <summary>Quantity × last billed average price; a price per kWh is taken of Wh by their ratio.</summary>
    private static decimal? Money(BilledPrice? price, ChannelTerms terms, decimal quantity) =>
        price is null ? null : Math.Round(quantity * PowerOfTen(terms.Exponent) / PerUnit(price.Unit) * price.PerUnit, 2, MidpointRounding.AwayFromZero);

    private static decimal PerUnit(Unit unit) => unit.Symbol switch
    {
        "kWh" or "kvarh" => 1_000,
        "MWh" => 1_000_000,
        "GB" => 1_000_000_000,
        "min" => 60,
        "h" => 3_600,
        _ => 1,
    };

    private static decimal PowerOfTen(int exponent) => exponent >= 0 ? decimal.Parse("1" + new string('0', exponent), CultureInfo.InvariantCulture) : 1 / PowerOfTen(-exponent);

    private async Task WriteAsync(ChannelTerms terms, string @class, List<Row> rows, CancellationToken cancellationToken)
    {
        foreach (var row in rows)
        {
            var f = row.Finding;
            await connection.RunAsync("""
                INSERT INTO finding (channel_id, local_day, rule, state, verdict, first_slots, slot_counts, measured, limit_value, words, rule_set, channel_class, point, in_question, at_stake, currency,
                  found_at, changed_at, revision)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::numeric, $10, $11, $12, $13, $14, $15::numeric, $16::text, $17, $17, $18)
                ON CONFLICT (channel_id, local_day, rule) DO UPDATE SET state = EXCLUDED.state, verdict = EXCLUDED.verdict, first_slots = EXCLUDED.first_slots, slot_counts = EXCLUDED.slot_counts,
                  measured = EXCLUDED.measured, limit_value = EXCLUDED.limit_value, words = EXCLUDED.words, rule_set = EXCLUDED.rule_set, channel_class = EXCLUDED.channel_class,
                  in_question = EXCLUDED.in_question, at_stake = EXCLUDED.at_stake, currency = EXCLUDED.currency,
                  found_at = CASE WHEN finding.state = 'closed' THEN EXCLUDED.found_at ELSE finding.found_at END,
                  changed_at = EXCLUDED.changed_at, revision = EXCLUDED.revision, decided_by = NULL, decided_at = NULL, reason = NULL
                """, cancellationToken,
                f.Channel.Value, f.Day, f.Rule, row.State, (short)f.Verdict, f.Slots.Select(s => (short)s.First).ToArray(), f.Slots.Select(s => (short)s.Count).ToArray(),
                JsonSerializer.Serialize(f.Measured.ToDictionary(m => m.Name, m => m.Value)), f.Limit, f.Words, ruleSet, @class, terms.Key.Point, row.InQuestion, row.AtStake, row.Currency, now, row.Revision);
        }

        await AddEventsAsync(connection, now, DayValidation.Actor, [.. rows.Select(r => (r.Finding.Channel, r.Finding.Day, r.Finding.Rule, r.Revision, r.State, r.Finding.Verdict, r.Finding.Words, (string?)null))], cancellationToken);
    }

    private async Task CloseAsync(ChannelId channel, IReadOnlyList<StoredFinding> findings, CancellationToken cancellationToken)
    {
        const string Reason = "it no longer holds";
        if (findings.Count == 0)
        {
            return;
        }

        await connection.RunAsync("""
            UPDATE finding SET state = 'closed', changed_at = $4, revision = revision + 1, reason = $5, decided_by = NULL, decided_at = NULL
            FROM unnest($2::date[], $3::text[]) AS c (day, rule) WHERE finding.channel_id = $1 AND finding.local_day = c.day AND finding.rule = c.rule
            """, cancellationToken, channel.Value, findings.Select(f => f.Day).ToArray(), findings.Select(f => f.Rule).ToArray(), now, Reason);
        await AddEventsAsync(connection, now, DayValidation.Actor, [.. findings.Select(f => (channel, f.Day, f.Rule, f.Revision + 1, "closed", f.Verdict, f.Words, (string?)Reason))], cancellationToken);
    }

    /// <summary>Adds events, in the transaction of what they tell.</summary>
    public static async Task AddEventsAsync(
        NpgsqlConnection connection, Instant at, string actor, IReadOnlyList<(ChannelId Channel, LocalDate Day, string Rule, int Revision, string State, Verdict Verdict, string Words, string? Reason)> events,
        CancellationToken cancellationToken)
    {
        if (events.Count == 0)
        {
            return;
        }

        await using var import = await connection.BeginBinaryImportAsync(
            "COPY finding_event (channel_id, local_day, rule, revision, at, actor, state, verdict, words, reason) FROM STDIN (FORMAT binary)", cancellationToken);
        foreach (var e in events)
        {
            await import.StartRowAsync(cancellationToken);
            await import.WriteAsync(e.Channel.Value, cancellationToken);
            await import.WriteAsync(e.Day, cancellationToken);
            await import.WriteAsync(e.Rule, cancellationToken);
            await import.WriteAsync(e.Revision, cancellationToken);
            await import.WriteAsync(at, cancellationToken);
            await import.WriteAsync(actor, cancellationToken);
            await import.WriteAsync(e.State, cancellationToken);
            await import.WriteAsync((short)e.Verdict, cancellationToken);
            await import.WriteAsync(e.Words, cancellationToken);
            await import.WriteAsync(e.Reason, NpgsqlDbType.Text, cancellationToken);
        }

        await import.CompleteAsync(cancellationToken);
    }

    private sealed record Row(Finding Finding, string State, int Revision, decimal InQuestion, decimal? AtStake, string? Currency);
}
