using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Demo;
using UsageBilling.Testing;

namespace UsageBilling.Benchmarks;

/// <summary>
/// The resident set of a usage-gateway process: 32 Modbus meters behind a real socket, TLS to the cloud's broker, the cloud acknowledging.
/// Measured after more than a thousand cycles were stored, sent and acknowledged, and again while it goes on live.
/// </summary>
internal static partial class GatewayMemoryBenchmark
{
    private const int Meters = 32;
    private const int Days = 12;
    private const int Live = 30;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [GeneratedRegex(@"^progress cycles=(\d+) of=(\d+) rate=\S+ fsyncs=(\d+)")]
    private static partial Regex Progress();

    /// <summary>Measures.</summary>
    /// <param name="gateway">The usage-gateway to measure: a published one, as it is delivered; null: the one that was built.</param>
    public static async Task RunAsync(string? gateway)
    {
        // Short, because the path of a Unix socket may have 107 bytes.
        var folder = Directory.CreateTempSubdirectory("ub-").FullName;
        try
        {
            await MeasureAsync(folder, gateway ?? Program("UsageBilling.Edge", "usage-gateway"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(string folder, string program)
    {
        var (http, plain, tls, modbus) = (FreePort(), FreePort(), FreePort(), FreePort());
        await WriteAsync(folder, modbus);
        var cloudState = Path.Combine(folder, "cloud");
        await using var cloud = Child.Start("cloud", Program("UsageBilling.Cloud", "usage-cloud"),
            ["serve", "--state", cloudState, "--http-port", $"{http}", "--mqtt-port", $"{plain}", "--mqtt-tls-port", $"{tls}", "--mqtt-certificate", Path.Combine(folder, "broker.pem")],
            Path.Combine(folder, "cloud.log"));
        await using var site = Child.Start("site", Program("UsageBilling.Edge.Simulator", "usage-simulator"),
            ["serve", "--site", Path.Combine(folder, "site.yaml"), "--simulation", $"unix:{Path.Combine(folder, "site.sock")}", "--modbus-port", $"{modbus}"], Path.Combine(folder, "site.log"));
        await UntilAsync(cloud, () => IsReadyAsync(http));
        await UntilAsync(site, () => Task.FromResult(File.Exists(Path.Combine(folder, "site.sock"))));
        var token = (await Child.RunAsync("enroll", Program("UsageBilling.Cloud", "usage-cloud"), ["enroll", "bench", "--state", cloudState], null, null, default)).Trim().Split('\n')[^1].Trim();
        var configuration = Path.Combine(folder, "gateway.yaml");
        await Child.RunAsync("enroll", program, ["enroll", "--config", configuration, "--cloud", $"http://127.0.0.1:{http}", "--token", token], null, null, default);

        Console.WriteLine($"# Gateway memory\n\n{Machine.Date()}; {Machine.Describe()}; load average {Machine.Load()}\n");
        var last = "";
        var from = TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(-Days);
        await using (var gateway = Child.Start("gateway", program,
            ["run", "--config", configuration, "--simulation", $"unix:{Path.Combine(folder, "site.sock")}", "--simulate-from", from.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)],
            Path.Combine(folder, "gateway.log"), UnitEnvironment(), onLine: line => last = line.StartsWith("progress", StringComparison.Ordinal) ? line : last))
        {
            await UntilAsync(gateway, () => Task.FromResult(Progress().Match(last) is { Success: true } p && p.Groups[1].Value == p.Groups[2].Value));
            var progress = Progress().Match(last);
            var (cycles, syncs) = (Number(progress.Groups[1].Value), Number(progress.Groups[3].Value));
            await using var cluster = await PrivateCluster.StartAsync(Path.Combine(cloudState, "postgres"), default);
            await using var database = NpgsqlDataSource.Create(cluster.ConnectionString("usage_owner"));
            await UntilAsync(gateway, async () => await AcknowledgedAsync(database) >= cycles * Meters);
            var drained = Status(gateway.Id);
            await Task.Delay(TimeSpan.FromSeconds(Live));
            gateway.RequireRunning();
            var live = Status(gateway.Id);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
                {Meters} Modbus meters, {cycles} cycles of {Meters} readings sampled, forwarded over TLS and acknowledged; then {Live} s live, a poll a second.

                | | MB (10⁶ bytes) | bar |
                |---|---|---|
                | resident, backlog acknowledged | {drained.Resident:0.0} | ≤ 110 |
                | resident, live | {live.Resident:0.0} | ≤ 110 |
                | of it anonymous / file-backed / shared (compiled code, mapped twice) | {live.Anonymous:0.0} / {live.Files:0.0} / {live.Shared:0.0} | |
                | highest ever resident | {live.Peak:0.0} | |

                fsyncs: {syncs} for {cycles} cycles, those for sealed and acknowledged batches included: {(double)syncs / cycles:0.00} a cycle (bar ≤ 2). Load average at the end: {Machine.Load()}
                """));
        }
    }

    /// <summary>What the systemd unit gives the program, so that what is measured is what is delivered.</summary>
    private static Dictionary<string, string> UnitEnvironment() =>
        File.ReadLines(Path.Combine(SharedCases.RepositoryRoot, "deploy", "usage-gateway.service"))
            .Where(l => l.StartsWith("Environment=", StringComparison.Ordinal))
            .SelectMany(l => l["Environment=".Length..].Split(' '))
            .Select(v => v.Split('=', 2))
            .ToDictionary(v => v[0], v => v[1]);

    private static async Task WriteAsync(string folder, int modbus)
    {
        var (site, gateway) = (new StringBuilder(), new StringBuilder());
        site.AppendLine("site: bench\nhoursAheadOfUtc: 1\nepoch: 2024-01-01T00:00:00Z\nseed: 1\nmeters:");
        gateway.AppendLine(CultureInfo.InvariantCulture, $"""
            gateway: bench
            state: gateway
            cloud:
              tls: true
              ca: ca.pem
            sampling:
              interval: 15
              live: 1
            buses:
              - id: panel
                modbus-tcp: 127.0.0.1:{modbus}
                timeout-ms: 5000
            meters:
            """);
        for (var i = 1; i <= Meters; i++)
        {
            site.AppendLine(CultureInfo.InvariantCulture, $"  - {{ id: m{i}, model: SDM630, unit: {i}, serial: \"{21_340_000 + i}\", load: household, yearly: 3000, registers: {{ \"1-0:1.8.0\": {1_000_000 + i} }} }}");
            gateway.AppendLine(CultureInfo.InvariantCulture, $"  - {{ id: m{i}, template: eastron-sdm630, bus: panel, unit: {i}, serial: \"{21_340_000 + i}\", registers: \"1-0:1.8.0\" }}");
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "site.yaml"), site.ToString());
        await File.WriteAllTextAsync(Path.Combine(folder, "gateway.yaml"), gateway.ToString());
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=bench", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        await File.WriteAllTextAsync(Path.Combine(folder, "ca.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(Path.Combine(folder, "broker.pem"), certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
    }

    private static string Program(string project, string program) => Path.Combine(SharedCases.RepositoryRoot, "artifacts", "bin", project, "release", program);

    private static async Task<bool> IsReadyAsync(int port)
    {
        using var http = new HttpClient();
        try
        {
            return (await http.GetAsync(new Uri($"http://127.0.0.1:{port}/readyz"))).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // not listening yet
        }
    }

    private static async Task<long> AcknowledgedAsync(NpgsqlDataSource database)
    {
        await using var command = database.CreateCommand("SELECT coalesce(sum(b.reading_count), 0) FROM reading_batch b JOIN stream s USING (gateway, stream) WHERE b.sequence <= s.committed_through");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static (double Resident, double Anonymous, double Files, double Shared, double Peak) Status(int process)
    {
        var lines = File.ReadAllLines($"/proc/{process}/status");
        return (Of("VmRSS:"), Of("RssAnon:"), Of("RssFile:"), Of("RssShmem:"), Of("VmHWM:"));

        double Of(string name) => Number(lines.First(l => l.StartsWith(name, StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]) * 1024 / 1e6;
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static async Task UntilAsync(Child child, Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        while (!await condition())
        {
            child.RequireRunning();
            await timer.WaitForNextTickAsync(limit.Token);
        }
    }

    private static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }
}
