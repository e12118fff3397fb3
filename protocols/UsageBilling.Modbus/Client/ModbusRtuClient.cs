using System.IO.Ports;

namespace UsageBilling.Modbus;

/// <summary>Settings of a serial line.</summary>
/// <param name="Port">Device, for example <c>/dev/ttyUSB0</c>.</param>
/// <param name="BaudRate">Bits per second; 9600 is the most common one of meters.</param>
/// <param name="Parity">The specification's default is even.</param>
/// <param name="StopBits">One with parity, two without (Modbus over Serial Line 1.02, 2.5.1).</param>
public sealed record SerialLine(string Port, int BaudRate = 9600, Parity Parity = Parity.Even, StopBits StopBits = StopBits.One);

/// <summary>
/// Modbus RTU client over a serial line, which it owns alone. Answers carry no transaction id, so before each request it waits until the line has been
/// silent for 3.5 characters and throws away what comes meanwhile; after a time-out it does so for a whole time-out, lest a late answer be taken for the next one.
/// </summary>
public sealed class ModbusRtuClient : IModbusClient
{
    private const int MaxFrame = 256;

    private readonly Func<Stream> open;
    private readonly string name;
    private readonly TimeSpan silence;
    private readonly TimeSpan timeout;
    private readonly TimeProvider time;
    private readonly SemaphoreSlim line = new(1, 1);
    private readonly byte[] frame = new byte[MaxFrame];
    private Stream? stream;
    private bool doubtful;
    private bool closed;

    /// <summary>Makes a client; the line is opened on first use, and again after it was lost (a USB adapter pulled out).</summary>
    /// <param name="settings">The line.</param>
    /// <param name="timeout">For one request, from the end of the silence before it.</param>
    /// <param name="time">The clock that the time-out runs by: the real one, also in simulations.</param>
    public ModbusRtuClient(SerialLine settings, TimeSpan timeout, TimeProvider time)
        : this(() => Open(settings), settings.Port, Silence(settings.BaudRate), timeout, time)
    {
    }

    /// <summary>For tests: any stream as the line.</summary>
    internal ModbusRtuClient(Func<Stream> open, string name, TimeSpan silence, TimeSpan timeout, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        (this.open, this.name, this.silence, this.timeout, this.time) = (open, name, silence, timeout, time);
    }

    /// <inheritdoc/>
    public async ValueTask<ushort[]> ReadAsync(byte unit, ModbusTable table, ushort address, ushort count, CancellationToken cancellationToken)
    {
        ReadPdu.CheckRange(table, address, count);
        await line.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(closed, this);
            stream ??= open();
            await DrainAsync(stream, doubtful ? timeout : silence, cancellationToken);

            // From here on an answer may come, until it has come.
            doubtful = true;
            using var deadline = new CancellationTokenSource(timeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
            var answer = await ExchangeAsync(stream, unit, table, address, count, either.Token);
            doubtful = false;
            return answer;
        }
        catch (ModbusException e) when (e.Failure == ModbusFailure.DeviceException)
        {
            doubtful = false;
            throw;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ModbusException(ModbusFailure.Timeout, $"{name} unit {unit} did not answer within {timeout.TotalMilliseconds:0} ms", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException and not ObjectDisposedException)
        {
            Close();
            throw new ModbusException(ModbusFailure.Disconnected, $"{name}: {e.Message}", e);
        }
        finally
        {
            line.Release();
        }
    }

    /// <summary>Closes the line once the request under way is done.</summary>
    public async ValueTask DisposeAsync()
    {
        await line.WaitAsync();
        closed = true;
        Close();
        line.Release();
    }

    /// <summary>3.5 characters of 11 bits; fixed above 19,200 bit/s (Modbus over Serial Line 1.02, 2.5.1.1).</summary>
    internal static TimeSpan Silence(int baudRate) =>
        baudRate > 19_200 ? TimeSpan.FromMilliseconds(1.75) : TimeSpan.FromSeconds(3.5 * 11 / baudRate);

    private static Stream Open(SerialLine settings)
    {
        var port = new SerialPort(settings.Port, settings.BaudRate, settings.Parity, 8, settings.StopBits);
        try
        {
            port.Open();
            return port.BaseStream;
        }
        catch
        {
            port.Dispose();
            throw;
        }
    }

    private async Task<ushort[]> ExchangeAsync(Stream connection, byte unit, ModbusTable table, ushort address, ushort count, CancellationToken token)
    {
        frame[0] = unit;
        ReadPdu.WriteRequest(frame.AsSpan(1), table, address, count);
        Crc16.Append(frame, 1 + ReadPdu.RequestLength);
        await connection.WriteAsync(frame.AsMemory(0, 3 + ReadPdu.RequestLength), token);
        await connection.FlushAsync(token);

        // Unit, function and either the exception code or the number of bytes tell how long the answer is.
        await ReceiveAsync(connection, frame.AsMemory(0, 3), token);
        var length = ReadPdu.IsException(frame[1]) ? 5 : 5 + frame[2];
        if (length > MaxFrame)
        {
            throw new ModbusException(ModbusFailure.BadFrame, $"{name} unit {unit} announced {frame[2]} bytes");
        }

        await ReceiveAsync(connection, frame.AsMemory(3, length - 3), token);
        if (!Crc16.Check(frame.AsSpan(0, length)))
        {
            throw new ModbusException(ModbusFailure.BadFrame, $"{name} unit {unit}: the answer's checksum is wrong");
        }

        if (frame[0] != unit)
        {
            throw new ModbusException(ModbusFailure.ForeignReply, $"{name}: unit {frame[0]} answered, asked was {unit}");
        }

        return ReadPdu.ReadAnswer(frame.AsSpan(1, length - 3), table, count);
    }

    private async Task DrainAsync(Stream connection, TimeSpan quiet, CancellationToken token)
    {
        while (true)
        {
            using var enough = new CancellationTokenSource(quiet, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, token);
            try
            {
                if (await connection.ReadAsync(frame, either.Token) == 0)
                {
                    throw new IOException("the line is closed");
                }
            }
            catch (OperationCanceledException) when (!token.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static async ValueTask ReceiveAsync(Stream connection, Memory<byte> bytes, CancellationToken token)
    {
        while (bytes.Length > 0)
        {
            var read = await connection.ReadAsync(bytes, token);
            bytes = read > 0 ? bytes[read..] : throw new IOException("the line is closed");
        }
    }

    private void Close()
    {
        stream?.Dispose();
        stream = null;
    }
}
