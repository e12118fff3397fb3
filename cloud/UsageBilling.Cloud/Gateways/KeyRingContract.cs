using System.Collections.Concurrent;
using System.Security.Cryptography;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Ingest;

namespace UsageBilling.Cloud.Gateways;

/// <summary>A key as the database knows it now: not known, open, or closed at an instant.</summary>
internal readonly record struct KeyState(bool GatewayKnown, ECDsa? PublicKey, Instant? ClosedAt, string? ClosedReason);

/// <summary>
/// Looks up the keys of a group in one round trip. Public keys never change and stay parsed; whether a key is closed is asked each time,
/// because a batch is judged by its key's state when it was received.
/// </summary>
internal sealed class KeyRing(NpgsqlDataSource source) : IDisposable
{
    private readonly ConcurrentDictionary<(string Gateway, string KeyId), ECDsa> parsed = new();

    public async Task<Dictionary<(string Gateway, string KeyId), KeyState>> LookUpAsync(IReadOnlyCollection<(string Gateway, string KeyId)> keys, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand("""
            SELECT w.gateway, w.key_id, g.gateway IS NOT NULL, k.public_key, c.closed_at, c.reason
            FROM unnest($1, $2) AS w (gateway, key_id)
            LEFT JOIN gateway g ON g.gateway = w.gateway
            LEFT JOIN gateway_key k ON k.gateway = w.gateway AND k.key_id = w.key_id
            LEFT JOIN gateway_key_closed c ON c.gateway = w.gateway AND c.key_id = w.key_id
            """);
        command.Parameters.Add(new() { Value = keys.Select(k => k.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = keys.Select(k => Journal.Storable(k.KeyId)).ToArray() });
        var states = new Dictionary<(string, string), KeyState>();
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            var key = (row.GetString(0), row.GetString(1));
            states[key] = new KeyState(
                row.GetBoolean(2),
                await row.IsDBNullAsync(3, cancellation) ? null : Parse(key, await row.GetFieldValueAsync<byte[]>(3, cancellation)),
                await row.IsDBNullAsync(4, cancellation) ? null : await row.GetFieldValueAsync<Instant>(4, cancellation),
                await row.IsDBNullAsync(5, cancellation) ? null : row.GetString(5));
        }

        return states;
    }

    public void Dispose()
    {
        foreach (var key in parsed.Values)
        {
            key.Dispose();
        }
    }

    private ECDsa Parse((string Gateway, string KeyId) key, byte[] publicKey) => parsed.GetOrAdd(
        key,
        static (_, bytes) =>
        {
            var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(bytes, out var _);
            return key;
        },
        publicKey);
}
