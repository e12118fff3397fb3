using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Cloud.Metering;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Benchmarks.Metering;

/// <summary>
/// <c>replay</c> of a month of quarter-hours against a plain read of the same journal, turn by turn in one private cluster. Replay decodes, merges, derives segments and
/// intervals, and compares every row with what is stored; all are the same, as after any healthy month.
/// </summary>
internal static class ReplayBenchmark
{
    private const int Gateways = 16;
    private const int Registers = 32;
    private const int Boundaries = 31 * 96;
    private const int ReadingsABatch = 128;
    private const int Rounds = 5;
    private static readonly Instant Start = Instant.FromUtc(2026, 10, 1, 0, 0);

    public static async Task RunAsync()
    {
        var state = Directory.CreateTempSubdirectory("usage-benchmark-").FullName;
        try
        {
            await using var database = await CloudDatabase.OpenAsync(new CloudSettings { State = state }, default);
            await LoadAsync(database.Source);
            await CompareAsync(database.Source);
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static async Task CompareAsync(NpgsqlDataSource source)
    {
        var (ratios, replays, reads, totals) = (new List<double>(), new List<double>(), new List<double>(), default(ReplayTotals));
        for (var round = -1; round < Rounds; round++)
        {
            var watch = Stopwatch.StartNew();
            var (batches, bytes) = await ReadAsync(source);
            var read = watch.Elapsed;
            watch.Restart();
            totals = await new Replay(source, TimeProvider.System).RunAsync(null, default);
            var replay = watch.Elapsed;
            if (totals.Different != 0 || totals.Unexplained != 0 || totals.Batches != batches || bytes == 0)
            {
                throw new InvalidOperationException($"{totals} of {batches} batches: what was measured is not the replay of a healthy month");
            }

            if (round >= 0)
            {
                ratios.Add(replay / read);
                replays.Add(replay.TotalSeconds);
                reads.Add(read.TotalSeconds);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            # Replay

            {Machine.Date()}; {Machine.Describe()}; load average at the end: {Machine.Load()}

            A month of quarter-hours of {Gateways * Registers} registers: {totals.Batches:n0} batches, {(long)Gateways * Registers * Boundaries:n0} readings, {totals.Same:n0} rows compared, all the same.
            Once to warm up, then {Rounds}, turn by turn; median (lowest–highest).

            | plain read of the journal | replay | ratio | readings/s replayed |
            |---|---|---|---|
            | {Spread(reads, "0.00")} s | {Spread(replays, "0.00")} s | {Spread(ratios, "0.0")} | {(long)Gateways * Registers * Boundaries / replays.Order().ElementAt(Rounds / 2):n0} |
            """));
    }

    private static string Spread(List<double> values, string format)
    {
        values.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"{values[values.Count / 2].ToString(format, CultureInfo.InvariantCulture)} ({values[0].ToString(format, CultureInfo.InvariantCulture)}–{values[^1].ToString(format, CultureInfo.InvariantCulture)})");
    }

    private static async Task<(long Batches, long Bytes)> ReadAsync(NpgsqlDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync();
        var (batches, bytes) = (0L, 0L);
        await foreach (var batch in Journal.ReadProjectedAsync(connection, default))
        {
            batches++;
            bytes += batch.Body.Length;
        }

        return (batches, bytes);
    }

    private static async Task LoadAsync(NpgsqlDataSource source)
    {
        var administration = new RegisterAdministration(source, TimeProvider.System);
        var now = Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow());
        await PartitionUpkeep.EnsureAsync(source, now, default);
        for (var g = 0; g < Gateways; g++)
        {
            RegisterKey[] registers = [.. Enumerable.Range(0, Registers).Select(r => new RegisterKey("bench", $"{g}-{r}", ObisCode.ActiveImport))];
            foreach (var register in registers)
            {
                var channel = new ChannelKey(register.Serial, ObisCode.ActiveImport.Measurand!.Value);
                await administration.RegisterAsync(new RegisterRegistration(register, 0, 15), default);
                await administration.RegisterAsync(new ChannelRegistration(channel, 0, "Europe/Berlin"), default);
                await administration.InstallAsync(new RegisterInstallation(channel, register, Start, null, 9, new(1, 1)), default);
            }

            await JournalAsync(source, $"bench-{g}", registers, now);
        }

        using var signal = new CommitSignal();
        using var projector = new MeteringProjector(source, signal, TimeProvider.System, NullLogger<MeteringProjector>.Instance);
        await projector.DrainAsync(default);
    }

    private static async Task JournalAsync(NpgsqlDataSource source, string gateway, RegisterKey[] registers, Instant now)
    {
        var (stream, previous, sequence) = (Guid.NewGuid(), Array.Empty<byte>(), 0L);
        var ids = registers.Select(r => r.Id.Value).ToArray();
        await using var connection = await source.OpenConnectionAsync();
        await using (var copy = await connection.BeginBinaryImportAsync("""
            COPY reading_batch (gateway, stream, sequence, received_at, kind, hash, chain_hash, previous_hash, key_id, signature, body, reading_count, register_ids) FROM STDIN (FORMAT BINARY)
            """))
        {
            var readings = Enumerable.Range(0, Boundaries + 1).SelectMany(b => registers.Select((r, i) =>
                new Reading(r, Start + Duration.FromMinutes(15L * b), (137L * b) + i + (b * 7 % 13), 0, ReadingQuality.Good)));
            foreach (var batch in readings.Chunk(ReadingsABatch))
            {
                sequence++;
                var body = BatchCodec.Encode(new ReadingBatch(gateway, stream, (ulong)sequence, [.. previous], null, now, [.. batch], null, []));
                var hash = BatchSignature.Hash(body);
                await copy.StartRowAsync();
                await copy.WriteAsync(gateway);
                await copy.WriteAsync(stream);
                await copy.WriteAsync(sequence);
                await copy.WriteAsync(now);
                await copy.WriteAsync((short)0);
                await copy.WriteAsync(hash);
                await copy.WriteAsync(hash);
                await copy.WriteAsync(previous);
                await copy.WriteAsync("bench");
                await copy.WriteAsync(new byte[64]);
                await copy.WriteAsync(body);
                await copy.WriteAsync(batch.Length);
                await copy.WriteAsync(ids);
                previous = hash;
            }

            await copy.CompleteAsync();
        }

        await using var position = new NpgsqlCommand("""
            WITH opened AS (INSERT INTO stream (gateway, stream, opened_at, committed_through, last_hash, last_received_at) VALUES ($1, $2, $3, $4, $5, $3))
            INSERT INTO stream_projection (gateway, stream) VALUES ($1, $2)
            """, connection);
        position.Parameters.Add(new() { Value = gateway });
        position.Parameters.Add(new() { Value = stream });
        position.Parameters.Add(new() { Value = now });
        position.Parameters.Add(new() { Value = sequence });
        position.Parameters.Add(new() { Value = previous });
        await position.ExecuteNonQueryAsync();
    }
}
