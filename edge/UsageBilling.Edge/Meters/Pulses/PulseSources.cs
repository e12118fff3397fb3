using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Sampling.Simulation;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>The pulse sources of a gateway, each opened when the first meter needs it. In a simulation all pins are the simulated driver's.</summary>
public sealed class PulseSources : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, IPulseSource> _controllers = [];
    private readonly CharacterDeviceSource _characterDevice = new();
    private readonly TimeProvider _time;
    private readonly GpioControllerSource? _simulated;

    internal PulseSources(TimeProvider time, SimulatedGpioDriver? simulated)
    {
        _time = time;
        _simulated = simulated is null ? null : new GpioControllerSource(simulated, "simulated pins", time);
    }

    /// <summary>The source that counts a pin.</summary>
    /// <exception cref="MeterException">No driver works with its chip.</exception>
    public IPulseSource For(PulsePin pin)
    {
        if (_simulated is not null)
        {
            return _simulated;
        }

        if (pin.Source == PulseSourceKind.GpioCdev)
        {
            return _characterDevice;
        }

        lock (_lock)
        {
            if (!_controllers.TryGetValue(pin.Chip, out var source))
            {
                var driver = GpioDrivers.Open(pin.Chip, out var name);
                _controllers[pin.Chip] = source = new GpioControllerSource(driver, name, _time);
            }

            return source;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _simulated?.Dispose();
        _characterDevice.Dispose();
        foreach (var source in _controllers.Values)
        {
            source.Dispose();
        }
    }
}
