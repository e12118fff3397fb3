using Npgsql;
using UsageBilling.Demo;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Health;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>What was under way at the moment of a kill.</summary>
/// <param name="Committed">Batches that the cloud had committed.</param>
/// <param name="Unacknowledged">Batches that the gateway had sealed and the cloud had not acknowledged.</param>
/// <param name="Unsealed">Readings that waited at the gateway to be sealed.</param>
/// <param name="Transactions">Transactions of the cloud that were open.</param>
internal sealed record InFlight(long Committed, long Unacknowledged, long Unsealed, long Transactions)
{
    private const string OpenTransactions =
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid() AND usename = 'usage_service'";

    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(1);

    public bool Any => Unacknowledged > 0 || Transactions > 0;

    /// <summary>
    /// Waits for a moment with a transaction open (but not for ever: there may be none), stops gateway and cloud, counts, kills, and lets the others go on:
    /// so the figures are those of the kill itself. The gateway's are read from a copy of its buffer, as a power cut would leave it.
    /// </summary>
    public static async Task<InFlight> AtAsync(FaultRoad faults, Func<Task> kill, CancellationToken token)
    {
        int[] stopped = [faults.Road.Piece("cloud").Id, faults.Road.Piece("gateway").Id];
        var copy = Path.Combine(faults.Road.Folder, "buffer-at-kill");

        // Without the pool, because a connection of an earlier PostgreSQL would be dead; as the superuser, who alone sees when others' transactions began.
        var database = new NpgsqlConnectionStringBuilder((await faults.Road.DatabaseAsync(token)).ConnectionString) { Pooling = false, Username = "postgres" };
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(token);
        var transactions = await StopAtAsync(connection, stopped, token);
        long committed;
        try
        {
            committed = await CountAsync(connection, "SELECT coalesce(sum(committed_through), 0)::bigint FROM stream", token);
            await Child.RunAsync("cp", "/bin/cp", ["-r", BufferCommand.FolderIn(faults.Road.GatewayState), copy], null, null, token);
            await kill();
        }
        finally
        {
            Signal.Send(Signal.Continue, stopped.Where(p => Directory.Exists($"/proc/{p}")));
        }

        try
        {
            using var buffer = ReadingBuffer.Open(copy, new BufferOptions { Gateway = FaultSite.Gateway, AdoptFingerprint = true }, new GatewayClock(TimeProvider.System, ClockTrust.Always));
            var position = buffer.Position;
            return new InFlight(committed, position.SealedThrough - position.AcknowledgedThrough, position.UnsealedReadings, transactions);
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    private static async Task<long> StopAtAsync(NpgsqlConnection connection, int[] processes, CancellationToken token)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            while (await CountAsync(connection, OpenTransactions, token) == 0 && TimeProvider.System.GetElapsedTime(begun) < LongestLook)
            {
                // A query is pause enough.
            }

            Signal.Send(Signal.Stop, processes);
            var open = await CountAsync(connection, OpenTransactions, token);
            if (open > 0 || TimeProvider.System.GetElapsedTime(begun) >= LongestLook)
            {
                return open;
            }

            Signal.Send(Signal.Continue, processes);
        }
    }

    private static async Task<long> CountAsync(NpgsqlConnection connection, string sql, CancellationToken token)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync(token))!;
    }
}
