using System.Net;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Modbus;

namespace UsageBilling.Edge.Simulator.Serving;

/// <summary>A site behind real sockets: Modbus TCP always, the control socket when a simulation drives it.</summary>
public sealed class ServedSite : IAsyncDisposable
{
    private readonly ModbusTcpServer modbus;
    private readonly SimulationSocket? simulation;

    /// <summary>Starts serving.</summary>
    /// <param name="site">What is served.</param>
    /// <param name="endPoint">Where Modbus TCP listens; port 0 takes a free one.</param>
    /// <param name="simulationPath">Path of the control socket, or null to serve now.</param>
    /// <param name="time">The clock of "now".</param>
    public ServedSite(SimulatedSite site, IPEndPoint endPoint, string? simulationPath, TimeProvider time)
    {
        Clock = new SiteClock(time);
        modbus = new ModbusTcpServer(endPoint, (unit, table, address, count) => site.Read(unit, table, address, count, Clock.Now));
        simulation = simulationPath is null ? null : new SimulationSocket(simulationPath, new SimulationControl(site, Clock));
    }

    /// <summary>The instant that the registers answer for.</summary>
    public SiteClock Clock { get; }

    /// <summary>Where Modbus TCP listens.</summary>
    public IPEndPoint EndPoint => modbus.EndPoint;

    /// <summary>Modbus requests answered so far.</summary>
    public int Requests => modbus.Requests;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (simulation is not null)
        {
            await simulation.DisposeAsync();
        }

        await modbus.DisposeAsync();
    }
}
