using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Ingest;

/// <summary>A stream of a gateway and how far it has come.</summary>
public sealed record StreamOverview(
    Guid Stream, Instant OpenedAt, long CommittedThrough, long ProjectedThrough, int Ahead, Instant? HoleSince, Instant? LastReceivedAt, string? ClosedReason);

/// <summary>Something that is in the journal and could not be taken, by reason.</summary>
public sealed record ParkedOverview(string Reason, long Batches, long Readings, string LastDetail);

/// <summary>Messages that were refused, by reason.</summary>
public sealed record RefusalOverview(string Reason, long Times, Instant LastAt, string LastDetail);

/// <summary>A request to send batches again, and what the gateway answered.</summary>
public sealed record ReplayOverview(
    Guid Replay, Guid Stream, long From, long Through, string Actor, string Reason, Instant AskedAt, Instant? SentAt, Instant? AnsweredAt, int? Batches, string? Answer);

/// <summary>How far every gateway's streams have come, what is parked and what was refused; senders that are no gateway stand under <c>?</c>.</summary>
public sealed record IngestOverview(ILookup<string, StreamOverview> Streams, ILookup<string, ParkedOverview> Parked, ILookup<string, RefusalOverview> Refusals, ILookup<string, ReplayOverview> Replays)
{
    /// <summary>Reads the overview: streams newest first, refusals latest first, of the requests to send again the latest twenty of a gateway.</summary>
    public static async Task<IngestOverview> ReadAsync(NpgsqlConnection connection, CancellationToken cancellation) => new(
        await ReadRowsAsync(
            connection,
            """
            SELECT s.gateway, s.stream, s.opened_at, s.committed_through, p.projected_through, cardinality(s.ahead_sequence), s.hole_since, s.last_received_at, s.closed_reason
            FROM stream s JOIN stream_projection p USING (gateway, stream) ORDER BY s.gateway, s.opened_at DESC
            """,
            r => new StreamOverview(r.GetGuid(1), r.GetFieldValue<Instant>(2), r.GetInt64(3), r.GetInt64(4), r.GetInt32(5), At(r, 6), At(r, 7), r.IsDBNull(8) ? null : r.GetString(8)),
            cancellation),
        await ReadRowsAsync(
            connection,
            """
            SELECT gateway, reason, count(DISTINCT (stream, sequence)), sum(readings), (array_agg(detail ORDER BY parked_at DESC))[1]
            FROM parked WHERE resolved_at IS NULL GROUP BY gateway, reason ORDER BY gateway, reason
            """,
            r => new ParkedOverview(r.GetString(1), r.GetInt64(2), r.GetInt64(3), r.GetString(4)),
            cancellation),
        await ReadRowsAsync(
            connection,
            "SELECT gateway, reason, times, last_at, last_detail FROM refusal_count ORDER BY gateway, last_at DESC",
            r => new RefusalOverview(r.GetString(1), r.GetInt64(2), r.GetFieldValue<Instant>(3), r.GetString(4)),
            cancellation),
        await ReadRowsAsync(
            connection,
            """
            SELECT gateway, replay_id, stream, from_sequence, through_sequence, actor, reason, asked_at, sent_at, answered_at, batches, answer
            FROM (SELECT *, row_number() OVER (PARTITION BY gateway ORDER BY asked_at DESC, replay_id) AS place FROM gateway_replay) r WHERE place <= 20 ORDER BY gateway, place
            """,
            r => new ReplayOverview(
                r.GetGuid(1), r.GetGuid(2), r.GetInt64(3), r.GetInt64(4), r.GetString(5), r.GetString(6), r.GetFieldValue<Instant>(7), At(r, 8), At(r, 9),
                r.IsDBNull(10) ? null : r.GetInt32(10), r.IsDBNull(11) ? null : r.GetString(11)),
            cancellation));

    private static Instant? At(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<Instant>(column);

    private static async Task<ILookup<string, T>> ReadRowsAsync<T>(NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        var rows = new List<(string Gateway, T Row)>();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            rows.Add((row.GetString(0), read(row)));
        }

        return rows.ToLookup(r => r.Gateway, r => r.Row);
    }
}
