namespace UsageBilling.Modbus;

/// <summary>Why a request got no answer that can be used.</summary>
public enum ModbusFailure
{
    /// <summary>No whole answer within the time-out.</summary>
    Timeout,

    /// <summary>The other side cannot be reached, or closed the connection.</summary>
    Disconnected,

    /// <summary>An answer with another transaction or unit id: from here on nothing on this connection can be trusted.</summary>
    ForeignReply,

    /// <summary>The device answered with an exception code. The connection is in order.</summary>
    DeviceException,

    /// <summary>An answer that breaks the protocol: wrong length, function code or checksum.</summary>
    BadFrame,
}

/// <summary>A request that failed, and how. After every failure but <see cref="ModbusFailure.DeviceException"/> the client has dropped its connection.</summary>
public sealed class ModbusException : Exception
{
    /// <summary>Makes the error.</summary>
    public ModbusException(ModbusFailure failure, string message, Exception? inner = null)
        : base(message, inner) => Failure = failure;

    /// <summary>Makes the error for an exception code that a device answered with.</summary>
    public ModbusException(byte code)
        : base($"device answered with exception {code} ({Describe(code)})")
    {
        Failure = ModbusFailure.DeviceException;
        Code = code;
    }

    /// <summary>What went wrong.</summary>
    public ModbusFailure Failure { get; }

    /// <summary>The device's exception code; null for every other failure.</summary>
    public byte? Code { get; }

    /// <summary>The name the specification gives an exception code (Modbus Application Protocol 1.1b3, section 7).</summary>
    public static string Describe(byte code) => code switch
    {
        1 => "illegal function",
        2 => "illegal data address",
        3 => "illegal data value",
        4 => "device failure",
        5 => "acknowledge",
        6 => "device busy",
        8 => "memory parity error",
        10 => "gateway path unavailable",
        11 => "gateway target device failed to respond",
        _ => "unknown code",
    };
}
