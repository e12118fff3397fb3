namespace UsageBilling.Modbus;

/// <summary>
/// Reads registers over one bus or connection. Requests are serialised: a client may be shared by all meters behind it,
/// and a second request waits for the first. The time-out counts from the moment a request has the line to itself.
/// </summary>
public interface IModbusClient : IAsyncDisposable
{
    /// <summary>Reads <paramref name="count"/> adjacent 16-bit registers.</summary>
    /// <param name="unit">Unit id (slave address), 0 to 255.</param>
    /// <param name="table">Holding (function code 3) or input registers (4).</param>
    /// <param name="address">Protocol address of the first register, from 0; documents often print 4xxxx or one-based numbers.</param>
    /// <param name="count">1 to <see cref="RegisterPlan.MaxCount"/>; address + count must not pass 65,536.</param>
    /// <param name="cancellationToken">Gives up; the connection is dropped when the request was under way.</param>
    /// <exception cref="ModbusException">No usable answer.</exception>
    ValueTask<ushort[]> ReadAsync(byte unit, ModbusTable table, ushort address, ushort count, CancellationToken cancellationToken);
}
