using System.Text.Json;
using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Cloud.Api;

namespace UsageBilling.Cloud.Audit;

/// <summary>Somebody's action on something, with what was there before and after.</summary>
public sealed record AuditEntry(string Actor, string Action, string Entity, object? Before, object? After, string? Reason = null);

/// <summary>Writes audit rows in the transaction of the action, so that neither exists without the other.</summary>
public static class AuditLog
{
    /// <summary>Adds entries; plain inserts, all at the same instant.</summary>
    public static async Task WriteAsync(NpgsqlConnection connection, Instant at, IReadOnlyCollection<AuditEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(
            """
            INSERT INTO audit (at, actor, action, entity, before, after, reason)
            SELECT $1, actor, action, entity, before::jsonb, after::jsonb, reason
            FROM unnest($2, $3, $4, $5, $6, $7) AS e(actor, action, entity, before, after, reason)
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = at },
                Texts(entries.Select(e => (string?)e.Actor)),
                Texts(entries.Select(e => (string?)e.Action)),
                Texts(entries.Select(e => (string?)e.Entity)),
                Texts(entries.Select(e => Json(e.Before))),
                Texts(entries.Select(e => Json(e.After))),
                Texts(entries.Select(e => e.Reason)),
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlParameter Texts(IEnumerable<string?> values) => new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static string? Json(object? value) => value is null ? null : JsonSerializer.Serialize(value, ApiJson.Options);
}
