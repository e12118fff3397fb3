using System.Net;
using System.Net.Sockets;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Demo;
using UsageBilling.Testing;

namespace UsageBilling.EndToEnd.Tests;

/// <summary>
/// The whole system as programs of their own, in one folder: cloud (with its private PostgreSQL), broker, simulated site, gateway.
/// Each piece can be killed and started again. Everything listens on loopback, on ports of this road alone.
/// </summary>
internal sealed class Road : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Dictionary<string, Child> _running = [];
    private PrivateCluster? _cluster;
    private NpgsqlDataSource? _database;

    private Road(string folder, string site, string gateway)
    {
        Folder = folder;
        SiteFile = site;
        GatewayFile = gateway;
        (HttpPort, MqttPort, ModbusPort) = (FreePort(), FreePort(), FreePort());
    }

    public string Folder { get; }

    public string SiteFile { get; }

    public string GatewayFile { get; }

    public int HttpPort { get; }

    public int MqttPort { get; }

    public int ModbusPort { get; }

    public string CloudState => Path.Combine(Folder, "cloud");

    public string GatewayState => Path.Combine(Folder, "gateway");

    public string Control => Path.Combine(Folder, "site.sock");

    public Uri Url => new($"http://127.0.0.1:{HttpPort}");

    /// <summary>Arguments that <see cref="StartCloudAsync"/> adds: an external broker, for example.</summary>
    public List<string> CloudArguments { get; } = [];

    /// <summary>Settings that every verb of <c>usage-cloud</c> gets by its environment, as a container's would.</summary>
    public Dictionary<string, string> CloudEnvironment { get; } = [];

    /// <summary>A new road over a site and a gateway configuration (contents of the two YAML files).</summary>
    public static Road Create(string siteYaml, string gatewayYaml)
    {
        // Short, because the path of a Unix socket may have 107 bytes.
        var folder = Directory.CreateTempSubdirectory("ub-").FullName;
        var road = new Road(folder, Path.Combine(folder, "site.yaml"), Path.Combine(folder, "gateway.yaml"));
        File.WriteAllText(road.SiteFile, siteYaml);
        File.WriteAllText(road.GatewayFile, gatewayYaml);
        return road;
    }

    public static string Program(string project, string program) =>
        Path.Combine(SharedCases.RepositoryRoot, "artifacts", "bin", project, "release", program);

    public async Task StartCloudAsync(CancellationToken token)
    {
        Start("cloud", Program("UsageBilling.Cloud", "usage-cloud"), ["serve", "--state", CloudState, "--http-port", $"{HttpPort}", "--mqtt-port", $"{MqttPort}", .. CloudArguments], CloudEnvironment);
        using var http = new HttpClient();
        await UntilAsync("the cloud is ready", async () =>
        {
            Piece("cloud").RequireRunning();
            try
            {
                return (await http.GetAsync(new Uri(Url, "/readyz"), token)).IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, token);
    }

    public async Task StartSiteAsync(CancellationToken token)
    {
        Start("site", Program("UsageBilling.Edge.Simulator", "usage-simulator"), ["serve", "--site", SiteFile, "--simulation", $"unix:{Control}", "--modbus-port", $"{ModbusPort}"]);
        await UntilAsync("the simulated site answers", () =>
        {
            Piece("site").RequireRunning();
            return Task.FromResult(File.Exists(Control));
        }, token);
    }

    public void StartGateway(params string[] simulation) =>
        Start("gateway", Program("UsageBilling.Edge", "usage-gateway"), ["run", "--config", GatewayFile, .. simulation]);

    /// <summary>Enrols the gateway with a one-time token, as an installer would.</summary>
    public async Task EnrolAsync(string gateway, CancellationToken token)
    {
        var oneTime = (await CloudAsync(["enroll", gateway], token)).Trim().Split('\n')[^1].Trim();
        await Child.RunAsync("enroll", Program("UsageBilling.Edge", "usage-gateway"), ["enroll", "--config", GatewayFile, "--cloud", Url.ToString(), "--token", oneTime], null, null, token);
    }

    /// <summary>Runs another verb of <c>usage-cloud</c> on this road's state and returns what it printed.</summary>
    public Task<string> CloudAsync(IEnumerable<string> arguments, CancellationToken token, string? input = null) =>
        Child.RunAsync("usage-cloud " + string.Join(' ', arguments), Program("UsageBilling.Cloud", "usage-cloud"), [.. arguments, "--state", CloudState], input, CloudEnvironment, token);

    /// <summary>The private cluster's database as its owner. The cluster runs on until the road ends.</summary>
    public async Task<NpgsqlDataSource> DatabaseAsync(CancellationToken token)
    {
        if (_database is null)
        {
            _cluster = await PrivateCluster.StartAsync(Path.Combine(CloudState, "postgres"), token);
            var builder = new NpgsqlDataSourceBuilder(_cluster.ConnectionString("usage_owner"));
            builder.UseNodaTime();
            _database = builder.Build();
        }

        return _database;
    }

    /// <summary>Lets go of the private cluster, so that it stops with the cloud.</summary>
    public async Task CloseDatabaseAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        (_database, _cluster) = (null, null);
    }

    public void Start(string name, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        _running[name] = Child.Start(name, program, arguments, Path.Combine(Folder, name + ".log"), environment);

    public Child Piece(string name) => _running[name];

    /// <summary>kill -9.</summary>
    public async Task KillAsync(string name, CancellationToken token)
    {
        await _running[name].KillAsync(token);
        await _running[name].DisposeAsync();
        _running.Remove(name);
    }

    /// <summary>Ends a piece as a service manager would.</summary>
    public async Task StopAsync(string name)
    {
        if (_running.Remove(name, out var piece))
        {
            await piece.DisposeAsync();
        }
    }

    /// <summary>Waits for a condition; when it does not come true, says what the pieces printed last.</summary>
    public async Task UntilAsync(string what, Func<Task<bool>> condition, CancellationToken token, TimeSpan? patience = null)
    {
        using var limit = new CancellationTokenSource(patience ?? Patience);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, token);
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await condition())
        {
            try
            {
                await pulse.WaitForNextTickAsync(either.Token);
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested)
            {
                var last = string.Join('\n', _running.Values.Select(c => $"--- {c.Name}{(c.HasExited ? " (ended)" : "")}\n{c.Tail}"));
                throw new TimeoutException($"not within {patience ?? Patience}: {what}\n{last}");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in new[] { "gateway", "site", "cloud", "broker" }.Concat(_running.Keys.ToArray()))
        {
            await StopAsync(name);
        }

        await CloseDatabaseAsync();
        Directory.Delete(Folder, recursive: true);
    }

    public static int FreePort()
    {
        // Below the kernel's ephemeral ports: nothing else may take the port while a piece is down.
        while (true)
        {
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, Random.Shared.Next(15_000, 32_000)));
                return ((IPEndPoint)probe.LocalEndPoint!).Port;
            }
            catch (SocketException)
            {
                // Taken: another one.
            }
        }
    }
}
