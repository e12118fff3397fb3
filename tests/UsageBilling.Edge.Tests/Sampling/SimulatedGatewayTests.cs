using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NodaTime;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Sampling;
using UsageBilling.Edge.Sampling.Simulation;
using UsageBilling.Edge.Simulator.Serving;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Tests.Sampling;

/// <summary>The whole gateway against the simulator over real sockets; the oracle is the site's register function.</summary>
public sealed class SimulatedGatewayTests : IDisposable
{
    private static readonly Instant From = Instant.FromUtc(2024, 1, 14, 22, 0);
    private static readonly Instant To = From + Duration.FromHours(12);
    private readonly string _folder = Directory.CreateTempSubdirectory("ub-sim-").FullName;

    [Fact]
    public async Task Every_stored_register_is_the_simulators_at_its_boundary()
    {
        var output = new StringWriter();
        await using var served = Serve(out var site);
        await RunAsync(served, From, To, output);
        var readings = await Stored();
        AssertOracle(site, readings, From, To);
        Assert.Equal(49 * 9, readings.Count);
        Assert.Matches(@"progress cycles=49 of=49 rate=\d+\.\d fsyncs=\d+ ratio=0\.\d\d", output.ToString());
    }

    [Fact]
    public async Task A_gateway_that_is_stopped_and_started_again_counts_each_pulse_once()
    {
        await using var served = Serve(out var site);
        for (var end = From + Duration.FromHours(3); end <= To; end += Duration.FromHours(3))
        {
            await RunAsync(served, From, end, TextWriter.Null);
        }

        AssertOracle(site, await Stored(), From, To);
    }

    [Fact]
    public async Task A_gateway_that_died_between_counting_and_storing_stores_that_cycle_after_the_restart()
    {
        await using var served = Serve(out var site);
        await RunAsync(served, From, From + Duration.FromHours(6), TextWriter.Null);

        // As a kill in that moment leaves it: counters kept, the cycle not in the buffer.
        Directory.Delete(BufferCommand.FolderIn(State), recursive: true);
        await RunAsync(served, From, To, TextWriter.Null);
        AssertOracle(site, await Stored(), From + Duration.FromHours(6), To);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string State => Path.Combine(_folder, "state");

    private string Socket => Path.Combine(_folder, "s");

    private ServedSite Serve(out SimulatedSite site)
    {
        site = DemoSite.Load();
        return new ServedSite(site, new IPEndPoint(IPAddress.Loopback, 0), Socket, TimeProvider.System);
    }

    private async Task RunAsync(ServedSite served, Instant from, Instant to, TextWriter output)
    {
        var configuration = DemoSite.Gateway(State, served.EndPoint.Port);
        using var host = GatewayHost.Build(configuration, new SimulationOptions(Socket, from, to), output);
        var loops = host.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToList();
        await host.RunAsync(TestContext.Current.CancellationToken);
        Assert.All(loops, l => Assert.Null(l.ExecuteTask!.Exception));
    }

    private async Task<List<Reading>> Stored()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var buffer = ReadingBuffer.Open(
            BufferCommand.FolderIn(State), new BufferOptions { Gateway = "harbour-quarter" }, new GatewayClock(TimeProvider.System, ClockTrust.Always));
        var readings = new List<Reading>();
        while (await buffer.SealNext(new SealTerms(body => BatchSignature.Sign(body, key)), TestContext.Current.CancellationToken) is { } batch)
        {
            Assert.True(BatchCodec.TryDecode(batch.Body, out var decoded, out var problem), problem);
            readings.AddRange(decoded.Readings);
        }

        return readings;
    }

    private static void AssertOracle(SimulatedSite site, List<Reading> readings, Instant from, Instant to)
    {
        var interval = Duration.FromMinutes(15);
        var found = readings.GroupBy(r => (r.At, r.Register)).ToDictionary(g => g.Key, g => g.Select(r => (r.Value, r.Scale)).Distinct().ToList());
        for (var at = from; at <= to; at += interval)
        {
            foreach (var expected in site.At(at))
            {
                Assert.Equal([(expected.Value, expected.Scale)], found[(at, expected.Register)]);
            }
        }

        Assert.All(readings, r => Assert.Equal(BoundaryClock.Floor(r.At, interval), r.At));
    }
}
