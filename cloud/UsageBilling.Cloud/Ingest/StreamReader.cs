using Npgsql;
using NpgsqlTypes;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Hands out the verified contiguous prefix of streams, each batch once: the claim, the projection and the new position are one transaction.</summary>
public static class StreamReader
{
    private const string Claim = """
        SELECT p.gateway, p.stream, p.projected_through, s.committed_through
        FROM stream_projection p JOIN stream s USING (gateway, stream)
        WHERE p.projected_through < s.committed_through
        ORDER BY s.last_received_at
        LIMIT $1
        FOR UPDATE OF p SKIP LOCKED
        """;

    private const string Read = """
        SELECT b.gateway, b.stream, b.sequence, b.received_at, b.kind, b.hash, b.body
        FROM unnest($1, $2, $3, $4) AS w (gateway, stream, after, through)
        CROSS JOIN LATERAL (
          SELECT * FROM reading_batch r
          WHERE r.gateway = w.gateway AND r.stream = w.stream AND r.sequence > w.after AND r.sequence <= w.through
            AND NOT EXISTS (SELECT FROM batch_set_aside a WHERE a.gateway = r.gateway AND a.stream = r.stream AND a.sequence = r.sequence AND a.hash = r.hash)
          ORDER BY r.sequence
          LIMIT $5) b
        ORDER BY b.gateway, b.stream, b.sequence
        """;

    /// <summary>
    /// Claims streams that have something to project and reads at most <paramref name="maxBatches"/> batches in all. Streams that another
    /// instance has claimed are left to it. Empty: nothing to do.
    /// </summary>
    public static async Task<IReadOnlyList<StreamWork>> ClaimAsync(NpgsqlTransaction transaction, int maxStreams, int maxBatches, CancellationToken cancellation)
    {
        var claimed = new List<(string Gateway, Guid Stream, long After, long Through)>();
        await using (var command = new NpgsqlCommand(Claim, transaction.Connection, transaction) { Parameters = { new() { Value = maxStreams } } })
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                claimed.Add((row.GetString(0), row.GetGuid(1), row.GetInt64(2), row.GetInt64(3)));
            }
        }

        if (claimed.Count == 0)
        {
            return [];
        }

        var share = Math.Max(1, maxBatches / claimed.Count);
        var batches = (await ReadAsync(transaction, claimed, share, cancellation)).ToLookup(b => (b.Gateway, b.Stream));
        return [.. claimed.Select(c =>
        {
            var mine = batches[(c.Gateway, c.Stream)].ToList();

            // A full share may have left some; a share that is not full reaches the end, and what lies behind its last batch is a gap.
            return new StreamWork(c.Gateway, c.Stream, c.After, mine.Count == share ? mine[^1].Sequence : c.Through, mine);
        })];
    }

    /// <summary>Moves the positions of claimed streams to the end of what was read; to be called in the claim's transaction.</summary>
    public static async Task MarkProjectedAsync(NpgsqlTransaction transaction, IReadOnlyCollection<StreamWork> work, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("""
            UPDATE stream_projection p SET projected_through = w.through
            FROM unnest($1, $2, $3) AS w (gateway, stream, through)
            WHERE p.gateway = w.gateway AND p.stream = w.stream AND p.projected_through < w.through
            """, transaction.Connection, transaction);
        command.Parameters.Add(new() { Value = work.Select(w => w.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = work.Select(w => w.Stream).ToArray() });
        command.Parameters.Add(new() { Value = work.Select(w => w.Through).ToArray() });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>
    /// Sets every stream back to its beginning, so that the whole journal is projected again; for <c>replay</c>, in a transaction that also
    /// empties what the projection fills.
    /// </summary>
    public static async Task RewindAsync(NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("UPDATE stream_projection SET projected_through = 0", transaction.Connection, transaction);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static async Task<List<JournalledBatch>> ReadAsync(
        NpgsqlTransaction transaction, List<(string Gateway, Guid Stream, long After, long Through)> streams, int share, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Read, transaction.Connection, transaction);
        command.Parameters.Add(new() { Value = streams.Select(s => s.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = streams.Select(s => s.Stream).ToArray() });
        command.Parameters.Add(new() { Value = streams.Select(s => s.After).ToArray() });
        command.Parameters.Add(new() { Value = streams.Select(s => s.Through).ToArray() });
        command.Parameters.Add(new() { Value = share, NpgsqlDbType = NpgsqlDbType.Integer });
        return await JournalRows.ReadAsync(command, cancellation);
    }
}
