using System.Security.Cryptography;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Imports;

/// <summary>
/// An import as it is kept. The state is <c>rejected</c>, <c>delivering</c>, <c>done</c> or <c>failed</c>. Days (and totals) are counted as they were handed to channels, those of
/// them that nobody had delivered before, and those that are older than what is kept and wait.
/// </summary>
internal sealed record ImportRecord(
    Guid Id, string FileName, string Format, string Sha256, long Bytes, string Actor, Instant ReceivedAt, string State, int Problems,
    long DaysDelivered, long DaysAdded, long DaysParked, Instant? FinishedAt);

/// <summary>Rows and raw bytes of imports.</summary>
internal static class ImportStore
{
    public const int ChunkBytes = 1024 * 1024;

    private const string Columns = "import_id, file_name, format, sha256, bytes, actor, received_at, state, problems, days_delivered, days_added, days_parked, finished_at";

    public static async Task<ImportRecord?> FindAsync(NpgsqlDataSource database, Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"SELECT {Columns} FROM import_file WHERE import_id = $1");
        command.Parameters.Add(new() { Value = id });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? Read(row) : null;
    }

    /// <summary>The newest first, after (received, id).</summary>
    public static async Task<List<ImportRecord>> ListAsync(NpgsqlDataSource database, (Instant At, Guid Id)? after, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"SELECT {Columns} FROM import_file WHERE $1::timestamptz IS NULL OR (received_at, import_id) < ($1, $2) ORDER BY received_at DESC, import_id DESC LIMIT $3");
        command.Parameters.Add(new() { Value = after is { } a ? a.At : DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = after?.Id ?? Guid.Empty });
        command.Parameters.Add(new() { Value = limit });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<ImportRecord>();
        while (await row.ReadAsync(cancellationToken))
        {
            list.Add(Read(row));
        }

        return list;
    }

    /// <summary>How a file was read and what was found in it.</summary>
    public static async Task<(string Options, string Report)> DetailsAsync(NpgsqlDataSource database, Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT options::text, report::text FROM import_file WHERE import_id = $1");
        command.Parameters.Add(new() { Value = id });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return (row.GetString(0), row.GetString(1));
    }

    /// <summary>Imports on their way that nobody has touched since an instant.</summary>
    public static async Task<List<Guid>> AbandonedAsync(NpgsqlDataSource database, Instant before, CancellationToken cancellationToken)
    {
        // Whoever was tried is touched: those that cannot go on for now let others come first.
        await using var command = database.CreateCommand("SELECT import_id FROM import_file WHERE state = 'delivering' AND touched_at < $1 ORDER BY touched_at, import_id LIMIT 10");
        command.Parameters.Add(new() { Value = before });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<Guid>();
        while (await row.ReadAsync(cancellationToken))
        {
            list.Add(row.GetGuid(0));
        }

        return list;
    }

    /// <summary>
    /// Keeps the file with its result: row and bytes, all or nothing. A file that was rejected before, or failed, takes the new result. False where
    /// somebody else has just kept it.
    /// </summary>
    public static async Task<bool> KeepAsync(NpgsqlDataSource database, ImportRecord record, string options, string report, RawFile file, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var inserted = await connection.RunAsync("""
            INSERT INTO import_file (import_id, file_name, format, options, sha256, bytes, actor, received_at, state, report, problems, touched_at, finished_at)
            VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9, $10::jsonb, $11, $13, $12)
            ON CONFLICT (import_id) DO NOTHING
            """,
            cancellationToken, record.Id, record.FileName, record.Format, options, Convert.FromHexString(record.Sha256), record.Bytes, record.Actor, record.ReceivedAt, record.State, report, record.Problems,
            (object?)record.FinishedAt ?? DBNull.Value, now);
        if (inserted == 0)
        {
            var changed = await connection.RunAsync("UPDATE import_file SET state = $2, report = $3::jsonb, problems = $4, touched_at = $5, finished_at = $6 WHERE import_id = $1 AND state IN ('rejected', 'failed')",
                cancellationToken, record.Id, record.State, report, record.Problems, now, (object?)record.FinishedAt ?? DBNull.Value);
            await transaction.CommitAsync(cancellationToken);
            return changed == 1;
        }

        await WriteChunksAsync(connection, record.Id, file, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    /// <summary>Notes what a piece of an import did, in the transaction that did it.</summary>
    public static Task AdvanceAsync(NpgsqlConnection connection, Guid id, long delivered, long added, long parked, Instant now, CancellationToken cancellationToken) => connection.RunAsync("UPDATE import_file SET days_delivered = $2, days_added = days_added + $3, days_parked = $4, touched_at = $5 WHERE import_id = $1",
        cancellationToken, id, delivered, added, parked, now);

    /// <summary>A file that was taken is to be taken again.</summary>
    public static Task<int> ReopenAsync(NpgsqlDataSource database, Guid id, Instant now, CancellationToken cancellationToken) =>
        database.RunAsync("UPDATE import_file SET state = 'delivering', touched_at = $2, finished_at = NULL WHERE import_id = $1 AND state = 'done'", cancellationToken, id, now);

    public static async Task FinishAsync(NpgsqlDataSource database, Guid id, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.RunAsync("UPDATE import_file SET state = 'done', touched_at = $2, finished_at = $2 WHERE import_id = $1 AND state = 'delivering'", cancellationToken, id, now);
    }

    /// <summary>Takes an abandoned import up; false where somebody else is at it.</summary>
    public static async Task<bool> TakeUpAsync(NpgsqlDataSource database, Guid id, Instant before, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.RunAsync("UPDATE import_file SET touched_at = $3 WHERE import_id = $1 AND state = 'delivering' AND touched_at < $2", cancellationToken, id, before, now) == 1;
    }

    /// <summary>Ends an import that cannot be delivered, with the reasons. Its bytes stay, and what was delivered before.</summary>
    public static async Task FailAsync(NpgsqlDataSource database, Guid id, string report, int problems, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.RunAsync("UPDATE import_file SET state = 'failed', report = $2::jsonb, problems = $3, touched_at = $4, finished_at = $4 WHERE import_id = $1 AND state = 'delivering'", cancellationToken, id, report, problems, now);
    }

    /// <summary>The kept bytes.</summary>
    public static RawFile Raw(NpgsqlDataSource database, ImportRecord record) => new(() => new ChunkStream(database, record.Id, record.Bytes));

    private static async Task WriteChunksAsync(NpgsqlConnection connection, Guid id, RawFile file, CancellationToken cancellationToken)
    {
        await using var stream = file.OpenRaw();
        var buffer = new byte[ChunkBytes];
        int read;
        for (var number = 0; (read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken)) > 0; number++)
        {
            await connection.RunAsync("INSERT INTO import_chunk (import_id, number, bytes) VALUES ($1, $2, $3)", cancellationToken, id, number, new ReadOnlyMemory<byte>(buffer, 0, read));
        }
    }

    /// <summary>Hash and length of a file.</summary>
    public static async Task<(string Sha256, long Bytes)> HashAsync(RawFile file, CancellationToken cancellationToken)
    {
        await using var stream = file.OpenRaw();
        return (Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken)), stream.Length);
    }

    private static ImportRecord Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetString(1), row.GetString(2), Convert.ToHexStringLower(row.GetFieldValue<byte[]>(3)), row.GetInt64(4), row.GetString(5), row.GetFieldValue<Instant>(6), row.GetString(7), row.GetInt32(8),
        row.GetInt64(9), row.GetInt64(10), row.GetInt64(11), row.IsDBNull(12) ? null : row.GetFieldValue<Instant>(12));
}
