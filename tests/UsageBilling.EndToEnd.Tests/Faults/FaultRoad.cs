using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Demo;
using UsageBilling.Protocols;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>The fault site on a road: cloud, broker, simulated site running; its gateway enrolled and ready to start.</summary>
internal sealed partial class FaultRoad : IAsyncDisposable
{
    private readonly HttpClient _api;

    private FaultRoad(Road road, Mosquitto? broker)
    {
        (Road, Broker) = (road, broker);
        _api = new HttpClient { BaseAddress = road.Url };
    }

    public Road Road { get; }

    /// <summary>The external broker; null: the embedded one.</summary>
    public Mosquitto? Broker { get; }

    /// <summary>Starts everything but the gateway.</summary>
    /// <param name="token">Gives up.</param>
    /// <param name="broker">Starts an external broker.</param>
    /// <param name="registered">Which registers the cloud is told of; null: all.</param>
    /// <param name="state">The gateway's state folder; null: the road's.</param>
    public static async Task<FaultRoad> StartAsync(
        CancellationToken token, Func<Road, Mosquitto>? broker = null, Func<RegisterKey, bool>? registered = null, string? state = null)
    {
        var road = Road.Create(FaultSite.Yaml, "");
        try
        {
            await File.WriteAllTextAsync(road.GatewayFile, FaultSite.GatewayYaml(road.ModbusPort, state ?? road.GatewayState), token);
            var faults = new FaultRoad(road, broker?.Invoke(road));
            await road.StartCloudAsync(token);
            await faults.ProvisionAsync(registered, token);
            await road.EnrolAsync(FaultSite.Gateway, token);
            if (faults.Broker is { } external)
            {
                await external.RefreshPasswordsAsync(token);
            }

            await road.StartSiteAsync(token);
            await faults.SignInAsync(token);
            return faults;
        }
        catch
        {
            await road.DisposeAsync();
            throw;
        }
    }

    /// <summary>Tells the cloud of meters.</summary>
    public async Task ProvisionAsync(Func<RegisterKey, bool>? which, CancellationToken token)
    {
        var file = Path.Combine(Road.Folder, "provision.json");
        await File.WriteAllTextAsync(file, FaultSite.Provisioning(which), token);
        await Road.CloudAsync(["provision", file], token);
    }

    /// <summary>Starts the gateway, or starts it again where it was: it samples as fast as it can.</summary>
    public void StartGateway(Instant? to = null) => Road.StartGateway(Simulation(to ?? FaultSite.Far));

    /// <summary>Runs the gateway up to an instant and until the cloud has committed everything: then it ends by itself.</summary>
    /// <param name="to">The last instant to sample.</param>
    /// <param name="token">Gives up.</param>
    /// <param name="state">A state folder; null: the gateway's own.</param>
    public async Task RunGatewayAsync(Instant to, CancellationToken token, string? state = null)
    {
        var file = Road.GatewayFile;
        if (state is not null)
        {
            file = state + ".yaml";
            await File.WriteAllTextAsync(file, FaultSite.GatewayYaml(Road.ModbusPort, state), token);
        }

        await Child.RunAsync("usage-gateway run", Road.Program("UsageBilling.Edge", "usage-gateway"), ["run", "--config", file, .. Simulation(to)], null, null, token);
    }

    /// <summary>Ends the gateway, then runs it without sampling until the cloud has committed everything that it keeps.</summary>
    public async Task DrainAsync(CancellationToken token)
    {
        await Road.StopAsync("gateway");
        await RunGatewayAsync(FaultSite.From, token);
        await UntilProjectedAsync(token);
    }

    /// <summary>Waits until everything that is committed is projected.</summary>
    public Task UntilProjectedAsync(CancellationToken token) => Road.UntilAsync(
        "everything committed is projected",
        async () =>
        {
            try
            {
                return await ScalarAsync<long>("SELECT count(*) FROM stream s JOIN stream_projection p USING (gateway, stream) WHERE p.projected_through < s.committed_through", token) == 0;
            }
            catch (NpgsqlException)
            {
                return false; // a connection of the PostgreSQL before the last kill
            }
        },
        token);

    /// <summary>Batches that the cloud has committed in order; -1 while its database does not answer.</summary>
    public async Task<long> CommittedAsync(CancellationToken token)
    {
        try
        {
            return await ScalarAsync<long>("SELECT coalesce(sum(committed_through), 0)::bigint FROM stream", token);
        }
        catch (NpgsqlException)
        {
            return -1;
        }
    }

    public async Task<T> ScalarAsync<T>(string sql, CancellationToken token, params object[] values)
    {
        await using var command = (await Road.DatabaseAsync(token)).CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return (T)(await command.ExecuteScalarAsync(token))!;
    }

    /// <summary>A gateway as <c>GET /api/v1/gateways</c> shows it.</summary>
    public async Task<JsonElement> ShownAsync(string gateway, CancellationToken token) =>
        (await _api.GetFromJsonAsync<JsonElement>("/api/v1/gateways", token)).EnumerateArray().Single(g => g.GetProperty("gateway").GetString() == gateway);

    /// <summary>How much of a kind (<c>refusals</c>, <c>parked</c>) the API shows for a reason, and its last words about it.</summary>
    public async Task<(long Count, string Detail)> ShownAsync(string gateway, string kind, string reason, CancellationToken token)
    {
        var found = (await ShownAsync(gateway, token)).GetProperty(kind).EnumerateArray().Where(r => r.GetProperty("reason").GetString() == reason).ToList();
        return found is [var one]
            ? (one.GetProperty(kind == "parked" ? "readings" : "times").GetInt64(), one.GetProperty("lastDetail").GetString()!)
            : (0, "");
    }

    /// <summary>Until which boundary the gateway has said that its cycles are on disk.</summary>
    public Instant ReportedStored()
    {
        using var log = new StreamReader(new FileStream(Path.Combine(Road.Folder, "gateway.log"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var last = ProgressLine().Matches(log.ReadToEnd()).LastOrDefault();
        return last is null || last.Groups[1].Value == "0"
            ? FaultSite.From - FaultSite.Interval
            : FaultSite.Far - ((long.Parse(last.Groups[2].Value, CultureInfo.InvariantCulture) - long.Parse(last.Groups[1].Value, CultureInfo.InvariantCulture)) * FaultSite.Interval);
    }

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await Road.DisposeAsync();
    }

    /// <summary>Arguments of a gateway that drives the simulated site.</summary>
    public string[] Simulation(Instant to) =>
        ["--simulation", $"unix:{Road.Control}", "--simulate-from", InstantPattern.General.Format(FaultSite.From), "--simulate-to", InstantPattern.General.Format(to)];

    private async Task SignInAsync(CancellationToken token)
    {
        var secret = await new ApiTokens(await Road.DatabaseAsync(token), TimeProvider.System).CreateAsync("faults", ["read"], null, token);
        _api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
    }

    [GeneratedRegex(@"progress cycles=(\d+) of=(\d+)")]
    private static partial Regex ProgressLine();
}
