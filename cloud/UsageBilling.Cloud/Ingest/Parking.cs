using NodaTime;
using Npgsql;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Keeps account of what is in the journal but could not be taken, and gives it back when it can.</summary>
public static class Parking
{
    private const int LongestDetail = 500;

    /// <summary>Parks parts of batches; a part that is parked already is parked (again) with the new detail.</summary>
    public static async Task AddAsync(NpgsqlTransaction transaction, IReadOnlyCollection<ParkedPart> parts, Instant at, CancellationToken cancellation)
    {
        if (parts.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand("""
            INSERT INTO parked (gateway, stream, sequence, register_id, reason, detail, readings, parked_at)
            SELECT gateway, stream, sequence, register_id, reason, min(detail), sum(readings)::int, $8
            FROM unnest($1, $2, $3, $4, $5, $6, $7) AS p (gateway, stream, sequence, register_id, reason, detail, readings)
            GROUP BY 1, 2, 3, 4, 5
            ON CONFLICT (gateway, stream, sequence, register_id, reason)
            DO UPDATE SET detail = EXCLUDED.detail, readings = EXCLUDED.readings, resolved_at = NULL
            """, transaction.Connection, transaction);
        command.Parameters.Add(new() { Value = parts.Select(p => p.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = parts.Select(p => p.Stream).ToArray() });
        command.Parameters.Add(new() { Value = parts.Select(p => p.Sequence).ToArray() });
        command.Parameters.Add(new() { Value = parts.Select(p => p.Register?.Value ?? Guid.Empty).ToArray() });
        command.Parameters.Add(new() { Value = parts.Select(p => p.Reason).ToArray() });
        command.Parameters.Add(new() { Value = parts.Select(p => Storable(p.Detail)).ToArray() });
        command.Parameters.Add(new() { Value = parts.Select(p => p.Readings).ToArray() });
        command.Parameters.Add(new() { Value = at });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>The batches in which something of a register is parked for a reason, in order of stream and sequence, at most <paramref name="limit"/>.</summary>
    public static async Task<IReadOnlyList<JournalledBatch>> OpenAsync(
        NpgsqlTransaction transaction, RegisterId register, string reason, int limit, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("""
            SELECT b.gateway, b.stream, b.sequence, b.received_at, b.kind, b.hash, b.body
            FROM (SELECT gateway, stream, sequence FROM parked
                  WHERE register_id = $1 AND reason = $2 AND resolved_at IS NULL
                  ORDER BY gateway, stream, sequence LIMIT $3
                  FOR UPDATE) p
            JOIN reading_batch b USING (gateway, stream, sequence)
            WHERE NOT EXISTS (SELECT FROM batch_set_aside a WHERE a.gateway = b.gateway AND a.stream = b.stream AND a.sequence = b.sequence AND a.hash = b.hash)
            ORDER BY 1, 2, 3
            """, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = register.Value }, new() { Value = reason }, new() { Value = limit } },
        };
        return await JournalRows.ReadAsync(command, cancellation);
    }

    /// <summary>The parts of a register in these batches have been taken.</summary>
    public static async Task ResolveAsync(
        NpgsqlTransaction transaction, RegisterId register, string reason, IReadOnlyCollection<JournalledBatch> batches, Instant at, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("""
            UPDATE parked p SET resolved_at = $6
            FROM unnest($3, $4, $5) AS t (gateway, stream, sequence)
            WHERE p.gateway = t.gateway AND p.stream = t.stream AND p.sequence = t.sequence AND p.register_id = $1 AND p.reason = $2 AND p.resolved_at IS NULL
            """, transaction.Connection, transaction);
        command.Parameters.Add(new() { Value = register.Value });
        command.Parameters.Add(new() { Value = reason });
        command.Parameters.Add(new() { Value = batches.Select(b => b.Gateway).ToArray() });
        command.Parameters.Add(new() { Value = batches.Select(b => b.Stream).ToArray() });
        command.Parameters.Add(new() { Value = batches.Select(b => b.Sequence).ToArray() });
        command.Parameters.Add(new() { Value = at });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Text from outside as PostgreSQL can store it and a page can show it.</summary>
    internal static string Storable(string text)
    {
        var clean = text.Replace('\0', '\uFFFD');
        return clean.Length <= LongestDetail ? clean : clean[..LongestDetail];
    }
}
