using System.Net;
using System.Net.Sockets;
using UsageBilling.Modbus;

namespace UsageBilling.Protocols.Tests.Modbus;

/// <summary>
/// The client against the server with every fault. Each register holds its own address plus a count of requests, so that an answer
/// to another question cannot be mistaken for the right one.
/// </summary>
public sealed class ModbusTcpClientTests : IAsyncDisposable
{
    private static readonly TimeSpan Patient = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(120);

    private readonly ModbusTcpServer server;
    private Func<ServedRequest, ServerFault?> fault = _ => null;
    private int answered;

    public ModbusTcpClientTests() => server = new ModbusTcpServer(
        new IPEndPoint(IPAddress.Loopback, 0),
        (_, _, address, count) =>
        {
            var number = Interlocked.Increment(ref answered);
            return RegisterReply.Of([.. Enumerable.Range(0, count).Select(i => unchecked((ushort)(address + i + (1_000 * number))))]);
        },
        request => fault(request));

    public async ValueTask DisposeAsync() => await server.DisposeAsync();

    [Theory]
    [InlineData(ModbusTable.HoldingRegisters)]
    [InlineData(ModbusTable.InputRegisters)]
    public async Task Registers_are_read(ModbusTable table)
    {
        await using var client = Client(Patient);
        Assert.Equal([1_072, 1_073, 1_074, 1_075], await client.ReadAsync(1, table, 72, 4, default));
        Assert.Equal(125, (await client.ReadAsync(255, table, 65_411, 125, default)).Length);
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task A_late_answer_is_never_taken_for_the_next_one()
    {
        var hold = new TaskCompletionSource();
        fault = r => r.Number == 1 ? new ServerFault(ServerFaultKind.Delay, hold.Task) : null;
        await using var client = Client(Short);
        await FailsAsync(client, ModbusFailure.Timeout);
        hold.SetResult();
        Assert.Equal([2_072], await client.ReadAsync(1, ModbusTable.InputRegisters, 72, 1, default));
    }

    [Fact]
    public async Task An_answer_that_came_twice_is_not_taken_for_the_next_one()
    {
        fault = r => r.Number == 1 ? new ServerFault(ServerFaultKind.Twice) : null;
        await using var client = Client(Patient);
        Assert.Equal([1_072], await client.ReadAsync(1, ModbusTable.InputRegisters, 72, 1, default));

        // Either the second copy is seen before the next question, which then goes over a new connection, or it is known by its transaction id.
        ushort[]? next = null;
        try
        {
            next = await client.ReadAsync(1, ModbusTable.InputRegisters, 72, 1, default);
        }
        catch (ModbusException e)
        {
            Assert.Equal(ModbusFailure.ForeignReply, e.Failure);
        }

        Assert.True(next is null or [2_072]);
        Assert.Equal(72, (await client.ReadAsync(1, ModbusTable.InputRegisters, 72, 1, default))[0] % 1_000);
    }

    [Theory]
    [InlineData(ServerFaultKind.WrongTransaction, ModbusFailure.ForeignReply)]
    [InlineData(ServerFaultKind.WrongUnit, ModbusFailure.ForeignReply)]
    [InlineData(ServerFaultKind.WrongLength, ModbusFailure.BadFrame)]
    [InlineData(ServerFaultKind.Drop, ModbusFailure.Disconnected)]
    [InlineData(ServerFaultKind.HalfAnswer, ModbusFailure.Disconnected)]
    [InlineData(ServerFaultKind.Silence, ModbusFailure.Timeout)]
    public async Task After_any_doubt_the_connection_is_dropped_and_the_next_request_is_right(ServerFaultKind kind, ModbusFailure expected)
    {
        fault = r => r.Number == 1 ? new ServerFault(kind) : null;
        await using var client = Client(kind == ServerFaultKind.Silence ? Short : Patient);
        await FailsAsync(client, expected);
        await UntilAsync(() => server.Connections == 0);
        Assert.Equal([2_100, 2_101], await client.ReadAsync(1, ModbusTable.InputRegisters, 100, 2, default));
    }

    [Fact]
    public async Task An_exception_answer_is_typed_and_keeps_the_connection()
    {
        fault = r => r.Number == 1 ? new ServerFault(ServerFaultKind.Exception, Code: 2) : null;
        await using var client = Client(Patient);
        var e = await FailsAsync(client, ModbusFailure.DeviceException);
        Assert.Equal((byte)2, e.Code);
        Assert.Contains("illegal data address", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, server.Connections);
        Assert.Equal([1_072], await client.ReadAsync(1, ModbusTable.InputRegisters, 72, 1, default));
    }

    [Fact]
    public async Task A_port_where_nobody_listens_is_disconnected()
    {
        var port = server.EndPoint.Port;
        await server.DisposeAsync();
        await using var client = new ModbusTcpClient("127.0.0.1", port, Patient, TimeProvider.System);
        await FailsAsync(client, ModbusFailure.Disconnected);
    }

    [Fact]
    public async Task A_connection_that_the_device_closed_while_idle_is_made_anew_without_an_error()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var client = new ModbusTcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port, Patient, TimeProvider.System);
        for (ushort transaction = 1; transaction <= 2; transaction++)
        {
            var reading = client.ReadAsync(1, ModbusTable.HoldingRegisters, 0, 1, default).AsTask();
            using var connection = await listener.AcceptSocketAsync();
            await connection.ReceiveAsync(new byte[12]);
            await connection.SendAsync(new byte[] { 0, (byte)transaction, 0, 0, 0, 5, 1, 3, 2, 0, 42 });
            Assert.Equal([42], await reading);
            connection.Shutdown(SocketShutdown.Both);
        }
    }

    [Fact]
    public async Task Requests_of_several_readers_wait_for_each_other()
    {
        await using var client = Client(Patient);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
            (i, (await client.ReadAsync(1, ModbusTable.InputRegisters, (ushort)i, 1, default))[0] % 1_000)));
        Assert.All(answers, a => Assert.Equal(a.i, a.Item2));
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task Giving_up_drops_the_connection()
    {
        using var giveUp = new CancellationTokenSource();
        var seen = new TaskCompletionSource();
        fault = r =>
        {
            seen.TrySetResult();
            return r.Number == 1 ? new ServerFault(ServerFaultKind.Silence) : null;
        };
        await using var client = Client(Patient);
        var reading = client.ReadAsync(1, ModbusTable.InputRegisters, 72, 1, giveUp.Token).AsTask();
        await seen.Task;
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        Assert.Equal(72, (await client.ReadAsync(1, ModbusTable.InputRegisters, 72, 1, default))[0] % 1_000);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 126)]
    [InlineData(65_535, 2)]
    public async Task A_request_that_the_protocol_does_not_know_is_not_sent(int address, int count)
    {
        await using var client = Client(Patient);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await client.ReadAsync(1, ModbusTable.InputRegisters, (ushort)address, (ushort)count, default));
        Assert.Equal(0, server.Requests);
    }

    [Fact]
    public async Task A_disposed_client_reads_no_more()
    {
        var client = Client(Patient);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await client.ReadAsync(1, ModbusTable.InputRegisters, 0, 1, default));
    }

    [Theory]
    [InlineData(new byte[] { 0, 1, 0, 0, 0, 6, 1, 5, 0, 0, 0xFF, 0 }, new byte[] { 0, 1, 0, 0, 0, 3, 1, 0x85, 1 })] // write coil: illegal function
    [InlineData(new byte[] { 0, 2, 0, 0, 0, 6, 1, 3, 0, 0, 0, 126 }, new byte[] { 0, 2, 0, 0, 0, 3, 1, 0x83, 3 })] // 126 registers: illegal value
    [InlineData(new byte[] { 0, 3, 0, 0, 0, 6, 1, 4, 0xFF, 0xFF, 0, 2 }, new byte[] { 0, 3, 0, 0, 0, 3, 1, 0x84, 2 })] // past the end: illegal address
    public async Task The_server_refuses_as_the_specification_says(byte[] request, byte[] expected)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.EndPoint);
        await socket.SendAsync(request);
        var answer = new byte[expected.Length];
        await using var stream = new NetworkStream(socket);
        await stream.ReadExactlyAsync(answer);
        Assert.Equal(expected, answer);
    }

    private ModbusTcpClient Client(TimeSpan timeout) => new("127.0.0.1", server.EndPoint.Port, timeout, TimeProvider.System);

    private static async Task<ModbusException> FailsAsync(ModbusTcpClient client, ModbusFailure expected)
    {
        var e = await Assert.ThrowsAsync<ModbusException>(async () => await client.ReadAsync(1, ModbusTable.InputRegisters, 72, 1, default));
        Assert.Equal(expected, e.Failure);
        return e;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patient);
        while (!condition())
        {
            await Task.Delay(5, patience.Token);
        }
    }
}
