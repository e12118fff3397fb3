using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Streams' rows, read under lock.</summary>
internal static class StreamRows
{
    private const string Lock = """
        SELECT gateway, stream, committed_through, last_hash, ahead_from, ahead_sequence, ahead_previous, ahead_hash, hole_since, closed_at IS NOT NULL
        FROM stream
        WHERE (gateway, stream) IN (SELECT * FROM unnest($1, $2))
        ORDER BY gateway, stream
        FOR UPDATE
        """;

    /// <summary>Locks the streams of these batches and the predecessors they name, always in the same order, as far as they exist.</summary>
    public static async Task<Dictionary<StreamKey, StreamPosition>> LockAsync(NpgsqlConnection connection, IReadOnlyList<VerifiedBatch> batches, CancellationToken cancellation)
    {
        var predecessors = batches.Where(b => b.Predecessor is not null).Select(b => b.Stream with { Stream = b.Predecessor!.Value });
        var wanted = batches.Select(b => b.Stream).Concat(predecessors).Distinct().ToList();
        return wanted.Count == 0 ? [] : await ReadAsync(connection, wanted, cancellation);
    }

    /// <summary>The first batch of each stream that has no row yet.</summary>
    public static IReadOnlyList<VerifiedBatch> Missing(IReadOnlyList<VerifiedBatch> batches, Dictionary<StreamKey, StreamPosition> locked) =>
        [.. batches.Where(b => !locked.ContainsKey(b.Stream)).DistinctBy(b => b.Stream)];

    /// <summary>Opens streams, outside any transaction of the caller; an open stream with nothing in it does no harm.</summary>
    public static async Task OpenAsync(NpgsqlConnection connection, IReadOnlyList<VerifiedBatch> firsts, CancellationToken cancellation)
    {
        var ordered = firsts.OrderBy(b => b.Stream.Gateway, StringComparer.Ordinal).ThenBy(b => b.Stream.Stream).ToList();
        await using var batch = new NpgsqlBatch(connection);
        foreach (var sql in new[]
        {
            "INSERT INTO stream (gateway, stream, opened_at) SELECT * FROM unnest($1, $2, $3) ON CONFLICT DO NOTHING",
            "INSERT INTO stream_projection (gateway, stream) SELECT gateway, stream FROM unnest($1, $2, $3) AS n (gateway, stream, opened_at) ON CONFLICT DO NOTHING",
        })
        {
            var command = new NpgsqlBatchCommand(sql);
            command.Parameters.Add(new() { Value = ordered.Select(b => b.Stream.Gateway).ToArray() });
            command.Parameters.Add(new() { Value = ordered.Select(b => b.Stream.Stream).ToArray() });
            command.Parameters.Add(new() { Value = ordered.Select(b => b.Incoming.ReceivedAt).ToArray() });
            batch.BatchCommands.Add(command);
        }

        await batch.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>The chain hashes that the journal holds at these places.</summary>
    public static async Task<Dictionary<(StreamKey Stream, long Sequence), byte[]>> ChainHashesAsync(
        NpgsqlConnection connection, IReadOnlyList<VerifiedBatch> batches, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("""
            SELECT b.gateway, b.stream, b.sequence, b.chain_hash
            FROM unnest($1, $2, $3) AS w (gateway, stream, sequence) JOIN reading_batch b USING (gateway, stream, sequence)
            WHERE NOT EXISTS (SELECT FROM batch_set_aside a WHERE a.gateway = b.gateway AND a.stream = b.stream AND a.sequence = b.sequence AND a.chain_hash = b.chain_hash)
            """, connection);
        command.Parameters.Add(new() { Value = batches.Select(b => b.Stream.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = batches.Select(b => b.Stream.Stream).ToArray() });
        command.Parameters.Add(new() { Value = batches.Select(b => b.Link.Sequence).ToArray() });
        var found = new Dictionary<(StreamKey, long), byte[]>();
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            found[(new StreamKey(row.GetString(0), row.GetGuid(1)), row.GetInt64(2))] = await row.GetFieldValueAsync<byte[]>(3, cancellation);
        }

        return found;
    }

    private static async Task<Dictionary<StreamKey, StreamPosition>> ReadAsync(NpgsqlConnection connection, List<StreamKey> streams, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Lock, connection);
        command.Parameters.Add(new() { Value = streams.Select(s => s.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = streams.Select(s => s.Stream).ToArray() });
        var positions = new Dictionary<StreamKey, StreamPosition>();
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            var (from, sequence) = (row.GetFieldValue<long[]>(4), row.GetFieldValue<long[]>(5));
            var (previous, hash) = (row.GetFieldValue<byte[][]>(6), row.GetFieldValue<byte[][]>(7));
            positions[new StreamKey(row.GetString(0), row.GetGuid(1))] = new StreamPosition(
                row.GetInt64(2),
                row.GetFieldValue<byte[]>(3),
                Enumerable.Range(0, sequence.Length).Select(i => new Link(from[i], sequence[i], previous[i], hash[i])),
                await row.IsDBNullAsync(8, cancellation) ? null : row.GetFieldValue<Instant>(8),
                row.GetBoolean(9));
        }

        return positions;
    }
}
