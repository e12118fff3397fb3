using System.Collections.Immutable;
using System.Text.Json;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Ingest;

namespace UsageBilling.Cloud.Gateways;

/// <summary>A gateway as people watch it.</summary>
/// <param name="Gateway">Its name; <c>?</c> stands for senders that are no gateway.</param>
/// <param name="Online">True while it says so itself.</param>
/// <param name="StatusAt">When it last said something about itself.</param>
/// <param name="Status">What it said; null: nothing yet.</param>
/// <param name="LastBatchAt">When its last batch was received.</param>
/// <param name="Streams">Its streams, newest first.</param>
/// <param name="Parked">What waits, and why.</param>
/// <param name="Refusals">What was refused, and why.</param>
/// <param name="Replays">What it was asked to send again, the latest first.</param>
/// <param name="OpenKeys">Keys that are not closed.</param>
public sealed record GatewayOverview(
    string Gateway,
    bool Online,
    Instant? StatusAt,
    JsonElement? Status,
    Instant? LastBatchAt,
    ImmutableArray<StreamOverview> Streams,
    ImmutableArray<ParkedOverview> Parked,
    ImmutableArray<RefusalOverview> Refusals,
    ImmutableArray<ReplayOverview> Replays,
    int OpenKeys)
{
    // Senders that are no gateway.
    private const string Nobody = "?";

    // What points at somebody who is not who they say, or at two of one kind.
    private static readonly ImmutableHashSet<string> Alarming = ["foreign-gateway", "forked", "unknown-gateway"];

    /// <summary>Refusals that somebody must look at.</summary>
    public IEnumerable<RefusalOverview> Alarms => Refusals.Where(r => Alarming.Contains(r.Reason));

    /// <summary>All gateways, in order of their names, with senders that are no gateway at the end where there were any.</summary>
    public static async Task<ImmutableArray<GatewayOverview>> ReadAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        var ingest = await IngestOverview.ReadAsync(connection, cancellation);
        await using var command = new NpgsqlCommand(
            """
            SELECT g.gateway, coalesce(s.online, false), s.received_at, s.status::text,
                   (SELECT count(*)::int FROM gateway_key k WHERE k.gateway = g.gateway
                    AND NOT EXISTS (SELECT FROM gateway_key_closed c WHERE c.gateway = k.gateway AND c.key_id = k.key_id))
            FROM gateway g LEFT JOIN gateway_status s USING (gateway)
            """,
            connection);
        var gateways = new List<(string Gateway, bool Online, Instant? At, string? Status, int Keys)>();
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                gateways.Add((row.GetString(0), row.GetBoolean(1), At(row, 2), await row.IsDBNullAsync(3, cancellation) ? null : row.GetString(3), row.GetInt32(4)));
            }
        }

        return
        [
            .. gateways.OrderBy(g => g.Gateway, StringComparer.Ordinal).Select(g => Of(g.Gateway, g.Online, g.At, g.Status, g.Keys, ingest)),
            .. ingest.Refusals.Contains(Nobody) ? [Of(Nobody, false, null, null, 0, ingest)] : (ReadOnlySpan<GatewayOverview>)[],
        ];
    }

    private static GatewayOverview Of(string gateway, bool online, Instant? at, string? status, int keys, IngestOverview ingest) => new(
        gateway,
        online,
        at,
        status is null ? null : JsonDocument.Parse(status).RootElement,
        ingest.Streams[gateway].Max(s => s.LastReceivedAt),
        [.. ingest.Streams[gateway]],
        [.. ingest.Parked[gateway]],
        [.. ingest.Refusals[gateway]],
        [.. ingest.Replays[gateway]],
        keys);

    private static Instant? At(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<Instant>(column);
}
