using System.Globalization;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Alerts;

/// <summary>Alerts and rules as people and programs list them.</summary>
internal static class AlertList
{
    /// <summary>Alerts, latest first, after a key.</summary>
    public static async Task<List<AlertRow>> ReadAsync(NpgsqlDataSource database, string? after, int limit, CancellationToken cancellationToken)
    {
        var (at, id) = after is null ? (Instant.FromUtc(9999, 1, 1, 0, 0), Guid.Empty) : Split(after)!.Value;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var alerts = await connection.RowsAsync(
            "SELECT alert_id, body FROM alert WHERE raised_at < $1 OR (raised_at = $1 AND alert_id > $2) ORDER BY raised_at DESC, alert_id LIMIT $3",
            r => (Id: r.GetGuid(0), Body: r.GetString(1)), cancellationToken, at, id, limit);
        var deliveries = (await connection.RowsAsync(
            "SELECT alert_id, target_id, state, attempts, next_at, delivered_at, error FROM alert_delivery WHERE alert_id = ANY($1) ORDER BY target_id",
            r => (Id: r.GetGuid(0), Row: new AlertDeliveryRow(
                r.GetString(1), r.GetString(2), r.GetInt32(3), r.GetString(2) == "pending" ? r.GetFieldValue<Instant>(4) : null, r.IsDBNull(5) ? null : r.GetFieldValue<Instant>(5), r.TextOrNull(6))),
            cancellationToken, (object)alerts.Select(a => a.Id).ToArray())).ToLookup(d => d.Id, d => d.Row);
        return [.. alerts.Select(a => new AlertRow(AlertOutbox.Read(a.Body), [.. deliveries[a.Id]]))];
    }

    /// <summary>Rules by id, after one.</summary>
    public static Task<List<AlertRuleRow>> RulesAsync(NpgsqlDataSource database, string after, int limit, CancellationToken cancellationToken) => database.RowsAsync(
        "SELECT settings::text, judged_at, error FROM alert_rule WHERE rule_id > $1 ORDER BY rule_id LIMIT $2",
        r => new AlertRuleRow(AlertStore.Read(r.GetString(0)), r.IsDBNull(1) ? null : r.GetFieldValue<Instant>(1), r.TextOrNull(2)), cancellationToken, after, limit);

    /// <summary>Targets by id, after one.</summary>
    public static Task<List<AlertTargetRow>> TargetsAsync(NpgsqlDataSource database, string after, int limit, CancellationToken cancellationToken) => database.RowsAsync(
        """
        SELECT t.target_id, t.kind, t.address, t.active, EXISTS (SELECT FROM alert_secret s WHERE s.target_id = t.target_id)
        FROM alert_target t WHERE t.target_id > $1 ORDER BY t.target_id LIMIT $2
        """,
        r => new AlertTargetRow(r.GetString(0), r.GetString(1), r.GetString(2), r.GetBoolean(3), r.GetBoolean(4)), cancellationToken, after, limit);

    /// <summary>The key of an alert in the list.</summary>
    public static string Key(AlertRow row) => string.Create(CultureInfo.InvariantCulture, $"{row.Alert.RaisedAt.ToUnixTimeTicks()}/{row.Alert.Id}");

    /// <summary>Whether a text is one.</summary>
    public static bool IsKey(string text) => Split(text) is not null;

    private static (Instant At, Guid Id)? Split(string key)
    {
        var parts = key.Split('/');
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks < 253_402_300_800L * 10_000_000 && Guid.TryParse(parts[1], out var id)
            ? (Instant.FromUnixTimeTicks(ticks), id)
            : null;
    }
}
