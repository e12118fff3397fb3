using System.Device.Gpio;
using UsageBilling.Edge.Configuration;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>
/// Counts through System.Device.Gpio: for older kernels, expanders and simulated pins. It has no kernel timestamps and no count of lost
/// events, so debouncing is ours and a loss in a stalled process stays unseen; the character device is the better source where there is one.
/// </summary>
public sealed class GpioControllerSource(GpioDriver driver, string driverName, TimeProvider time) : IPulseSource
{
    private readonly GpioController _controller = new(driver);
    private readonly string _name = $"GpioController on {driverName}";

    /// <inheritdoc/>
    public IPulseWatch Watch(PulsePin pin, PulseCounter counter)
    {
        try
        {
            return new Watched(this, pin, counter, time);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Drivers throw what they like: missing device, no right, pin in use.
            throw new MeterException($"{pin} cannot be watched through {_name}: {e.Message}; check pin, wiring and the rights on the GPIO device", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _controller.Dispose();

    private sealed class Watched : IPulseWatch
    {
        private readonly GpioControllerSource _source;
        private readonly PulseFilter _filter;
        private readonly PulseCounter _counter;
        private readonly int _pin;

        public Watched(GpioControllerSource source, PulsePin pin, PulseCounter counter, TimeProvider time)
        {
            (_source, _counter, _pin) = (source, counter, pin.Pin);
            _filter = new PulseFilter(pin.Edge, pin.Debounce, time);
            var controller = source._controller;
            var mode = pin.Bias switch
            {
                PulseBias.PullUp => PinMode.InputPullUp,
                PulseBias.PullDown => PinMode.InputPullDown,
                _ => PinMode.Input,
            };
            controller.OpenPin(_pin, controller.IsPinModeSupported(_pin, mode) ? mode : PinMode.Input);
            try
            {
                _filter.Begin(controller.Read(_pin) == PinValue.High);
                controller.RegisterCallbackForPinValueChangedEvent(_pin, PinEventTypes.Falling | PinEventTypes.Rising, OnEdge);
            }
            catch
            {
                controller.ClosePin(_pin);
                throw;
            }
        }

        public string Through => _source._name;

        public Exception? Fault { get; private set; }

        public void Dispose()
        {
            _source._controller.UnregisterCallbackForPinValueChangedEvent(_pin, OnEdge);
            _source._controller.ClosePin(_pin);
        }

        // Called by the driver's thread, which a throwing callback would end for good without a word.
        private void OnEdge(object sender, PinValueChangedEventArgs change)
        {
            try
            {
                if (_filter.IsPulse(change.ChangeType == PinEventTypes.Falling))
                {
                    _counter.Count();
                }
            }
            catch (Exception e)
            {
                Fault = e;
            }
        }
    }
}
