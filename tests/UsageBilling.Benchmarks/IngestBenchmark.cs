using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Cloud;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Benchmarks;

/// <summary>
/// Published batch → committed and acknowledged, through the embedded broker into the private cluster with fsync on, against COPY of the same readings
/// as rows into a keyed table of the same cluster. Batches are signed before the clock starts.
/// </summary>
internal static class IngestBenchmark
{
    private const int Gateways = 8;
    private const int InFlight = 64;
    private static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 0, 0);

    public static async Task RunAsync()
    {
        var state = Directory.CreateTempSubdirectory("usage-benchmark-").FullName;
        try
        {
            var settings = new CloudSettings { State = state, HttpPort = 0, MqttPort = 0, Roles = CloudRoles.Ingest };
            await using var database = await CloudDatabase.OpenAsync(settings, default);
            await using var app = ServeCommand.CreateApp(settings, database);
            await app.StartAsync();
            foreach (var (readings, batches) in new[] { (100, 200), (100, 2_000), (8, 4_000) })
            {
                var seconds = await IngestAsync(app, database, readings, batches);
                var floor = await CopyAsync(database, readings * batches * Gateways);
                var total = (double)batches * Gateways;
                Console.WriteLine(
                    $"{Gateways} gateways × {batches} batches of {readings}: {total / seconds:n0} batches/s, {total * readings / seconds:n0} readings/s committed and acknowledged; " +
                    $"COPY {readings * total / floor:n0} rows/s; ratio {floor / seconds:n2}");
            }

            await app.StopAsync();
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static async Task<double> IngestAsync(WebApplication app, CloudDatabase database, int readings, int batches)
    {
        var enrolment = app.Services.GetRequiredService<Enrolment>();
        var port = app.Services.GetRequiredService<EmbeddedBroker>().Port;
        var senders = new List<(string Name, string Password, List<byte[]> Batches)>();
        for (var i = 0; i < Gateways; i++)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var name = $"bench-{readings}-{batches}-{i}";
            var (token, _) = await enrolment.CreateTokenAsync(name, Duration.FromHours(1), default);
            var (_, _, password) = await enrolment.EnrolAsync(name, token, key.ExportSubjectPublicKeyInfo(), default);
            senders.Add((name, password, Seal(name, key, readings, batches)));
        }

        var watch = Stopwatch.StartNew();
        await Task.WhenAll(senders.Select(s => SendAsync(s.Name, s.Password, s.Batches, port)));
        var seconds = watch.Elapsed.TotalSeconds;
        await using var count = database.Source.CreateCommand("SELECT sum(committed_through)::bigint FROM stream WHERE gateway LIKE $1");
        count.Parameters.Add(new() { Value = $"bench-{readings}-{batches}-%" });
        return (long)(await count.ExecuteScalarAsync())! == (long)Gateways * batches ? seconds : throw new InvalidOperationException("not everything was committed");
    }

    private static List<byte[]> Seal(string name, ECDsa key, int readings, int batches)
    {
        var (stream, previous, sealedBatches) = (Guid.NewGuid(), Array.Empty<byte>(), new List<byte[]>());
        var registers = Enumerable.Range(0, 8).Select(r => new RegisterKey("bench", $"{name}-{r}", ObisCode.Parse("1-0:1.8.0"))).ToArray();
        for (var sequence = 1; sequence <= batches; sequence++)
        {
            var body = BatchCodec.Encode(new ReadingBatch(
                name, stream, (ulong)sequence, [.. previous], null, Start,
                [.. Enumerable.Range(0, readings).Select(i => new Reading(
                    registers[i % 8], Start + Duration.FromMinutes(15 * (((long)sequence * readings) + i) / 8), ((long)sequence * 1_000) + i, 0, ReadingQuality.Good))],
                null, []));
            previous = BatchSignature.Hash(body);
            sealedBatches.Add(BatchSignature.Sign(body, key).ToByteArray());
        }

        return sealedBatches;
    }

    private static async Task SendAsync(string name, string password, List<byte[]> batches, int port)
    {
        using var client = new MqttClientFactory().CreateMqttClient();
        using var window = new SemaphoreSlim(InFlight);
        var done = new TaskCompletionSource();
        var acknowledged = 0;
        client.ApplicationMessageReceivedAsync += e =>
        {
            var through = (int)Ack.Parser.ParseFrom(e.ApplicationMessage.Payload.ToArray()).CommittedThrough;
            if (through > acknowledged)
            {
                window.Release(through - acknowledged);
                acknowledged = through;
            }

            if (through == batches.Count)
            {
                done.TrySetResult();
            }

            return Task.CompletedTask;
        };
        await client.ConnectAsync(new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500).WithClientId(name).WithCredentials(name, password).WithTcpServer("127.0.0.1", port).Build());
        await client.SubscribeAsync(new MqttClientSubscribeOptionsBuilder().WithTopicFilter(Topics.Ack(name), MqttQualityOfServiceLevel.AtLeastOnce).Build());
        foreach (var batch in batches)
        {
            await window.WaitAsync();
            _ = client.PublishAsync(new MqttApplicationMessageBuilder()
                .WithTopic(Topics.Batches(name)).WithPayload(batch).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build());
        }

        await done.Task.WaitAsync(TimeSpan.FromMinutes(2));
    }

    private static async Task<double> CopyAsync(CloudDatabase database, int rows)
    {
        await using var connection = new NpgsqlConnection(database.Cluster!.ConnectionString("usage_owner"));
        await connection.OpenAsync();
        await using (var create = new NpgsqlCommand(
            "DROP TABLE IF EXISTS copy_floor; CREATE TABLE copy_floor (register_id uuid, at timestamptz, value bigint, quality smallint, PRIMARY KEY (register_id, at))", connection))
        {
            await create.ExecuteNonQueryAsync();
        }

        var registers = Enumerable.Range(0, Gateways * 8).Select(_ => Guid.NewGuid()).ToArray();
        var start = Start.ToDateTimeUtc();
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
            }

            await copy.CompleteAsync();
        }

        return watch.Elapsed.TotalSeconds;
    }
}
