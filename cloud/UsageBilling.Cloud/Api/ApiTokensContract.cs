using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Api;

/// <summary>An API token's owner and what it may do.</summary>
public sealed record ApiTokenRecord(string Name, IReadOnlyList<string> Scopes, Instant CreatedAt, Instant? ExpiresAt, Instant? RevokedAt);

/// <summary>API tokens: 256 random bits, printed once, kept as their SHA-256. (A hash without salt suffices: nothing of 256 bits can be guessed.)</summary>
public sealed class ApiTokens(NpgsqlDataSource database, TimeProvider time)
{
    private const string Prefix = "ubt_";

    /// <summary>Makes a token, or null where the name is taken.</summary>
    public async Task<string?> CreateAsync(string name, IReadOnlyCollection<string> scopes, Instant? expiresAt, CancellationToken cancellationToken)
    {
        var token = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        await using var command = database.CreateCommand("INSERT INTO api_token (token_hash, name, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING");
        command.Parameters.Add(new() { Value = Hash(token) });
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = scopes.ToArray() });
        command.Parameters.Add(new() { Value = Now });
        command.Parameters.Add(new() { Value = (object?)expiresAt ?? DBNull.Value });
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1 ? token : null;
    }

    /// <summary>Revokes a token at once. False where there is none of that name in force.</summary>
    public async Task<bool> RevokeAsync(string name, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("UPDATE api_token SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL");
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = Now });
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <summary>The token that is in force, or null.</summary>
    public async Task<ApiTokenRecord?> FindAsync(string token, CancellationToken cancellationToken)
    {
        if (!token.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        await using var command = database.CreateCommand(
            "SELECT name, scopes, created_at, expires_at, revoked_at FROM api_token WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)");
        command.Parameters.Add(new() { Value = Hash(token) });
        command.Parameters.Add(new() { Value = Now });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? new(row.GetString(0), row.GetFieldValue<string[]>(1), row.GetFieldValue<Instant>(2), row.IsDBNull(3) ? null : row.GetFieldValue<Instant>(3), null)
            : null;
    }

    private Instant Now => time.GetCurrentInstant();

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
