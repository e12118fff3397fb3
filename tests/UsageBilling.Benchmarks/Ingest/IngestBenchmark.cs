using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using UsageBilling.Cloud;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;

namespace UsageBilling.Benchmarks.Ingest;

/// <summary>
/// Published batch → committed, acknowledged and projected, through the embedded broker into the private cluster as it is delivered (fsync and
/// synchronous commit on), against <see cref="CopyFloor"/> in the same cluster, turn by turn.
/// </summary>
internal static class IngestBenchmark
{
    private const int Gateways = 8;
    private const int Rounds = 5;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(25);

    private static readonly Load[] Loads =
    [
        new("batches of 100, 8 registers a gateway", 1_000, 100, 8),
        new("batches of 100, 100 registers a gateway", 1_000, 100, 100),
        new("batches of 8, 8 registers a gateway", 2_000, 8, 8),
    ];

    public static async Task RunAsync(int? only)
    {
        Environment.SetEnvironmentVariable("Logging__LogLevel__Default", "Warning");
        var state = Directory.CreateTempSubdirectory("usage-benchmark-").FullName;
        try
        {
            var settings = new CloudSettings { State = state, HttpPort = 0, MqttPort = 0, Roles = CloudRoles.Ingest };
            await using var database = await CloudDatabase.OpenAsync(settings, default);
            await using var app = ServeCommand.CreateApp(settings, database);
            await app.StartAsync();
            await HeadAsync(database);
            foreach (var load in only is { } one ? [Loads[one]] : Loads)
            {
                await WarmUpAsync(app, database, load);
                await CompareAsync(app, database, load);
            }

            Console.WriteLine($"\nload average at the end: {Machine.Load()}");
            await app.StopAsync();
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static async Task HeadAsync(CloudDatabase database)
    {
        await using var version = database.Source.CreateCommand("SHOW server_version");
        Console.WriteLine($"""
            # Ingest

            {Machine.Date()}; {Machine.Describe()}; PostgreSQL {await version.ExecuteScalarAsync()}; load average at the start: {Machine.Load()}

            {Gateways} gateways publish signed batches over loopback MQTT 5 to the embedded broker, at most 64 each unacknowledged, and pause while their oldest batch
            has waited 4 s for its projection. The clock runs from the first publish until the last batch is committed, acknowledged **and** projected into
            register days and interval days. The publishers run in the same process. Floor: binary COPY of the same readings as rows into a table with primary
            key (register, instant), one connection, one transaction, same cluster: fsync, synchronous_commit and full_page_writes on. Two rounds to warm up, then
            {Rounds}, turn by turn; median (lowest–highest).

            | load | batches/s | readings/s | COPY rows/s | ratio | worst acknowledged | worst projected |
            |---|---|---|---|---|---|---|
            """);
    }

    // Until the compiler has seen everything often enough to be done with it: a service runs for weeks, a round for seconds.
    private static async Task WarmUpAsync(WebApplication app, CloudDatabase database, Load load)
    {
        for (var round = 0; round < 2; round++)
        {
            await IngestAsync(app, database, $"warm-{load.Readings}-{load.Registers}-{round}", load);
            await CopyFloor.MeasureAsync(database.Cluster!.ConnectionString("usage_owner"), Gateways, load);
        }
    }

    private static async Task CompareAsync(WebApplication app, CloudDatabase database, Load load)
    {
        var readings = (double)Gateways * load.Batches * load.Readings;
        var (ours, floor, ratio) = (new List<double>(), new List<double>(), new List<double>());
        var (acknowledged, projected) = (TimeSpan.Zero, TimeSpan.Zero);
        for (var round = 0; round < Rounds; round++)
        {
            var run = await IngestAsync(app, database, $"bench-{load.Readings}-{load.Registers}-{round}", load);
            var copy = await CopyFloor.MeasureAsync(database.Cluster!.ConnectionString("usage_owner"), Gateways, load);
            ours.Add(readings / run.Elapsed.TotalSeconds);
            floor.Add(readings / copy.TotalSeconds);
            ratio.Add(copy / run.Elapsed);
            acknowledged = run.Acknowledged > acknowledged ? run.Acknowledged : acknowledged;
            projected = run.Projected > projected ? run.Projected : projected;
        }

        Console.WriteLine(
            $"| {load.Name} | {Spread([.. ours.Select(o => o / load.Readings)], "n0")} | {Spread(ours, "n0")} | {Spread(floor, "n0")} | {Spread(ratio, "0.00")} "
            + string.Create(CultureInfo.InvariantCulture, $"| {acknowledged.TotalSeconds:0.00} s | {projected.TotalSeconds:0.00} s |"));
    }

    private static async Task<(TimeSpan Elapsed, TimeSpan Acknowledged, TimeSpan Projected)> IngestAsync(WebApplication app, CloudDatabase database, string prefix, Load load)
    {
        var fleet = await Fleet.LoadAsync(app.Services, prefix, Gateways, load);
        var port = app.Services.GetRequiredService<EmbeddedBroker>().Port;
        var publishers = fleet.ConvertAll(g => new Publisher(g));
        var watch = Stopwatch.StartNew();
        var publishing = Task.WhenAll(publishers.Select(p => Task.Run(() => p.RunAsync(port))));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (!publishers.TrueForAll(p => p.IsDone))
        {
            await Task.Delay(Look, limit.Token);
            await LookAsync(database, publishers);
        }

        var elapsed = watch.Elapsed;
        await publishing;
        await RequireNothingParkedAsync(database);
        return (elapsed, publishers.Max(p => p.LongestToAcknowledged), publishers.Max(p => p.LongestToProjected));
    }

    private static async Task LookAsync(CloudDatabase database, List<Publisher> publishers)
    {
        await using var command = database.Source.CreateCommand("SELECT gateway, projected_through FROM stream_projection WHERE gateway = ANY($1)");
        command.Parameters.Add(new() { Value = publishers.Select(p => p.Name).ToArray() });
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            publishers.Find(p => p.Name == row.GetString(0))!.Projected(row.GetInt64(1));
        }
    }

    // A reading that is parked costs less than one that is projected.
    private static async Task RequireNothingParkedAsync(CloudDatabase database)
    {
        await using var parked = database.Source.CreateCommand("SELECT count(*) FROM parked");
        if (await parked.ExecuteScalarAsync() is not 0L)
        {
            throw new InvalidOperationException("readings were parked: what was measured is not ingest");
        }
    }

    private static string Spread(List<double> values, string format)
    {
        values.Sort();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{values[values.Count / 2].ToString(format, CultureInfo.InvariantCulture)} ({values[0].ToString(format, CultureInfo.InvariantCulture)}–{values[^1].ToString(format, CultureInfo.InvariantCulture)})");
    }
}
