namespace UsageBilling.Modbus;

/// <summary>Answers a read request for a unit; called for one request at a time per connection, from several connections at once.</summary>
public delegate RegisterReply RegisterSource(byte unit, ModbusTable table, ushort address, ushort count);

/// <summary>What a served device answers: registers, an exception, or nothing.</summary>
public readonly record struct RegisterReply
{
    private RegisterReply(ushort[]? registers, byte code) => (Registers, Code) = (registers, code);

    /// <summary>The registers, as many as were asked for; null when there are none to send.</summary>
    public ushort[]? Registers { get; }

    /// <summary>The exception code when <see cref="Registers"/> is null; 0 for no answer at all.</summary>
    public byte Code { get; }

    /// <summary>No answer, as of a device that is switched off.</summary>
    public static RegisterReply Silence => default;

    /// <summary>Exception 2: no such register.</summary>
    public static RegisterReply IllegalAddress => Exception(2);

    /// <summary>An answer with registers.</summary>
    public static RegisterReply Of(params ushort[] registers) => new(registers, 0);

    /// <summary>An exception answer.</summary>
    public static RegisterReply Exception(byte code) => new(null, code);
}

/// <summary>A request as the server sees it, for deciding on a fault.</summary>
/// <param name="Number">Counts the server's requests from 1.</param>
/// <param name="Unit">Unit id.</param>
/// <param name="Table">Table.</param>
/// <param name="Address">First register.</param>
/// <param name="Count">How many.</param>
public readonly record struct ServedRequest(int Number, byte Unit, ModbusTable Table, ushort Address, ushort Count);

/// <summary>What a server does wrong.</summary>
public enum ServerFaultKind
{
    /// <summary>Answers only when <see cref="ServerFault.Until"/> is done.</summary>
    Delay,

    /// <summary>Never answers.</summary>
    Silence,

    /// <summary>Closes the connection.</summary>
    Drop,

    /// <summary>Answers with another transaction id.</summary>
    WrongTransaction,

    /// <summary>Answers with another unit id.</summary>
    WrongUnit,

    /// <summary>Answers with exception <see cref="ServerFault.Code"/>.</summary>
    Exception,

    /// <summary>Answers with one register less than it announces and was asked for.</summary>
    WrongLength,

    /// <summary>Sends half of the answer and closes the connection.</summary>
    HalfAnswer,

    /// <summary>Sends the answer twice.</summary>
    Twice,
}

/// <summary>A fault to inject into one answer.</summary>
/// <param name="Kind">What goes wrong.</param>
/// <param name="Until">For <see cref="ServerFaultKind.Delay"/>: what the answer waits for.</param>
/// <param name="Code">For <see cref="ServerFaultKind.Exception"/>: the code.</param>
public sealed record ServerFault(ServerFaultKind Kind, Task? Until = null, byte Code = 4);
