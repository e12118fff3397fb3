using System.Text;
using System.Text.Json;
using NodaTime;
using Npgsql;
using NpgsqlTypes;

namespace UsageBilling.Cloud.Gateways;

/// <summary>What gateways last said about themselves.</summary>
internal sealed class GatewayStatusStore(NpgsqlDataSource source)
{
    private const int LongestStatus = 64 * 1024;

    /// <summary>Keeps a status message of a gateway that is enrolled; a last will ("offline" alone) leaves the rest of what it said before.</summary>
    public async Task SaveAsync(string gateway, byte[] payload, Instant receivedAt, CancellationToken cancellation)
    {
        if (Read(payload) is not { } status)
        {
            return; // not JSON with a state: nothing to show, and status is never evidence of anything
        }

        await using var command = source.CreateCommand("""
            INSERT INTO gateway_status AS s (gateway, online, received_at, status)
            SELECT gateway, $2, $3, $4 FROM gateway WHERE gateway = $1
            ON CONFLICT (gateway) DO UPDATE SET online = EXCLUDED.online, received_at = EXCLUDED.received_at, status = s.status || EXCLUDED.status
            """);
        command.Parameters.Add(new() { Value = gateway });
        command.Parameters.Add(new() { Value = status.Online });
        command.Parameters.Add(new() { Value = receivedAt });
        command.Parameters.Add(new() { Value = status.Json, NpgsqlDbType = NpgsqlDbType.Jsonb });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Nobody is connected.</summary>
    public async Task MarkAllOfflineAsync(CancellationToken cancellation)
    {
        await using var command = source.CreateCommand("UPDATE gateway_status SET online = false WHERE online");
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static (bool Online, string Json)? Read(byte[] payload)
    {
        if (payload.Length is 0 or > LongestStatus)
        {
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(payload);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("state", out var state) && state.ValueKind == JsonValueKind.String
                ? (state.GetString() == "online", Encoding.UTF8.GetString(payload).Replace("\\u0000", "", StringComparison.Ordinal))
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
