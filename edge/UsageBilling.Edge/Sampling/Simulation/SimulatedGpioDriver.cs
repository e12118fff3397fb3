using System.Device.Gpio;

namespace UsageBilling.Edge.Sampling.Simulation;

/// <summary>Pins whose edges a simulation replays through the real <see cref="GpioController"/>. An untouched pin is high: its contact is open.</summary>
internal sealed class SimulatedGpioDriver : GpioDriver
{
    private readonly Dictionary<int, PinValue> _levels = [];
    private readonly Dictionary<int, PinChangeEventHandler> _handlers = [];

    protected override int PinCount => 512;

    /// <summary>Changes a pin's level and tells who listens, on the caller's thread.</summary>
    public void Drive(int pin, PinValue level)
    {
        if (Level(pin) == level)
        {
            return;
        }

        _levels[pin] = level;
        if (_handlers.TryGetValue(pin, out var handler))
        {
            handler(this, new PinValueChangedEventArgs(level == PinValue.Low ? PinEventTypes.Falling : PinEventTypes.Rising, pin));
        }
    }

    protected override void OpenPin(int pinNumber)
    {
    }

    protected override void ClosePin(int pinNumber) => _handlers.Remove(pinNumber);

    protected override void SetPinMode(int pinNumber, PinMode mode)
    {
    }

    protected override PinMode GetPinMode(int pinNumber) => PinMode.InputPullUp;

    protected override bool IsPinModeSupported(int pinNumber, PinMode mode) => mode is PinMode.Input or PinMode.InputPullUp;

    protected override PinValue Read(int pinNumber) => Level(pinNumber);

    protected override void Write(int pinNumber, PinValue value) => throw new NotSupportedException("a simulated pin is an input");

    protected override WaitForEventResult WaitForEvent(int pinNumber, PinEventTypes eventTypes, CancellationToken cancellationToken) =>
        throw new NotSupportedException("simulated pins report through callbacks");

    protected override void AddCallbackForPinValueChangedEvent(int pinNumber, PinEventTypes eventTypes, PinChangeEventHandler callback) =>
        _handlers[pinNumber] = _handlers.TryGetValue(pinNumber, out var others) ? others + callback : callback;

    protected override void RemoveCallbackForPinValueChangedEvent(int pinNumber, PinChangeEventHandler callback)
    {
        if (_handlers.TryGetValue(pinNumber, out var others) && others - callback is { } rest)
        {
            _handlers[pinNumber] = rest;
        }
        else
        {
            _handlers.Remove(pinNumber);
        }
    }

    private PinValue Level(int pin) => _levels.GetValueOrDefault(pin, PinValue.High);
}
