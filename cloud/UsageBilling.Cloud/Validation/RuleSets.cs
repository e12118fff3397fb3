using System.Text.Json;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Validation;

namespace UsageBilling.Cloud.Validation;

/// <summary>A document of limits as loaded.</summary>
public sealed record LoadedRuleSet(string Version, string LoadedBy, Instant LoadedAt, bool InForce, RevalidationState? Again);

/// <summary>What became of a document.</summary>
/// <param name="Version">Its version; null where it has problems.</param>
/// <param name="Loaded">False: it was loaded before, the same.</param>
/// <param name="Problems">What is wrong, with places.</param>
/// <param name="Again">What is validated again by it; null where it was not loaded now.</param>
public sealed record RuleSetLoad(string? Version, bool Loaded, IReadOnlyList<RuleSetProblem> Problems, RevalidationPlan? Again = null);

/// <summary>The limits in force: the document loaded last, or the one that comes with the program.</summary>
internal sealed class RuleSets(NpgsqlDataSource database, TimeProvider time)
{
    private (string Version, RuleSet Set)? _read;

    /// <summary>The set in force.</summary>
    public async Task<RuleSet> CurrentAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var versions = await connection.RowsAsync("SELECT version FROM rule_set ORDER BY loaded_at DESC, version DESC LIMIT 1", r => r.GetString(0), cancellationToken);
        if (versions.Count == 0)
        {
            return RuleSet.Default;
        }

        if (_read is { } known && known.Version == versions[0])
        {
            return known.Set;
        }

        var set = RuleSetDocument.Parse((await DocumentAsync(connection, versions[0], cancellationToken))!).RuleSet
            ?? throw new InvalidOperationException($"the rule set {versions[0]} was loaded by another version of this program and is not readable here");
        _read = (versions[0], set);
        return set;
    }

    /// <summary>Loads a document, which is in force from now on. Nothing is stored where it has problems. What it is put to again: see <see cref="Revalidation"/>.</summary>
    public async Task<RuleSetLoad> LoadAsync(string json, string actor, CancellationToken cancellationToken)
    {
        var read = RuleSetDocument.Parse(json);
        if (read.RuleSet is not { } set)
        {
            return new RuleSetLoad(null, false, read.Problems);
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (set.Version == RuleSet.Default.Version)
        {
            return new RuleSetLoad(null, false, [new RuleSetProblem("/version", $"{set.Version} is the version that comes with the program: give yours another name")]);
        }

        var now = time.GetCurrentInstant();
        var before = (await CurrentAsync(connection, cancellationToken)).Version;
        var added = await connection.RunAsync(
            "INSERT INTO rule_set (version, document, loaded_by, loaded_at) VALUES ($1, $2, $3, $4) ON CONFLICT (version) DO NOTHING", cancellationToken, set.Version, json, actor, now) == 1;
        if (!added && await DocumentAsync(connection, set.Version, cancellationToken) != json)
        {
            return new RuleSetLoad(null, false, [new RuleSetProblem("/version", $"{set.Version} was loaded with other content; findings name it, so give the new one another version")]);
        }

        RevalidationPlan? again = null;
        if (added)
        {
            again = await Revalidation.PlanAsync(connection, set.Version, now, cancellationToken);
            await AuditLog.WriteAsync(
                connection, now, [new AuditEntry(actor, "load-rule-set", $"rule-set/{set.Version}", new { version = before }, JsonSerializer.Deserialize<JsonElement>(json), null)], cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return new RuleSetLoad(set.Version, added, [], again);
    }

    /// <summary>Every document, the one in force first.</summary>
    public async Task<List<LoadedRuleSet>> ListAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var loaded = await connection.RowsAsync(
            """
            SELECT s.version, s.loaded_by, s.loaded_at, s.loaded_at = max(s.loaded_at) OVER (), v.since, v.days_planned, v.days_done, v.finished_at
            FROM rule_set s LEFT JOIN revalidation v ON v.rule_set = s.version ORDER BY s.loaded_at DESC, s.version DESC
            """,
            r => new LoadedRuleSet(
                r.GetString(0), r.GetString(1), r.GetFieldValue<Instant>(2), r.GetBoolean(3),
                r.IsDBNull(4) ? null : new RevalidationState(r.GetFieldValue<LocalDate>(4), r.GetInt64(5), r.GetInt64(6), r.IsDBNull(7) ? null : r.GetFieldValue<Instant>(7))), cancellationToken);
        return [.. loaded, new LoadedRuleSet(RuleSet.Default.Version, "program", NodaConstants.UnixEpoch, loaded.Count == 0, null)];
    }

    /// <summary>The document of a version, or null.</summary>
    public async Task<string?> DocumentAsync(string version, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return version == RuleSet.Default.Version ? RuleSetDocument.Default() : await DocumentAsync(connection, version, cancellationToken);
    }

    private static async Task<string?> DocumentAsync(NpgsqlConnection connection, string version, CancellationToken cancellationToken) =>
        (await connection.RowsAsync("SELECT document FROM rule_set WHERE version = $1", r => r.GetString(0), cancellationToken, version)).SingleOrDefault();
}
