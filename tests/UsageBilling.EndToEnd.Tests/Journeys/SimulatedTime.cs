using NodaTime;
using UsageBilling.Edge.Simulator.Serving;
using UsageBilling.Edge.Simulator.Sites;

namespace UsageBilling.EndToEnd.Tests.Journeys;

/// <summary>What a gateway in simulation asks for time, without a simulated site: the meters are somebody else's.</summary>
internal sealed class SimulatedTime : IAsyncDisposable
{
    // A site has a meter; nobody reads this one.
    private const string Nobody = """
        site: elsewhere
        hoursAheadOfUtc: 0
        epoch: 2010-01-01T00:00:00Z
        meters:
          - { id: nobody, model: B23, unit: 247, serial: "1", load: household, yearly: 1, registers: { "1-0:1.8.0": 0 } }
        """;

    private readonly SiteClock _clock = new(TimeProvider.System);
    private readonly SimulationSocket _socket;

    public SimulatedTime(string path)
    {
        var (site, problems) = SiteFile.Parse(Nobody, null);
        Assert.True(problems.IsEmpty, string.Join('\n', problems));
        _socket = new SimulationSocket(path, new SimulationControl(new SimulatedSite(site!), _clock));
    }

    /// <summary>The instant that the gateway has advanced to.</summary>
    public Instant Now => _clock.Now;

    public ValueTask DisposeAsync() => _socket.DisposeAsync();
}
