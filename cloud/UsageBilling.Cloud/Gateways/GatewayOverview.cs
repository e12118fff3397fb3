using System.Collections.Immutable;
using System.Text.Json;
using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Gateways;

/// <summary>A stream of a gateway and how far it has come.</summary>
public sealed record StreamOverview(
    Guid Stream, Instant OpenedAt, long CommittedThrough, long ProjectedThrough, int Ahead, Instant? HoleSince, Instant? LastReceivedAt, string? ClosedReason);

/// <summary>Something that is in the journal and could not be taken, by reason.</summary>
public sealed record ParkedOverview(string Reason, long Batches, long Readings, string LastDetail);

/// <summary>Messages that were refused, by reason.</summary>
public sealed record RefusalOverview(string Reason, long Times, Instant LastAt, string LastDetail);

/// <summary>A gateway as people watch it.</summary>
/// <param name="Gateway">Its name; <c>?</c> stands for senders that are no gateway.</param>
/// <param name="Online">True while it says so itself.</param>
/// <param name="StatusAt">When it last said something about itself.</param>
/// <param name="Status">What it said; null: nothing yet.</param>
/// <param name="LastBatchAt">When its last batch was received.</param>
/// <param name="Streams">Its streams, newest first.</param>
/// <param name="Parked">What waits, and why.</param>
/// <param name="Refusals">What was refused, and why.</param>
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
    int OpenKeys)
{
    // What points at somebody who is not who they say, or at two of one kind.
    private static readonly ImmutableHashSet<string> Alarming = ["foreign-gateway", "forked", "unknown-gateway"];

    /// <summary>Refusals that somebody must look at.</summary>
    public IEnumerable<RefusalOverview> Alarms => Refusals.Where(r => Alarming.Contains(r.Reason));

    /// <summary>All gateways, in order of their names, with senders that are no gateway at the end where there were any.</summary>
    public static async Task<ImmutableArray<GatewayOverview>> ReadAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        var streams = await ReadRowsAsync(
            connection,
            """
            SELECT s.gateway, s.stream, s.opened_at, s.committed_through, p.projected_through, cardinality(s.ahead_sequence), s.hole_since, s.last_received_at, s.closed_reason
            FROM stream s JOIN stream_projection p USING (gateway, stream) ORDER BY s.gateway, s.opened_at DESC
            """,
            r => new StreamOverview(r.GetGuid(1), r.GetFieldValue<Instant>(2), r.GetInt64(3), r.GetInt64(4), r.GetInt32(5), At(r, 6), At(r, 7), r.IsDBNull(8) ? null : r.GetString(8)),
            cancellation);
        var parked = await ReadRowsAsync(
            connection,
            """
            SELECT gateway, reason, count(DISTINCT (stream, sequence)), sum(readings), (array_agg(detail ORDER BY parked_at DESC))[1]
            FROM parked WHERE resolved_at IS NULL GROUP BY gateway, reason ORDER BY gateway, reason
            """,
            r => new ParkedOverview(r.GetString(1), r.GetInt64(2), r.GetInt64(3), r.GetString(4)),
            cancellation);
        var refused = await ReadRowsAsync(
            connection,
            "SELECT gateway, reason, times, last_at, last_detail FROM refusal_count ORDER BY gateway, last_at DESC",
            r => new RefusalOverview(r.GetString(1), r.GetInt64(2), r.GetFieldValue<Instant>(3), r.GetString(4)),
            cancellation);
        var gateways = await ReadRowsAsync(
            connection,
            """
            SELECT g.gateway, coalesce(s.online, false), s.received_at, s.status::text,
                   (SELECT count(*)::int FROM gateway_key k WHERE k.gateway = g.gateway
                    AND NOT EXISTS (SELECT FROM gateway_key_closed c WHERE c.gateway = k.gateway AND c.key_id = k.key_id))
            FROM (SELECT gateway FROM gateway UNION ALL SELECT DISTINCT gateway FROM refusal_count WHERE gateway = '?') g
            LEFT JOIN gateway_status s USING (gateway)
            """,
            r => (Gateway: r.GetString(0), Online: r.GetBoolean(1), At: At(r, 2), Status: r.IsDBNull(3) ? null : r.GetString(3), Keys: r.GetInt32(4)),
            cancellation);
        return [.. gateways.SelectMany(g => g.Value).OrderBy(g => g.Gateway == "?").ThenBy(g => g.Gateway, StringComparer.Ordinal).Select(g => new GatewayOverview(
            g.Gateway,
            g.Online,
            g.At,
            g.Status is null ? null : JsonDocument.Parse(g.Status).RootElement,
            streams.GetValueOrDefault(g.Gateway)?.Max(s => s.LastReceivedAt),
            [.. streams.GetValueOrDefault(g.Gateway) ?? []],
            [.. parked.GetValueOrDefault(g.Gateway) ?? []],
            [.. refused.GetValueOrDefault(g.Gateway) ?? []],
            g.Keys))];
    }

    private static Instant? At(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<Instant>(column);

    private static async Task<Dictionary<string, List<T>>> ReadRowsAsync<T>(NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        var rows = new Dictionary<string, List<T>>();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            if (!rows.TryGetValue(row.GetString(0), out var list))
            {
                rows[row.GetString(0)] = list = [];
            }

            list.Add(read(row));
        }

        return rows;
    }
}
