using System.Collections.Immutable;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Meters.Pulses;
using UsageBilling.Modbus;

namespace UsageBilling.Edge.Meters;

/// <summary>Owns all lines of the site: each bus has one reader, lines are read side by side, polls come one after the other.</summary>
public sealed class MeterPoller : IAsyncDisposable
{
    private static readonly TimeSpan SilentBudget = TimeSpan.FromSeconds(10);

    private readonly ImmutableArray<MeterLine> _lines;
    private readonly ImmutableArray<IAsyncDisposable> _clients;
    private readonly SemaphoreSlim _polling = new(1, 1);

    private MeterPoller(IEnumerable<MeterLine> lines, IEnumerable<IAsyncDisposable> clients) => (_lines, _clients) = ([.. lines], [.. clients]);

    /// <summary>Makes the lines of a configuration; nothing is connected yet.</summary>
    /// <param name="configuration">Which meters there are.</param>
    /// <param name="pulses">Makes the pulse meters.</param>
    /// <param name="time">The clock that readings are stamped by.</param>
    /// <param name="realTime">The clock that answers are waited for by.</param>
    public static MeterPoller Create(GatewayConfiguration configuration, IEnumerable<PulseMeter> pulses, TimeProvider time, TimeProvider realTime)
    {
        var clients = configuration.Buses.ToDictionary(b => b.Id, b => Connect(b, realTime));
        var lines = configuration.Meters.OfType<ModbusMeterSettings>()
            .GroupBy(m => m.Bus)
            .Select(bus => new MeterLine(bus.Select(m => new ModbusMeter(m, clients[bus.Key], time)), time, realTime, SilentBudget));
        var counted = new MeterLine(pulses, time, realTime, SilentBudget);
        return new MeterPoller([.. lines, counted], clients.Values);
    }

    /// <summary>What is known of each meter.</summary>
    public IReadOnlyList<MeterStatus> Statuses => [.. _lines.SelectMany(l => l.Statuses)];

    /// <summary>Reads every meter once.</summary>
    internal async Task<IReadOnlyList<PollResult>> PollAsync(bool forBilling, CancellationToken cancellationToken)
    {
        await _polling.WaitAsync(cancellationToken);
        try
        {
            var polls = await Task.WhenAll(_lines.Select(l => l.PollAsync(forBilling, cancellationToken)));
            return [.. polls.SelectMany(p => p)];
        }
        finally
        {
            _polling.Release();
        }
    }

    /// <summary>Closes all lines.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        _polling.Dispose();
    }

    private static IModbusClient Connect(BusSettings bus, TimeProvider realTime) => bus switch
    {
        ModbusTcpBus tcp => new ModbusTcpClient(tcp.Host, tcp.Port, tcp.Timeout, realTime),
        ModbusRtuBus rtu => new ModbusRtuClient(new SerialLine(rtu.Device, rtu.BaudRate, rtu.Parity, rtu.StopBits), rtu.Timeout, realTime),
        _ => throw new ArgumentException($"bus {bus.Id} is of no known kind", nameof(bus)),
    };
}
