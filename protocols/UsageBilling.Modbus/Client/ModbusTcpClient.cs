using System.Buffers.Binary;
using System.Net.Sockets;

namespace UsageBilling.Modbus;

/// <summary>
/// Modbus TCP client with one connection, made on first use and made anew after it was dropped. It is dropped on any time-out, foreign
/// transaction or unit id, or broken frame, because a late answer would otherwise be taken for the next one, for ever.
/// </summary>
public sealed class ModbusTcpClient : IModbusClient
{
    private const int HeaderLength = 7;
    private const int MaxFrame = 260;

    private readonly string host;
    private readonly int port;
    private readonly TimeSpan timeout;
    private readonly TimeProvider time;
    private readonly SemaphoreSlim line = new(1, 1);
    private readonly byte[] frame = new byte[MaxFrame];
    private Socket? socket;
    private ushort transaction;
    private bool closed;

    /// <summary>Makes a client; nothing is connected yet.</summary>
    /// <param name="host">Name or address.</param>
    /// <param name="port">TCP port; 502 is the registered one.</param>
    /// <param name="timeout">For one request, connecting included.</param>
    /// <param name="time">The clock that the time-out runs by: the real one, also in simulations.</param>
    public ModbusTcpClient(string host, int port, TimeSpan timeout, TimeProvider time)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        (this.host, this.port, this.timeout, this.time) = (host, port, timeout, time);
    }

    /// <inheritdoc/>
    public async ValueTask<ushort[]> ReadAsync(byte unit, ModbusTable table, ushort address, ushort count, CancellationToken cancellationToken)
    {
        ReadPdu.CheckRange(table, address, count);
        await line.WaitAsync(cancellationToken);
        var intact = false;
        try
        {
            ObjectDisposedException.ThrowIf(closed, this);
            using var deadline = new CancellationTokenSource(timeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
            var answer = await ExchangeAsync(unit, table, address, count, either.Token);
            intact = true;
            return answer;
        }
        catch (ModbusException e) when (e.Failure == ModbusFailure.DeviceException)
        {
            intact = true;
            throw;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ModbusException(ModbusFailure.Timeout, $"{host}:{port} unit {unit} did not answer within {timeout.TotalMilliseconds:0} ms", e);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw new ModbusException(ModbusFailure.Disconnected, $"{host}:{port}: {e.Message}", e);
        }
        finally
        {
            if (!intact)
            {
                Drop();
            }

            line.Release();
        }
    }

    /// <summary>Closes the connection once the request under way is done.</summary>
    public async ValueTask DisposeAsync()
    {
        await line.WaitAsync();
        closed = true;
        Drop();
        line.Release();
    }

    private async Task<ushort[]> ExchangeAsync(byte unit, ModbusTable table, ushort address, ushort count, CancellationToken token)
    {
        var connection = await ConnectAsync(token);
        transaction = unchecked((ushort)(transaction + 1));
        BinaryPrimitives.WriteUInt16BigEndian(frame, transaction);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(4), 1 + ReadPdu.RequestLength);
        frame[6] = unit;
        ReadPdu.WriteRequest(frame.AsSpan(HeaderLength), table, address, count);
        await SendAsync(connection, frame.AsMemory(0, HeaderLength + ReadPdu.RequestLength), token);

        await ReceiveAsync(connection, frame.AsMemory(0, HeaderLength), token);
        var length = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(4));
        if (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(2)) != 0 || length is < 3 or > MaxFrame - 6)
        {
            throw new ModbusException(ModbusFailure.BadFrame, $"{host}:{port} sent a header that is not Modbus TCP");
        }

        var (answered, from) = (BinaryPrimitives.ReadUInt16BigEndian(frame), frame[6]);
        if (answered != transaction || from != unit)
        {
            throw new ModbusException(ModbusFailure.ForeignReply, $"{host}:{port} answered transaction {answered} of unit {from}, asked was {transaction} of {unit}");
        }

        var pdu = frame.AsMemory(HeaderLength, length - 1);
        await ReceiveAsync(connection, pdu, token);
        return ReadPdu.ReadAnswer(pdu.Span, table, count);
    }

    private async ValueTask<Socket> ConnectAsync(CancellationToken token)
    {
        // Readable before anything was asked means that the peer closed an idle connection, or that it holds an answer to nobody's question.
        if (socket is not null && socket.Poll(0, SelectMode.SelectRead))
        {
            Drop();
        }

        if (socket is null)
        {
            var fresh = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await fresh.ConnectAsync(host, port, token);
            }
            catch
            {
                fresh.Dispose();
                throw;
            }

            socket = fresh;
        }

        return socket;
    }

    private static async ValueTask SendAsync(Socket connection, ReadOnlyMemory<byte> bytes, CancellationToken token)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await connection.SendAsync(bytes, SocketFlags.None, token)..];
        }
    }

    private async ValueTask ReceiveAsync(Socket connection, Memory<byte> bytes, CancellationToken token)
    {
        while (bytes.Length > 0)
        {
            var read = await connection.ReceiveAsync(bytes, SocketFlags.None, token);
            bytes = read > 0 ? bytes[read..] : throw new ModbusException(ModbusFailure.Disconnected, $"{host}:{port} closed the connection");
        }
    }

    private void Drop()
    {
        socket?.Dispose();
        socket = null;
    }
}
