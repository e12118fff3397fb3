using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;

namespace UsageBilling.Benchmarks.Ingest;

/// <summary>The floor: binary COPY of the same number of readings, in the same order, as rows into a table keyed by register and instant, one transaction in the same cluster.</summary>
internal static class CopyFloor
{
    public static async Task<TimeSpan> MeasureAsync(string connectionString, int gateways, Load load)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await ExecuteAsync(connection, """
            DROP TABLE IF EXISTS copy_floor;
            CREATE TABLE copy_floor (register_id uuid, at timestamptz, value bigint, scale smallint, quality smallint, PRIMARY KEY (register_id, at))
            """);
        var registers = Enumerable.Range(0, gateways * load.Registers).Select(_ => Guid.NewGuid()).ToArray();
        var start = Fleet.Start.ToDateTimeUtc();
        var rows = gateways * load.Batches * load.Readings;
        var watch = Stopwatch.StartNew();
        await using (var copy = await connection.BeginBinaryImportAsync("COPY copy_floor FROM STDIN (FORMAT BINARY)"))
        {
            for (var i = 0; i < rows; i++)
            {
                await copy.StartRowAsync();
                await copy.WriteAsync(registers[i % registers.Length], NpgsqlDbType.Uuid);
                await copy.WriteAsync(start.AddMinutes(15 * (i / registers.Length)), NpgsqlDbType.TimestampTz);
                await copy.WriteAsync((long)i, NpgsqlDbType.Bigint);
                await copy.WriteAsync((short)0, NpgsqlDbType.Smallint);
                await copy.WriteAsync((short)0, NpgsqlDbType.Smallint);
            }

            await copy.CompleteAsync();
        }

        var elapsed = watch.Elapsed;
        await ExecuteAsync(connection, "DROP TABLE copy_floor");
        return elapsed;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
