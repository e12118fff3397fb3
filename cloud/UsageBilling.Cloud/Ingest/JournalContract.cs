using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using NodaTime;
using Npgsql;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Ingest;

/// <summary>
/// What Metering takes from the journal. Every call runs in the caller's transaction. Only the verified contiguous prefix of a stream is
/// handed out; batches that turned out to belong to another history are not in it.
/// </summary>
public static class Journal
{
    private const int LongestDetail = 500;

    private const string NotSetAside = """
        NOT EXISTS (SELECT FROM batch_set_aside a WHERE a.gateway = b.gateway AND a.stream = b.stream AND a.sequence = b.sequence AND a.chain_hash = b.chain_hash)
        """;

    /// <summary>Locks the rows of up to <paramref name="limit"/> streams that have something to project and that nobody else has locked.</summary>
    public static async Task<ImmutableArray<UnprojectedStream>> LockUnprojectedAsync(NpgsqlConnection connection, int limit, CancellationToken cancellationToken)
    {
        // The position has a row of its own, so that a projection never holds up the commit of the next batches.
        await using var command = new NpgsqlCommand("""
            SELECT p.gateway, p.stream, p.projected_through, s.committed_through
            FROM stream_projection p JOIN stream s USING (gateway, stream)
            WHERE p.projected_through < s.committed_through
            ORDER BY s.last_received_at
            LIMIT $1
            FOR UPDATE OF p SKIP LOCKED
            """, connection) { Parameters = { new() { Value = limit } } };
        var streams = ImmutableArray.CreateBuilder<UnprojectedStream>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            streams.Add(new UnprojectedStream(row.GetString(0), row.GetGuid(1), row.GetInt64(2), row.GetInt64(3)));
        }

        return streams.ToImmutable();
    }

    /// <summary>Batches (ProjectedThrough, CommittedThrough] of the streams in order of stream and sequence, up to <paramref name="limit"/> in all; a stream may come out cut short.</summary>
    public static async Task<ImmutableArray<JournalBatch>> ReadUnprojectedAsync(
        NpgsqlConnection connection, IReadOnlyList<UnprojectedStream> streams, int limit, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"""
            SELECT x.gateway, x.stream, x.sequence, x.received_at, x.body, x.kind
            FROM unnest($1, $2, $3, $4) AS w (gateway, stream, after, through)
            CROSS JOIN LATERAL (
              SELECT b.gateway, b.stream, b.sequence, b.received_at, b.body, b.kind FROM reading_batch b
              WHERE b.gateway = w.gateway AND b.stream = w.stream AND b.sequence > w.after AND b.sequence <= w.through AND {NotSetAside}
              ORDER BY b.sequence
              LIMIT $5) x
            ORDER BY x.gateway, x.stream, x.sequence
            LIMIT $5
            """, connection);
        command.Parameters.Add(new() { Value = streams.Select(s => s.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = streams.Select(s => s.Stream).ToArray() });
        command.Parameters.Add(new() { Value = streams.Select(s => s.ProjectedThrough).ToArray() });
        command.Parameters.Add(new() { Value = streams.Select(s => s.CommittedThrough).ToArray() });
        command.Parameters.Add(new() { Value = limit });
        return await ReadBatchesAsync(command, cancellationToken);
    }

    /// <summary>Moves positions of streams locked before forward.</summary>
    public static async Task MoveProjectedAsync(
        NpgsqlConnection connection, IReadOnlyCollection<(string Gateway, Guid Stream, long Through)> positions, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            UPDATE stream_projection p SET projected_through = w.through
            FROM unnest($1, $2, $3) AS w (gateway, stream, through)
            WHERE p.gateway = w.gateway AND p.stream = w.stream AND p.projected_through < w.through
            """, connection);
        command.Parameters.Add(new() { Value = positions.Select(p => p.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = positions.Select(p => p.Stream).ToArray() });
        command.Parameters.Add(new() { Value = positions.Select(p => p.Through).ToArray() });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Sets every stream back to its beginning, so that the journal is projected again; for a replay that empties what projection fills in the same transaction.</summary>
    public static async Task RewindAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("UPDATE stream_projection SET projected_through = 0", connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Parks readings.</summary>
    public static async Task ParkAsync(NpgsqlConnection connection, IReadOnlyCollection<ParkedReadings> parked, CancellationToken cancellationToken)
    {
        if (parked.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand("""
            INSERT INTO parked (gateway, stream, sequence, register, reason, detail, readings, parked_at, first_at, last_at)
            SELECT gateway, stream, sequence, register, reason, min(detail), sum(readings)::int, min(parked_at), min(first_at), max(last_at)
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS p (gateway, stream, sequence, register, reason, detail, readings, parked_at, first_at, last_at)
            GROUP BY gateway, stream, sequence, register, reason
            ON CONFLICT (gateway, stream, sequence, register, reason)
            DO UPDATE SET detail = EXCLUDED.detail, readings = EXCLUDED.readings, first_at = EXCLUDED.first_at, last_at = EXCLUDED.last_at, resolved_at = NULL, retry = false
            """, connection);
        command.Parameters.Add(new() { Value = parked.Select(p => p.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = parked.Select(p => p.Stream).ToArray() });
        command.Parameters.Add(new() { Value = parked.Select(p => p.Sequence).ToArray() });
        command.Parameters.Add(new() { Value = parked.Select(p => p.Register).ToArray() });
        command.Parameters.Add(new() { Value = parked.Select(p => p.Reason).ToArray() });
        command.Parameters.Add(new() { Value = parked.Select(p => Storable(p.Detail)).ToArray() });
        command.Parameters.Add(new() { Value = parked.Select(p => p.Readings).ToArray() });
        command.Parameters.Add(new() { Value = parked.Select(p => p.At).ToArray() });
        command.Parameters.Add(new NpgsqlParameter<Instant?[]> { TypedValue = [.. parked.Select(p => p.FirstAt)] });
        command.Parameters.Add(new NpgsqlParameter<Instant?[]> { TypedValue = [.. parked.Select(p => p.LastAt)] });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Takes up to <paramref name="limit"/> parked rows of these registers with this reason and returns the batches they name, for another attempt.
    /// The rows are kept as resolved; parking one again opens it again.
    /// </summary>
    public static async Task<ImmutableArray<JournalBatch>> TakeParkedAsync(
        NpgsqlConnection connection, IReadOnlyCollection<RegisterKey> registers, string reason, int limit, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"""
            WITH open AS (
              SELECT gateway, stream, sequence, register, reason FROM parked
              WHERE register = ANY ($1) AND reason = $2 AND resolved_at IS NULL
              ORDER BY gateway, stream, sequence
              LIMIT $3
              FOR UPDATE),
            taken AS (
              UPDATE parked p SET resolved_at = statement_timestamp() FROM open o
              WHERE (p.gateway, p.stream, p.sequence, p.register, p.reason) = (o.gateway, o.stream, o.sequence, o.register, o.reason)
              RETURNING p.gateway, p.stream, p.sequence)
            SELECT b.gateway, b.stream, b.sequence, b.received_at, b.body, b.kind
            FROM (SELECT DISTINCT gateway, stream, sequence FROM taken) t JOIN reading_batch b USING (gateway, stream, sequence)
            WHERE {NotSetAside}
            ORDER BY 1, 2, 3
            """, connection);
        command.Parameters.Add(new() { Value = registers.Select(r => r.ToString()).ToArray() });
        command.Parameters.Add(new() { Value = reason });
        command.Parameters.Add(new() { Value = limit });
        return await ReadBatchesAsync(command, cancellationToken);
    }

    /// <summary>Asks for another attempt at everything parked with this reason, because what it was parked for has gone. Returns how many rows.</summary>
    public static async Task<int> RetryParkedAsync(NpgsqlConnection connection, string reason, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("UPDATE parked SET retry = true WHERE reason = $1 AND resolved_at IS NULL", connection) { Parameters = { new() { Value = reason } } };
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Takes up to <paramref name="limit"/> parked rows that another attempt was asked for, as <see cref="TakeParkedAsync"/> does.</summary>
    public static async Task<ImmutableArray<JournalBatch>> TakeRetriedAsync(NpgsqlConnection connection, int limit, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"""
            WITH open AS (
              SELECT gateway, stream, sequence, register, reason FROM parked WHERE retry ORDER BY gateway, stream, sequence LIMIT $1 FOR UPDATE SKIP LOCKED),
            taken AS (
              UPDATE parked p SET resolved_at = statement_timestamp(), retry = false FROM open o
              WHERE (p.gateway, p.stream, p.sequence, p.register, p.reason) = (o.gateway, o.stream, o.sequence, o.register, o.reason)
              RETURNING p.gateway, p.stream, p.sequence)
            SELECT b.gateway, b.stream, b.sequence, b.received_at, b.body, b.kind
            FROM (SELECT DISTINCT gateway, stream, sequence FROM taken) t JOIN reading_batch b USING (gateway, stream, sequence)
            WHERE {NotSetAside}
            ORDER BY 1, 2, 3
            """, connection) { Parameters = { new() { Value = limit } } };
        return await ReadBatchesAsync(command, cancellationToken);
    }

    /// <summary>Batches that are parked as a whole with this reason.</summary>
    public static async Task<HashSet<(string Gateway, Guid Stream, long Sequence)>> ReadParkedBatchesAsync(NpgsqlConnection connection, string reason, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT gateway, stream, sequence FROM parked WHERE register = '' AND reason = $1 AND resolved_at IS NULL", connection)
        {
            Parameters = { new() { Value = reason } },
        };
        var batches = new HashSet<(string, Guid, long)>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            batches.Add((row.GetString(0), row.GetGuid(1), row.GetInt64(2)));
        }

        return batches;
    }

    /// <summary>All committed batches in order of stream and sequence; for replay.</summary>
    public static IAsyncEnumerable<JournalBatch> ReadAllAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ReadThroughAsync(connection, "stream s", "s.committed_through", null, cancellationToken);

    /// <summary>All batches that are projected, in order of stream and sequence; for verification.</summary>
    public static IAsyncEnumerable<JournalBatch> ReadProjectedAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ReadProjectedAsync(connection, null, cancellationToken);

    /// <summary>The same of some gateways; null: of all.</summary>
    public static IAsyncEnumerable<JournalBatch> ReadProjectedAsync(NpgsqlConnection connection, IReadOnlyCollection<string>? gateways, CancellationToken cancellationToken) =>
        ReadThroughAsync(connection, "stream_projection s", "s.projected_through", gateways, cancellationToken);

    /// <summary>Which gateways ever sent readings of which registers.</summary>
    public static async Task<List<(string Gateway, Guid Register)>> ReadSendersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT DISTINCT b.gateway, r.id FROM (SELECT DISTINCT gateway, register_ids FROM reading_batch) b, unnest(b.register_ids) AS r (id)", connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var senders = new List<(string, Guid)>();
        while (await row.ReadAsync(cancellationToken))
        {
            senders.Add((row.GetString(0), row.GetGuid(1)));
        }

        return senders;
    }

    private static async IAsyncEnumerable<JournalBatch> ReadThroughAsync(
        NpgsqlConnection connection, string positions, string through, IReadOnlyCollection<string>? gateways, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"""
            SELECT b.gateway, b.stream, b.sequence, b.received_at, b.body, b.kind
            FROM reading_batch b JOIN {positions} USING (gateway, stream)
            WHERE b.sequence <= {through} AND {(gateways is null ? "true" : "b.gateway = ANY($1)")} AND {NotSetAside}
            ORDER BY 1, 2, 3
            """, connection);
        if (gateways is not null)
        {
            command.Parameters.Add(new() { Value = gateways.ToArray() });
        }

        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            yield return Batch(row);
        }
    }

    /// <summary>How far each stream is projected: batches up to there are in the journal, or behind an anchor.</summary>
    public static async Task<Dictionary<(string Gateway, Guid Stream), long>> ReadProjectedThroughAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT gateway, stream, projected_through FROM stream_projection", connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var positions = new Dictionary<(string, Guid), long>();
        while (await row.ReadAsync(cancellationToken))
        {
            positions.Add((row.GetString(0), row.GetGuid(1)), row.GetInt64(2));
        }

        return positions;
    }

    /// <summary>Where chains go on after old months were dropped: the last batch of each that went, and its chain hash.</summary>
    public static async Task<Dictionary<(string Gateway, Guid Stream, long Sequence), byte[]>> ReadAnchorsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT gateway, stream, sequence, hash FROM stream_anchor", connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var anchors = new Dictionary<(string, Guid, long), byte[]>();
        while (await row.ReadAsync(cancellationToken))
        {
            anchors.Add((row.GetString(0), row.GetGuid(1), row.GetInt64(2)), row.GetFieldValue<byte[]>(3));
        }

        return anchors;
    }

    /// <summary>Text from outside as PostgreSQL can store it and a page can show it.</summary>
    internal static string Storable(string text)
    {
        var clean = text.Replace('\0', '\uFFFD');
        return clean.Length <= LongestDetail ? clean : clean[..LongestDetail];
    }

    private static async Task<ImmutableArray<JournalBatch>> ReadBatchesAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var batches = ImmutableArray.CreateBuilder<JournalBatch>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            batches.Add(Batch(row));
        }

        return batches.ToImmutable();
    }

    private static JournalBatch Batch(NpgsqlDataReader row) => new(
        row.GetString(0), row.GetGuid(1), row.GetInt64(2), row.GetFieldValue<Instant>(3), row.GetFieldValue<byte[]>(4), (BatchKind)row.GetInt16(5));
}
