using System.Security.Cryptography;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Gateways;

/// <summary>How an attempt to enrol ended.</summary>
internal enum EnrolmentResult
{
    /// <summary>The key is registered; earlier keys of the gateway are closed.</summary>
    Enrolled,

    /// <summary>The token is not the gateway's, was used, or has expired; which of these is nobody's business.</summary>
    TokenRefused,

    /// <summary>The key is not a P-256 public key.</summary>
    KeyRefused,

    /// <summary>The key was registered before and is closed: a closed key stays closed.</summary>
    KeyClosed,
}

/// <summary>Tokens and keys: a token is good once and for a while; a new key closes the ones before it, by rows that are only added.</summary>
internal sealed class Enrolment(NpgsqlDataSource source, TimeProvider time)
{
    /// <summary>How long a token is good when nothing else is said.</summary>
    public static readonly Duration TokenLifetime = Duration.FromHours(24);

    private const string NistP256 = "1.2.840.10045.3.1.7";

    private Instant Now => time.GetCurrentInstant();

    /// <summary>Makes a token for a gateway, which is created where it is new. Only the token's hash is kept.</summary>
    public async Task<(string Token, Instant ExpiresAt)> CreateTokenAsync(string gateway, Duration lifetime, CancellationToken cancellation)
    {
        var token = Convert.ToBase64String(RandomNumberGenerator.GetBytes(24)).Replace('+', '-').Replace('/', '_');
        var expiresAt = Now + lifetime;
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await ExecuteAsync(connection, "INSERT INTO gateway (gateway, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", cancellation, gateway, Now);
        await ExecuteAsync(
            connection,
            "INSERT INTO enrolment_token (gateway, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            cancellation,
            gateway,
            HashOf(token),
            Now,
            expiresAt);
        await transaction.CommitAsync(cancellation);
        return (token, expiresAt);
    }

    /// <summary>Spends a token: registers the key, closes earlier ones, sets a new password at the broker.</summary>
    public async Task<(EnrolmentResult Result, string KeyId, string Password)> EnrolAsync(string gateway, string token, byte[] publicKey, CancellationToken cancellation)
    {
        if (!IsP256(publicKey))
        {
            return (EnrolmentResult.KeyRefused, "", "");
        }

        var (keyId, password, now) = (BatchSignature.KeyId(publicKey), GatewayPasswords.Generate(), Now);
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var spent = await ExecuteAsync(
            connection,
            "UPDATE enrolment_token SET used_at = $3 WHERE gateway = $1 AND token_hash = $2 AND used_at IS NULL AND expires_at > $3",
            cancellation,
            gateway,
            HashOf(token),
            now);
        if (spent == 0)
        {
            return (EnrolmentResult.TokenRefused, "", "");
        }

        if (await IsClosedAsync(connection, gateway, keyId, cancellation))
        {
            return (EnrolmentResult.KeyClosed, "", ""); // rolled back: the token is not spent
        }

        await ExecuteAsync(
            connection,
            """
            INSERT INTO gateway_key_closed (gateway, key_id, closed_at, reason)
            SELECT gateway, key_id, $3, 'renewed' FROM gateway_key WHERE gateway = $1 AND key_id <> $2
            ON CONFLICT DO NOTHING
            """,
            cancellation,
            gateway,
            keyId,
            now);
        await ExecuteAsync(
            connection,
            "INSERT INTO gateway_key (gateway, key_id, public_key, registered_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            cancellation,
            gateway,
            keyId,
            publicKey,
            now);
        await ExecuteAsync(
            connection,
            """
            INSERT INTO gateway_password (gateway, password_hash, set_at) VALUES ($1, $2, $3)
            ON CONFLICT (gateway) DO UPDATE SET password_hash = EXCLUDED.password_hash, set_at = EXCLUDED.set_at
            """,
            cancellation,
            gateway,
            GatewayPasswords.Hash(password),
            now);
        await transaction.CommitAsync(cancellation);
        return (EnrolmentResult.Enrolled, keyId, password);
    }

    /// <summary>Closes all keys of a gateway from now on. False: it has none open.</summary>
    public async Task<bool> RevokeAsync(string gateway, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        return await ExecuteAsync(
            connection,
            """
            INSERT INTO gateway_key_closed (gateway, key_id, closed_at, reason)
            SELECT gateway, key_id, $2, 'revoked' FROM gateway_key WHERE gateway = $1
            ON CONFLICT DO NOTHING
            """,
            cancellation,
            gateway,
            Now) > 0;
    }

    private static async Task<bool> IsClosedAsync(NpgsqlConnection connection, string gateway, string keyId, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT 1 FROM gateway_key_closed WHERE gateway = $1 AND key_id = $2", connection);
        command.Parameters.Add(new() { Value = gateway });
        command.Parameters.Add(new() { Value = keyId });
        return await command.ExecuteScalarAsync(cancellation) is not null;
    }

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return await command.ExecuteNonQueryAsync(cancellation);
    }

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static bool IsP256(byte[] publicKey)
    {
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(publicKey, out var read);
            return read == publicKey.Length && key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value == NistP256;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
