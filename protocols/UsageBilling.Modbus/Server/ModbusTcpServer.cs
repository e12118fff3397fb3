using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace UsageBilling.Modbus;

/// <summary>
/// The server side of Modbus TCP: any number of units behind one port, function codes 3 and 4, registers from a callback.
/// Other function codes get exception 1. Simulators and tests use it.
/// </summary>
public sealed class ModbusTcpServer : IAsyncDisposable
{
    private const int HeaderLength = 7;

    private readonly RegisterSource source;
    private readonly Func<ServedRequest, ServerFault?>? faults;
    private readonly Socket listener;
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<Socket, Task> connections = new();
    private readonly Task accepting;
    private int requests;

    /// <summary>Listens at once.</summary>
    /// <param name="endPoint">Where; port 0 takes a free one.</param>
    /// <param name="source">Answers the requests.</param>
    /// <param name="faults">Decides for each request on a fault to inject; null for none.</param>
    /// <exception cref="SocketException">The port is taken.</exception>
    public ModbusTcpServer(IPEndPoint endPoint, RegisterSource source, Func<ServedRequest, ServerFault?>? faults = null)
    {
        (this.source, this.faults) = (source, faults);
        listener = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(endPoint);
            listener.Listen();
        }
        catch
        {
            listener.Dispose();
            throw;
        }

        EndPoint = (IPEndPoint)listener.LocalEndPoint!;
        accepting = AcceptAsync();
    }

    /// <summary>Where it listens, with the real port.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Requests received so far.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>Connections open now.</summary>
    public int Connections => connections.Count;

    /// <summary>Closes the listener and all connections and waits for them.</summary>
    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested)
        {
            return;
        }

        await stopping.CancelAsync();
        listener.Dispose();
        await accepting;
        await Task.WhenAll(connections.Values);
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            Socket connection;
            try
            {
                connection = await listener.AcceptAsync(stopping.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // The client was gone before it was accepted; the next one may not be.
                continue;
            }

            connection.NoDelay = true;
            var serving = new Task<Task>(() => ServeAsync(connection));
            connections[connection] = serving.Unwrap();
            serving.Start(TaskScheduler.Default);
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        var frame = new byte[260];
        try
        {
            while (await ReceiveAsync(connection, frame.AsMemory(0, HeaderLength)))
            {
                var length = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(4));
                if (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(2)) != 0 || length is < 2 or > 254
                    || !await ReceiveAsync(connection, frame.AsMemory(HeaderLength, length - 1)))
                {
                    return;
                }

                if (!await AnswerAsync(connection, frame, length - 1))
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The client went away or the server stops: either way this connection is over.
        }
        finally
        {
            connections.TryRemove(connection, out _);
            connection.Dispose();
        }
    }

    /// <summary>Answers the request in the frame; false when the connection is to be closed.</summary>
    private async ValueTask<bool> AnswerAsync(Socket connection, byte[] frame, int pduLength)
    {
        var (reply, fault) = Decide(frame, pduLength);
        if (fault?.Kind == ServerFaultKind.Delay)
        {
            await fault.Until!.WaitAsync(stopping.Token);
        }

        if (fault?.Kind == ServerFaultKind.Drop)
        {
            return false;
        }

        if (fault?.Kind == ServerFaultKind.Silence || reply is { Registers: null, Code: 0 })
        {
            return true;
        }

        var function = frame[HeaderLength];
        var answered = reply.Registers is { } registers
            ? ReadPdu.WriteAnswer(frame.AsSpan(HeaderLength), (ModbusTable)function, fault?.Kind == ServerFaultKind.WrongLength ? registers.AsSpan(1) : registers)
            : ReadPdu.WriteException(frame.AsSpan(HeaderLength), function, reply.Code);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(4), (ushort)(answered + 1));
        frame[1] ^= (byte)(fault?.Kind == ServerFaultKind.WrongTransaction ? 0xFF : 0);
        frame[6] ^= (byte)(fault?.Kind == ServerFaultKind.WrongUnit ? 0xFF : 0);

        var whole = frame.AsMemory(0, HeaderLength + answered);
        await SendAsync(connection, fault?.Kind == ServerFaultKind.HalfAnswer ? whole[..(whole.Length / 2)] : whole);
        if (fault?.Kind == ServerFaultKind.Twice)
        {
            await SendAsync(connection, whole);
        }

        return fault?.Kind != ServerFaultKind.HalfAnswer;
    }

    private (RegisterReply Reply, ServerFault? Fault) Decide(byte[] frame, int pduLength)
    {
        var number = Interlocked.Increment(ref requests);
        var pdu = frame.AsSpan(HeaderLength, pduLength);
        if ((ModbusTable)pdu[0] is not (ModbusTable.HoldingRegisters or ModbusTable.InputRegisters))
        {
            return (RegisterReply.Exception(1), null);
        }

        if (pdu.Length != ReadPdu.RequestLength)
        {
            return (RegisterReply.Exception(3), null);
        }

        var table = (ModbusTable)pdu[0];
        var (unit, address, count) = (frame[6], BinaryPrimitives.ReadUInt16BigEndian(pdu[1..]), BinaryPrimitives.ReadUInt16BigEndian(pdu[3..]));
        if (count is 0 or > RegisterPlan.MaxCount)
        {
            return (RegisterReply.Exception(3), null);
        }

        if (address + count > 65_536)
        {
            return (RegisterReply.IllegalAddress, null);
        }

        var fault = faults?.Invoke(new ServedRequest(number, unit, table, address, count));
        var reply = fault?.Kind == ServerFaultKind.Exception ? RegisterReply.Exception(fault.Code) : source(unit, table, address, count);
        if (reply.Registers is { } registers && registers.Length != count)
        {
            throw new InvalidOperationException($"the register source gave {registers.Length} registers for a request of {count}");
        }

        return (reply, fault);
    }

    private async ValueTask<bool> ReceiveAsync(Socket connection, Memory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var read = await connection.ReceiveAsync(bytes, SocketFlags.None, stopping.Token);
            if (read == 0)
            {
                return false;
            }

            bytes = bytes[read..];
        }

        return true;
    }

    private async ValueTask SendAsync(Socket connection, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await connection.SendAsync(bytes, SocketFlags.None, stopping.Token)..];
        }
    }
}
