using NodaTime;
using Npgsql;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Ingest;

/// <summary>A batch of the journal, by name: who sent it, where it stands in which stream, and its hash.</summary>
public sealed record BatchReference(string Gateway, Guid Stream, long Sequence, Instant ReceivedAt, Instant FirstAt, Instant LastAt, int Readings, string Hash, string KeyId);

/// <summary>Finds the batches that carried a register's readings.</summary>
public static class BatchLookup
{
    /// <summary>Batches with readings of the register between two instants, both included, in order of their first readings.</summary>
    public static async Task<List<BatchReference>> FindAsync(NpgsqlDataSource database, RegisterId register, Instant from, Instant to, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT gateway, stream, sequence, received_at, first_at, last_at, reading_count, hash, key_id
            FROM reading_batch WHERE received_at >= $2 AND first_at <= $3 AND last_at >= $2 AND register_ids @> ARRAY[$1] ORDER BY first_at, gateway, sequence
            """);
        command.Parameters.Add(new() { Value = register.Value });
        command.Parameters.Add(new() { Value = from });
        command.Parameters.Add(new() { Value = to });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var batches = new List<BatchReference>();
        while (await row.ReadAsync(cancellationToken))
        {
            batches.Add(new BatchReference(
                row.GetString(0), row.GetGuid(1), row.GetInt64(2), row.GetFieldValue<Instant>(3), row.GetFieldValue<Instant>(4), row.GetFieldValue<Instant>(5), row.GetInt32(6),
                Convert.ToHexStringLower(row.GetFieldValue<byte[]>(7)), row.GetString(8)));
        }

        return batches;
    }
}
