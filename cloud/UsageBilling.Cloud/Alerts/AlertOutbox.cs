using System.Text.Encodings.Web;
using System.Text.Json;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Analytics;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Alerts;

/// <summary>Something that a rule found: the cause and the period that it is told once for, and the words and figures to tell.</summary>
internal sealed record AlertFinding(string Cause, string Period, string Subject, string Reason, IReadOnlyList<AnomalyFigure> Figures);

/// <summary>What a webhook receives, and in words what an e-mail says.</summary>
internal sealed record AlertMessage(
    string Type, Guid Id, string Rule, string Kind, string Cause, string Period, string ServicePoint, Instant RaisedAt, string Subject, string Reason, IReadOnlyList<AnomalyFigure> Figures);

/// <summary>A delivery that is due, taken until its lease ends.</summary>
internal sealed record DueDelivery(Guid Alert, string Target, string Kind, string Address, WebhookSecret? Secret, int Attempts, string Subject, string Body, Instant RaisedAt);

/// <summary>Alerts and what must still be told: an alert and its deliveries are written together, once for each rule, cause and period.</summary>
internal static class AlertOutbox
{
    /// <summary>How long a taken delivery is left to whoever took it; longer than any attempt lasts.</summary>
    public static readonly Duration Lease = Duration.FromMinutes(2);

    /// <summary>Attempts before a delivery is given up; a person can ask for it again. They span about eight hours.</summary>
    public const int MostAttempts = 16;

    private static readonly Guid Alerts = new("7b5f0f3e-8f43-5f0a-9a52-0a4f6d1c7e13");

    private static readonly JsonSerializerOptions Json = new(ApiJson.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The wait after an attempt: ten seconds, doubled each time, an hour at most.</summary>
    public static Duration WaitAfter(int attempts) => Duration.FromSeconds(Math.Min(3600L, 10L << Math.Min(attempts - 1, 20)));

    /// <summary>Raises what was not raised before; true where it was new.</summary>
    public static async Task<bool> RaiseAsync(NpgsqlConnection connection, AlertRule rule, AlertFinding found, Instant now, CancellationToken cancellationToken)
    {
        var id = NameBasedGuid.Create(Alerts, $"{rule.Id}\n{found.Cause}\n{found.Period}");
        var message = new AlertMessage(
            "usage.alert.raised", id, rule.Id, AlertStore.KindName(rule.Kind), found.Cause, found.Period, rule.ServicePoint, now, found.Subject, found.Reason, found.Figures);
        var raised = await connection.RunAsync(
            """
            INSERT INTO alert (alert_id, rule_id, cause, period, service_point_id, raised_at, subject, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
            """,
            cancellationToken, id, rule.Id, found.Cause, found.Period, rule.ServicePoint, now, found.Subject, JsonSerializer.Serialize(message, Json)) == 1;
        if (raised)
        {
            await connection.RunAsync(
                "INSERT INTO alert_delivery (alert_id, target_id, state, next_at) SELECT $1, t, 'pending', $3 FROM unnest($2::text[]) AS t", cancellationToken, id, rule.Targets.ToArray(), now);
        }

        return raised;
    }

    /// <summary>
    /// Takes deliveries that are due, in one statement: concurrent takers get different ones. Each is moved ahead by the lease first, so that what a crash interrupts is due again, with
    /// the same id.
    /// </summary>
    public static Task<List<DueDelivery>> TakeAsync(NpgsqlDataSource database, Instant now, int limit, CancellationToken cancellationToken) => database.RowsAsync(
        """
        WITH taken AS (
          UPDATE alert_delivery d SET attempts = d.attempts + 1, next_at = $2
          FROM (SELECT q.alert_id, q.target_id FROM alert_delivery q JOIN alert_target t ON t.target_id = q.target_id AND t.active
                WHERE q.state = 'pending' AND q.next_at <= $1 ORDER BY q.next_at LIMIT $3 FOR UPDATE OF q SKIP LOCKED) AS due
          WHERE d.alert_id = due.alert_id AND d.target_id = due.target_id
          RETURNING d.alert_id, d.target_id, d.attempts)
        SELECT d.alert_id, d.target_id, t.kind, t.address, s.secret, d.attempts, a.subject, a.body, a.raised_at
        FROM taken d JOIN alert a ON a.alert_id = d.alert_id JOIN alert_target t ON t.target_id = d.target_id LEFT JOIN alert_secret s ON s.target_id = d.target_id
        """,
        r => new DueDelivery(
            r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetString(3), r.IsDBNull(4) ? null : new WebhookSecret(r.GetFieldValue<byte[]>(4)), r.GetInt32(5), r.GetString(6), r.GetString(7),
            r.GetFieldValue<Instant>(8)),
        cancellationToken, now, now + Lease, limit);

    /// <summary>Notes how an attempt ended: delivered, due again later, or given up.</summary>
    public static Task<int> NoteAsync(NpgsqlDataSource database, DueDelivery delivery, string? problem, Instant now, CancellationToken cancellationToken) => problem is null
        ? database.RunAsync(
            "UPDATE alert_delivery SET state = 'delivered', delivered_at = $3, error = NULL WHERE alert_id = $1 AND target_id = $2", cancellationToken, delivery.Alert, delivery.Target, now)
        : database.RunAsync(
            "UPDATE alert_delivery SET state = $3, next_at = $4, error = $5 WHERE alert_id = $1 AND target_id = $2 AND state = 'pending'",
            cancellationToken, delivery.Alert, delivery.Target, delivery.Attempts >= MostAttempts ? "failed" : "pending", now + WaitAfter(delivery.Attempts), problem.Length > 500 ? problem[..500] : problem);

    /// <summary>The message of a stored alert.</summary>
    public static AlertMessage Read(string body) => JsonSerializer.Deserialize<AlertMessage>(body, ApiJson.Options)!;
}
