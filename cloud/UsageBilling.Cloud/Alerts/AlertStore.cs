using System.Text.Json;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Provisioning;

namespace UsageBilling.Cloud.Alerts;

/// <summary>Saves rules and targets in one transaction each; every change is audited, a secret never.</summary>
internal sealed class AlertStore(NpgsqlDataSource database, TimeProvider time)
{
    private Instant Now => time.GetCurrentInstant();

    public async Task<Saved> SaveAsync(AlertTarget target, string actor, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var before = (await connection.RowsAsync(
            "SELECT kind, address, active FROM alert_target WHERE target_id = $1", r => new { Kind = r.GetString(0), Address = r.GetString(1), Active = r.GetBoolean(2) }, cancellationToken, target.Id)).SingleOrDefault();
        await connection.RunAsync(
            """
            INSERT INTO alert_target (target_id, kind, address, active, created_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (target_id) DO UPDATE SET kind = EXCLUDED.kind, address = EXCLUDED.address, active = EXCLUDED.active
            """,
            cancellationToken, target.Id, target.Kind, target.Address, target.Active, Now);
        var newSecret = target.Secret is not null && await connection.RunAsync(
            """
            INSERT INTO alert_secret (target_id, secret) VALUES ($1, $2)
            ON CONFLICT (target_id) DO UPDATE SET secret = EXCLUDED.secret WHERE alert_secret.secret <> EXCLUDED.secret
            """,
            cancellationToken, target.Id, target.Secret.ToBytes()) == 1;
        var after = new { target.Kind, target.Address, target.Active };
        var saved = before is null ? Saved.Added : before.Equals(after) && !newSecret ? Saved.Unchanged : Saved.Changed;
        await AuditAsync(connection, saved, $"alert-target:{target.Id}", before, new { target.Kind, target.Address, target.Active, newSecret }, actor, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return saved;
    }

    public async Task<(Saved Saved, List<ProvisioningProblem> Problems)> SaveAsync(AlertRule rule, string actor, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var problems = new List<ProvisioningProblem>();
        if (await AccountLookup.ServicePointAsync(connection, rule.ServicePoint, cancellationToken) is null)
        {
            problems.Add(new("$.servicePoint", $"there is no service point {rule.ServicePoint}"));
        }

        var known = await connection.RowsAsync("SELECT target_id FROM alert_target WHERE target_id = ANY($1)", r => r.GetString(0), cancellationToken, rule.Targets.ToArray());
        problems.AddRange(rule.Targets.Except(known).Select(t => new ProvisioningProblem("$.targets", $"there is no target {t}; make it first")));
        var before = (await connection.RowsAsync("SELECT settings::text FROM alert_rule WHERE rule_id = $1", r => Read(r.GetString(0)), cancellationToken, rule.Id)).SingleOrDefault();
        if (before is not null && (before.ServicePoint, before.Kind) != (rule.ServicePoint, rule.Kind))
        {
            problems.Add(new("$.id", $"rule {rule.Id} watches {before.ServicePoint} for another thing, and its alerts are told by its name; choose another id"));
        }

        // Two rules that watch the same would tell everything twice.
        var twin = rule.Active
            ? (await connection.RowsAsync(
                "SELECT settings::text FROM alert_rule WHERE service_point_id = $1 AND kind = $2 AND active AND rule_id <> $3 ORDER BY rule_id", r => Read(r.GetString(0)), cancellationToken, rule.ServicePoint, KindName(rule.Kind), rule.Id))
                .Find(other => other with { Id = rule.Id, Targets = rule.Targets } == rule)
            : null;
        if (twin is not null)
        {
            problems.Add(new("$", $"rule {twin.Id} watches the same; add the targets to it, or switch it off"));
        }

        if (problems.Count > 0)
        {
            return (Saved.Unchanged, problems);
        }

        var settings = JsonSerializer.Serialize(rule, ApiJson.Options);
        await connection.RunAsync(
            """
            INSERT INTO alert_rule (rule_id, kind, service_point_id, settings, targets, active, created_at) VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)
            ON CONFLICT (rule_id) DO UPDATE SET settings = EXCLUDED.settings, targets = EXCLUDED.targets, active = EXCLUDED.active, judged_at = NULL, error = NULL
            """,
            cancellationToken, rule.Id, KindName(rule.Kind), rule.ServicePoint, settings, rule.Targets.ToArray(), rule.Active, Now);
        var saved = before is null ? Saved.Added : JsonSerializer.Serialize(before, ApiJson.Options) == settings ? Saved.Unchanged : Saved.Changed;
        await AuditAsync(connection, saved, $"alert-rule:{rule.Id}", before, rule, actor, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (saved, problems);
    }

    /// <summary>Puts a delivery that was given up back into the outbox. False where there is none.</summary>
    public async Task<bool> RetryAsync(Guid alert, string target, string actor, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var again = await connection.RunAsync(
            "UPDATE alert_delivery SET state = 'pending', attempts = 0, next_at = $3 WHERE alert_id = $1 AND target_id = $2 AND state = 'failed'", cancellationToken, alert, target, Now) == 1;
        if (again)
        {
            await AuditLog.WriteAsync(connection, Now, [new AuditEntry(actor, "retry", $"alert:{alert}/{target}", null, null)], cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return again;
    }

    public static AlertRule Read(string settings) => JsonSerializer.Deserialize<AlertRule>(settings, ApiJson.Options)!;

    public static string KindName(Enum kind) => JsonNamingPolicy.KebabCaseLower.ConvertName(kind.ToString());

    private async Task AuditAsync(NpgsqlConnection connection, Saved saved, string entity, object? before, object after, string actor, CancellationToken cancellationToken)
    {
        if (saved != Saved.Unchanged)
        {
            await AuditLog.WriteAsync(connection, Now, [new AuditEntry(actor, saved == Saved.Added ? "add" : "change", entity, before, after)], cancellationToken);
        }
    }
}
