using NodaTime;
using Npgsql;
using NpgsqlTypes;

namespace UsageBilling.Cloud.Ingest;

/// <summary>The write of a group as one batch of statements: one round trip, whatever the group holds.</summary>
internal static class GroupStatements
{
    /// <summary>How many refused messages are kept for a gateway and a reason; all are counted.</summary>
    public const int KeptRefusals = 100;

    private const int KeptBytes = 64 * 1024;

    // register_ids travel joined, because PostgreSQL's arrays of arrays must be rectangular.
    private const string InsertJournal = """
        INSERT INTO reading_batch (gateway, stream, sequence, received_at, kind, hash, previous_hash, chain_hash, key_id, signature, body,
                                   reading_count, first_at, last_at, register_ids)
        SELECT gateway, stream, sequence, received_at, kind, hash, previous_hash, chain_hash, key_id, signature, body,
               reading_count, first_at, last_at, string_to_array(registers, ',')::uuid[]
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
          AS b (gateway, stream, sequence, received_at, kind, hash, previous_hash, chain_hash, key_id, signature, body, reading_count, first_at, last_at, registers)
        ON CONFLICT DO NOTHING
        """;

    private const string UpdateStream = """
        UPDATE stream SET committed_through = $3, last_hash = $4, last_received_at = $5,
               ahead_from = $6, ahead_sequence = $7, ahead_previous = $8, ahead_hash = $9, hole_since = $10
        WHERE gateway = $1 AND stream = $2
        """;

    private const string UpdateStreams = """
        UPDATE stream s SET committed_through = w.committed_through, last_hash = w.last_hash, last_received_at = w.last_received_at,
               ahead_from = '{}', ahead_sequence = '{}', ahead_previous = '{}', ahead_hash = '{}', hole_since = NULL
        FROM unnest($1, $2, $3, $4, $5) AS w (gateway, stream, committed_through, last_hash, last_received_at)
        WHERE s.gateway = w.gateway AND s.stream = w.stream
        """;

    private const string CloseStreams = """
        UPDATE stream s SET closed_at = w.at, closed_reason = w.reason
        FROM unnest($1, $2, $3, $4) AS w (gateway, stream, at, reason)
        WHERE s.gateway = w.gateway AND s.stream = w.stream AND s.closed_at IS NULL
        """;

    private const string InsertParked = """
        INSERT INTO parked (gateway, stream, sequence, register, reason, detail, readings, parked_at)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
        """;

    private const string InsertSetAside = """
        INSERT INTO batch_set_aside (gateway, stream, sequence, chain_hash, set_aside_at, reason)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """;

    private const string KeepRefused = """
        INSERT INTO refused_batch AS kept (gateway, reason, hash, first_at, last_at, times, stream, sequence, detail, message)
        SELECT gateway, reason, hash, at, at, times, stream, sequence, detail, message
        FROM (SELECT r.*, row_number() OVER (PARTITION BY gateway, reason ORDER BY at) AS nth
              FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS r (gateway, reason, hash, at, times, stream, sequence, detail, message)) r
        WHERE EXISTS (SELECT FROM refused_batch x WHERE x.gateway = r.gateway AND x.reason = r.reason AND x.hash = r.hash)
           OR r.nth + (SELECT count(*) FROM refused_batch x WHERE x.gateway = r.gateway AND x.reason = r.reason) <= $10
        ON CONFLICT (gateway, reason, hash) DO UPDATE SET times = kept.times + EXCLUDED.times, last_at = EXCLUDED.last_at
        """;

    private const string CountRefused = """
        INSERT INTO refusal_count AS c (gateway, reason, times, last_at, last_detail)
        SELECT gateway, reason, sum(times), max(at), max(detail) FROM unnest($1, $2, $3, $4, $5) AS r (gateway, reason, at, times, detail)
        GROUP BY gateway, reason ORDER BY gateway, reason
        ON CONFLICT (gateway, reason) DO UPDATE SET times = c.times + EXCLUDED.times, last_at = EXCLUDED.last_at, last_detail = EXCLUDED.last_detail
        """;

    /// <summary>Everything an outcome writes.</summary>
    public static NpgsqlBatch Write(GroupOutcome outcome)
    {
        var batch = new NpgsqlBatch();
        AddJournal(batch, outcome.Journalled);
        AddStreams(batch, outcome);
        AddParked(batch, outcome.Parked);
        AddSetAside(batch, outcome);
        AddRefused(batch, outcome.Refused);
        return batch;
    }

    /// <summary>Keeps and counts refusals that no stream is concerned with.</summary>
    public static async Task RefuseAsync(NpgsqlDataSource source, IReadOnlyList<Refusal> refusals, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection);
        AddRefused(batch, refusals);
        await batch.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    private static void AddJournal(NpgsqlBatch batch, List<VerifiedBatch> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var command = Add(batch, InsertJournal);
        AddArray(command, rows, b => b.Stream.Gateway);
        AddArray(command, rows, b => b.Stream.Stream);
        AddArray(command, rows, b => b.Link.Sequence);
        AddArray(command, rows, b => b.Incoming.ReceivedAt);
        AddArray(command, rows, b => (short)b.Kind);
        AddArray(command, rows, b => b.Hash);
        AddArray(command, rows, b => b.Link.PreviousHash);
        AddArray(command, rows, b => b.Link.ChainHash);
        AddArray(command, rows, b => b.KeyId);
        AddArray(command, rows, b => b.Signature);
        AddArray(command, rows, b => b.Body);
        AddArray(command, rows, b => b.Readings);
        AddArray(command, rows, b => b.FirstAt);
        AddArray(command, rows, b => b.LastAt);
        AddArray(command, rows, b => string.Join(',', b.Registers));
    }

    private static void AddStreams(NpgsqlBatch batch, GroupOutcome outcome)
    {
        var whole = outcome.Changed.Where(c => c.Value.Position.Ahead.Count == 0).ToList();
        if (whole.Count > 0)
        {
            var command = Add(batch, UpdateStreams);
            AddArray(command, whole, c => c.Key.Gateway);
            AddArray(command, whole, c => c.Key.Stream);
            AddArray(command, whole, c => c.Value.Position.CommittedThrough);
            AddArray(command, whole, c => c.Value.Position.LastHash);
            AddArray(command, whole, c => c.Value.ReceivedAt);
        }

        // Streams with a hole are few: one statement each.
        foreach (var (stream, (position, receivedAt)) in outcome.Changed.Where(c => c.Value.Position.Ahead.Count > 0))
        {
            var command = Add(batch, UpdateStream);
            command.Parameters.Add(new() { Value = stream.Gateway });
            command.Parameters.Add(new() { Value = stream.Stream });
            command.Parameters.Add(new() { Value = position.CommittedThrough });
            command.Parameters.Add(new() { Value = position.LastHash });
            command.Parameters.Add(new() { Value = receivedAt });
            AddArray(command, position.Ahead, l => l.From);
            AddArray(command, position.Ahead, l => l.Sequence);
            AddArray(command, position.Ahead, l => l.PreviousHash);
            AddArray(command, position.Ahead, l => l.ChainHash);
            command.Parameters.Add(new() { Value = (object?)position.HoleSince ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        }

        if (outcome.Closings.Count > 0)
        {
            var command = Add(batch, CloseStreams);
            AddArray(command, outcome.Closings, c => c.Stream.Gateway);
            AddArray(command, outcome.Closings, c => c.Stream.Stream);
            AddArray(command, outcome.Closings, c => ClosedAt(outcome, c));
            AddArray(command, outcome.Closings, c => $"replaced by stream {c.Successor}");
        }
    }

    private static Instant ClosedAt(GroupOutcome outcome, (StreamKey Stream, Guid Successor) closing) =>
        outcome.Changed[closing.Stream with { Stream = closing.Successor }].ReceivedAt;

    private static void AddParked(NpgsqlBatch batch, List<ParkedReadings> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var command = Add(batch, InsertParked);
        AddArray(command, rows, p => p.Gateway);
        AddArray(command, rows, p => p.Stream);
        AddArray(command, rows, p => p.Sequence);
        AddArray(command, rows, p => p.Register);
        AddArray(command, rows, p => p.Reason);
        AddArray(command, rows, p => Journal.Storable(p.Detail));
        AddArray(command, rows, p => p.Readings);
        AddArray(command, rows, p => p.At);
    }

    private static void AddSetAside(NpgsqlBatch batch, GroupOutcome outcome)
    {
        if (outcome.SetAside.Count == 0)
        {
            return;
        }

        var command = Add(batch, InsertSetAside);
        AddArray(command, outcome.SetAside, s => s.Stream.Gateway);
        AddArray(command, outcome.SetAside, s => s.Stream.Stream);
        AddArray(command, outcome.SetAside, s => s.Link.Sequence);
        AddArray(command, outcome.SetAside, s => s.Link.ChainHash);
        AddArray(command, outcome.SetAside, s => outcome.Changed[s.Stream].ReceivedAt);
        AddArray(command, outcome.SetAside, s => s.Reason);
    }

    private static void AddRefused(NpgsqlBatch batch, IReadOnlyList<Refusal> refusals)
    {
        if (refusals.Count == 0)
        {
            return;
        }

        // One statement may touch a row once.
        var rows = refusals.GroupBy(r => (r.Gateway, r.Reason, Hash: Convert.ToHexString(r.Hash)))
            .Select(g => (Refusal: g.Last(), Times: (long)g.Count()))
            .OrderBy(r => r.Refusal.Gateway, StringComparer.Ordinal).ThenBy(r => r.Refusal.Reason, StringComparer.Ordinal)
            .ToList();
        var count = Add(batch, CountRefused);
        AddArray(count, rows, r => r.Refusal.Gateway);
        AddArray(count, rows, r => r.Refusal.Reason);
        AddArray(count, rows, r => r.Refusal.Incoming.ReceivedAt);
        AddArray(count, rows, r => r.Times);
        AddArray(count, rows, r => Journal.Storable(r.Refusal.Detail));
        var keep = Add(batch, KeepRefused);
        AddArray(keep, rows, r => r.Refusal.Gateway);
        AddArray(keep, rows, r => r.Refusal.Reason);
        AddArray(keep, rows, r => r.Refusal.Hash);
        AddArray(keep, rows, r => r.Refusal.Incoming.ReceivedAt);
        AddArray(keep, rows, r => r.Times);
        AddArray(keep, rows, r => r.Refusal.Stream);
        AddArray(keep, rows, r => r.Refusal.Sequence);
        AddArray(keep, rows, r => Journal.Storable(r.Refusal.Detail));
        AddArray(keep, rows, r => r.Refusal.Incoming.Payload.Length <= KeptBytes ? r.Refusal.Incoming.Payload : r.Refusal.Incoming.Payload[..KeptBytes]);
        keep.Parameters.Add(new() { Value = KeptRefusals });
    }

    private static NpgsqlBatchCommand Add(NpgsqlBatch batch, string sql)
    {
        var command = new NpgsqlBatchCommand(sql);
        batch.BatchCommands.Add(command);
        return command;
    }

    private static void AddArray<TRow, TValue>(NpgsqlBatchCommand command, ICollection<TRow> rows, Func<TRow, TValue> value)
    {
        var values = new TValue[rows.Count];
        var i = 0;
        foreach (var row in rows)
        {
            values[i++] = value(row);
        }

        command.Parameters.Add(new NpgsqlParameter<TValue[]> { TypedValue = values });
    }
}
