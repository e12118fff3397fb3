using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Rows of the journal: gateway, stream, sequence, received_at, kind, hash, body.</summary>
internal static class JournalRows
{
    public static async Task<List<JournalledBatch>> ReadAsync(NpgsqlCommand command, CancellationToken cancellation)
    {
        var batches = new List<JournalledBatch>();
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            batches.Add(new JournalledBatch(
                row.GetString(0),
                row.GetGuid(1),
                row.GetInt64(2),
                await row.GetFieldValueAsync<Instant>(3, cancellation),
                (BatchKind)row.GetInt16(4),
                await row.GetFieldValueAsync<byte[]>(5, cancellation),
                await row.GetFieldValueAsync<byte[]>(6, cancellation)));
        }

        return batches;
    }
}
