using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Readings of a register that are parked and open, over a span.</summary>
/// <param name="Register">manufacturer/serial/obis.</param>
/// <param name="Reason">Why they are parked.</param>
/// <param name="FirstAt">First of them.</param>
/// <param name="LastAt">Last of them.</param>
public readonly record struct ParkedSpan(string Register, string Reason, Instant FirstAt, Instant LastAt);

/// <summary>What open parked readings tell of a day, by instants and registers. Each question is one look at an index where there is nothing.</summary>
public static class ParkedEvidence
{
    /// <summary>What is parked of these registers with these reasons in [from, to].</summary>
    public static Task<List<ParkedSpan>> FindAsync(
        NpgsqlConnection connection, IReadOnlyCollection<string> registers, IReadOnlyCollection<string> reasons, Instant from, Instant to, CancellationToken cancellationToken) =>
        SpansAsync(connection, """
            SELECT register, reason, min(first_at), max(last_at) FROM parked
            WHERE register = ANY($1) AND reason = ANY($2) AND resolved_at IS NULL AND last_at >= $3 AND first_at <= $4 GROUP BY register, reason ORDER BY register, reason
            """, cancellationToken, registers.ToArray(), reasons.ToArray(), from, to);

    /// <summary>Registers that nobody registered, from these gateways, in [from, to]; and since when each is parked at all.</summary>
    public static Task<List<ParkedSpan>> FindUnknownAsync(NpgsqlConnection connection, IReadOnlyCollection<string> gateways, Instant from, Instant to, CancellationToken cancellationToken) =>
        SpansAsync(connection, """
            SELECT u.register, u.reason, (SELECT min(p.first_at) FROM parked p WHERE p.register = u.register AND p.reason = u.reason AND p.resolved_at IS NULL AND p.last_at IS NOT NULL), u.last_at
            FROM (SELECT register, reason, max(last_at) AS last_at FROM parked
                  WHERE gateway = ANY($1) AND reason = 'unknown-register' AND resolved_at IS NULL AND last_at >= $2 AND first_at <= $3 GROUP BY register, reason) u
            ORDER BY u.register
            """, cancellationToken, gateways.ToArray(), from, to);

    /// <summary>The batch with the first, or the last, readings of a register parked in [from, to]; null where there is none.</summary>
    public static async Task<JournalBatch?> ReadBatchAsync(
        NpgsqlConnection connection, string register, string reason, Instant from, Instant to, bool last, CancellationToken cancellationToken)
    {
        var batches = await connection.RowsAsync($"""
            SELECT b.gateway, b.stream, b.sequence, b.received_at, b.body, b.kind
            FROM (SELECT gateway, stream, sequence FROM parked WHERE register = $1 AND reason = $2 AND resolved_at IS NULL AND last_at >= $3 AND first_at <= $4
                  ORDER BY last_at {(last ? "DESC" : "")}, gateway, stream, sequence LIMIT 1) p JOIN reading_batch b USING (gateway, stream, sequence)
            WHERE NOT EXISTS (SELECT FROM batch_set_aside a WHERE a.gateway = b.gateway AND a.stream = b.stream AND a.sequence = b.sequence AND a.chain_hash = b.chain_hash)
            """, r => new JournalBatch(r.GetString(0), r.GetGuid(1), r.GetInt64(2), r.GetFieldValue<Instant>(3), r.GetFieldValue<byte[]>(4), (BatchKind)r.GetInt16(5)), cancellationToken,
            register, reason, from, to);
        return batches.FirstOrDefault();
    }

    private static Task<List<ParkedSpan>> SpansAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values) =>
        connection.RowsAsync(sql, r => new ParkedSpan(r.GetString(0), r.GetString(1), r.GetFieldValue<Instant>(2), r.GetFieldValue<Instant>(3)), cancellationToken, values);
}
