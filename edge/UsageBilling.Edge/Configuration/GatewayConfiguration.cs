using System.Collections.Immutable;
using System.IO.Ports;
using NodaTime;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Meters;
using UsageBilling.Edge.Meters.Pulses;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Configuration;

/// <summary>What <c>gateway.yaml</c> says, checked.</summary>
/// <param name="Gateway">The gateway's name.</param>
/// <param name="StateFolder">Absolute path of the folder with buffer, counters and key.</param>
/// <param name="Cloud">Where the cloud's broker is; empty where enrolment says so.</param>
/// <param name="IntervalMinutes">5, 10, 15, 30 or 60.</param>
/// <param name="LiveSeconds">Seconds between live values; 0 for none.</param>
/// <param name="Clock">Who says that the clock is right.</param>
/// <param name="BufferMaxMebibytes">What the buffer may take on disk; null for the default.</param>
/// <param name="Buses">Lines with Modbus meters.</param>
/// <param name="Meters">All meters.</param>
public sealed record GatewayConfiguration(
    string Gateway,
    string StateFolder,
    CloudSettings Cloud,
    int IntervalMinutes,
    int LiveSeconds,
    ClockTrust Clock,
    int? BufferMaxMebibytes,
    ImmutableArray<BusSettings> Buses,
    ImmutableArray<MeterSettings> Meters);

/// <summary>The cloud's broker; what is null comes from enrolment or has a default. Files are absolute paths.</summary>
public sealed record CloudSettings(string? Host, int? Port, bool? Tls, string? CaFile, string? User, string? PasswordFile, TimeSpan? ResendAfter)
{
    /// <summary>Nothing said: all comes from enrolment.</summary>
    public static CloudSettings None { get; } = new(null, null, null, null, null, null, null);
}

/// <summary>A line with Modbus meters, owned by one reader.</summary>
public abstract record BusSettings(string Id, TimeSpan Timeout);

/// <summary>Modbus TCP, to a meter or to a TCP/RTU gateway.</summary>
public sealed record ModbusTcpBus(string Id, TimeSpan Timeout, string Host, int Port) : BusSettings(Id, Timeout);

/// <summary>Modbus RTU on a serial line.</summary>
public sealed record ModbusRtuBus(string Id, TimeSpan Timeout, string Device, int BaudRate, Parity Parity, StopBits StopBits) : BusSettings(Id, Timeout);

/// <summary>A meter: its id within the gateway and the natural key of its registers.</summary>
public abstract record MeterSettings(string Id, string Manufacturer, string Serial);

/// <summary>A meter read over Modbus.</summary>
public sealed record ModbusMeterSettings(string Id, string Manufacturer, string Serial, string Bus, byte Unit, MeterTemplate Template, bool Verify)
    : MeterSettings(Id, Manufacturer, Serial);

/// <summary>Which of the two sources counts a pulse meter.</summary>
public enum PulseSourceKind
{
    /// <summary>The kernel's GPIO character device.</summary>
    GpioCdev,

    /// <summary>System.Device.Gpio's GpioController.</summary>
    GpioController,
}

/// <summary>Which change of the pin is a pulse.</summary>
public enum PulseEdge
{
    /// <summary>A contact to ground closes.</summary>
    Falling,

    /// <summary>The output goes high.</summary>
    Rising,
}

/// <summary>What holds the pin while the contact is open.</summary>
public enum PulseBias
{
    /// <summary>The pin's resistor to the supply.</summary>
    PullUp,

    /// <summary>The pin's resistor to ground.</summary>
    PullDown,

    /// <summary>A resistor outside.</summary>
    None,
}

/// <summary>Where pulses come from.</summary>
public sealed record PulsePin(PulseSourceKind Source, string Chip, int Pin, PulseEdge Edge, PulseBias Bias, TimeSpan Debounce)
{
    /// <summary><c>gpiochip0 pin 17</c>.</summary>
    public override string ToString() => $"{Chip} pin {Pin}";
}

/// <summary>
/// A meter whose pulses are counted; <see cref="StartRegister"/> is what the meter showed, in raw units, at <see cref="StartAt"/>, or when counting
/// begins where that is null.
/// </summary>
public sealed record PulseMeterSettings(
    string Id, string Manufacturer, string Serial, ObisCode Obis, PulsePin Pin, PulseValue Value, long StartRegister, Instant? StartAt)
    : MeterSettings(Id, Manufacturer, Serial)
{
    /// <summary>The register that is counted.</summary>
    public RegisterKey Register => new(Manufacturer, Serial, Obis);
}
