using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>What a document of limits that was loaded makes due again.</summary>
/// <param name="Since">First UTC day of those that no bill stands on yet.</param>
/// <param name="Days">How many days of channels these are.</param>
/// <param name="OpenFindings">How many findings are open, whose days are validated again whatever their age.</param>
public sealed record RevalidationPlan(LocalDate Since, long Days, long OpenFindings);

/// <summary>How far it has come.</summary>
public sealed record RevalidationState(LocalDate Since, long DaysPlanned, long DaysDone, Instant? FinishedAt);

/// <summary>
/// New limits are put to the days that they can still matter for: those that no bill stands on yet, two months back, and those of open findings. Not to all history: a closed
/// period is judged again when its data changes. Done behind everything that is due, some channels a transaction, in order of channels; the row says how far, so that a
/// killed process goes on from there.
/// </summary>
internal static class Revalidation
{
    /// <summary>How far back days without a bill are looked for.</summary>
    public const int DaysBack = 62;

    private const int ChannelsAtOnce = 10;

    /// <summary>Plans it in the transaction that loads the document; what an earlier document left undone is done by this one.</summary>
    public static async Task<RevalidationPlan> PlanAsync(NpgsqlConnection connection, string ruleSet, Instant now, CancellationToken cancellationToken)
    {
        var since = UtcDay.Of(now).PlusDays(-DaysBack);
        var days = await DueDays.CountUnbilledAsync(connection, since, now, cancellationToken);
        var open = (await connection.RowsAsync("SELECT count(*) FROM finding WHERE state = 'open'", r => r.GetInt64(0), cancellationToken)).Single();
        await connection.RunAsync("UPDATE revalidation SET finished_at = $1 WHERE finished_at IS NULL", cancellationToken, now);
        await connection.RunAsync("""
            INSERT INTO revalidation (rule_set, since, days_planned, days_done, done_through, started_at) VALUES ($1, $2, $3, 0, $4, $5)
            """, cancellationToken, ruleSet, since, days, Guid.Empty, now);
        return new RevalidationPlan(since, days, open);
    }

    /// <summary>The next channels' days in the caller's transaction, or null when nothing is left to do.</summary>
    public static async Task<IReadOnlyList<(ChannelId Channel, List<LocalDate> Utc, List<LocalDate> Local)>?> TakeAsync(NpgsqlConnection connection, Instant now, CancellationToken cancellationToken)
    {
        // Held to the end of the transaction: whoever comes meanwhile waits, and finds the next channels.
        var open = await connection.RowsAsync(
            "SELECT rule_set, since, done_through FROM revalidation WHERE finished_at IS NULL FOR UPDATE", r => (RuleSet: r.GetString(0), Since: r.GetFieldValue<LocalDate>(1), Through: r.GetGuid(2)), cancellationToken);
        if (open.Count == 0)
        {
            return null;
        }

        var (set, since, through) = open[0];
        var (channels, unbilled) = await DueDays.ReadUnbilledAsync(connection, new ChannelId(through), ChannelsAtOnce, since, now, cancellationToken);
        var findings = (await connection.RowsAsync(
            "SELECT DISTINCT channel_id, local_day FROM finding WHERE channel_id = ANY($1) AND state = 'open'", r => (Channel: new ChannelId(r.GetGuid(0)), Day: r.GetFieldValue<LocalDate>(1)), cancellationToken,
            (object)channels.Select(c => c.Value).ToArray())).ToLookup(f => f.Channel, f => f.Day);
        var days = unbilled.ToLookup(d => d.Channel, d => d.Day);
        await connection.RunAsync("""
            UPDATE revalidation SET done_through = $2, days_done = days_done + $3, finished_at = CASE WHEN $4 THEN $5::timestamptz END WHERE rule_set = $1
            """, cancellationToken, set, channels.Count == 0 ? through : channels[^1].Value, (long)unbilled.Count, channels.Count < ChannelsAtOnce, now);
        return [.. channels.Where(c => days.Contains(c) || findings.Contains(c)).Select(c => (c, days[c].ToList(), findings[c].ToList()))];
    }
}
