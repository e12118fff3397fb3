using System.Diagnostics;
using System.Globalization;
using System.IO.Ports;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using UsageBilling.Modbus;
using UsageBilling.Testing;

namespace UsageBilling.Protocols.Tests.Modbus;

/// <summary>Both clients against a server by another hand: python3-pymodbus lays out every type in every byte order; we read the exact values.</summary>
public sealed class PymodbusTests
{
    private const byte Unit = 17;
    private static readonly string Script = Path.Combine(SharedCases.RepositoryRoot, "tests", "UsageBilling.Protocols.Tests", "Modbus", "pymodbus_meter.py");

    [Fact]
    public async Task Every_type_in_every_order_is_read_over_TCP()
    {
        var port = FreePort();
        await using var meter = await Meter.StartAsync($"tcp {port}");
        await using var client = new ModbusTcpClient("127.0.0.1", port, TimeSpan.FromSeconds(10), TimeProvider.System);
        await UntilListeningAsync(client);
        await ReadAllAsync(client, meter);
    }

    [Fact]
    public async Task Every_type_in_every_order_is_read_over_a_serial_line()
    {
        await using var meter = await Meter.StartAsync("rtu");
        await using var client = new ModbusRtuClient(new SerialLine(meter.Line!, 38_400, Parity.None), TimeSpan.FromSeconds(1), TimeProvider.System);
        await UntilListeningAsync(client);
        await ReadAllAsync(client, meter);

        // A unit that is not on the line does not answer, and costs its neighbours nothing.
        var e = await Assert.ThrowsAsync<ModbusException>(async () => await client.ReadAsync(99, ModbusTable.InputRegisters, 100, 1, default));
        Assert.Equal(ModbusFailure.Timeout, e.Failure);
        Assert.Equal([0], await client.ReadAsync(Unit, ModbusTable.InputRegisters, 100, 1, default));
    }

    private static async Task ReadAllAsync(IModbusClient client, Meter meter)
    {
        Assert.Equal(4 * 26, meter.Values.Count);
        var spans = meter.Values.Select(v => new RegisterSpan(v.Address % 2 == 0 ? ModbusTable.InputRegisters : ModbusTable.HoldingRegisters, v.Address, v.Format.Count)).ToArray();
        var read = new Dictionary<RegisterSpan, ushort[]>();
        foreach (var request in RegisterPlan.Merge(spans, maxGap: 8))
        {
            var answer = await client.ReadAsync(Unit, request.Table, request.Address, request.Count, default);
            foreach (var span in request.Spans)
            {
                read[span] = request.Words(answer, span).ToArray();
            }
        }

        foreach (var (value, span) in meter.Values.Zip(spans))
        {
            Assert.Equal(RegisterState.Value, RegisterCodec.Decode(read[span], value.Format, out var found));
            Assert.True(value.Expected == found, $"{value.Format.Type} {value.Format.Order}: {value.Text} was read as {found}");
        }

        var refused = await Assert.ThrowsAsync<ModbusException>(async () => await client.ReadAsync(Unit, ModbusTable.HoldingRegisters, 5, 1, default));
        Assert.Equal((byte)2, refused.Code);
    }

    private static async Task UntilListeningAsync(IModbusClient client)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            try
            {
                await client.ReadAsync(Unit, ModbusTable.InputRegisters, 100, 1, patience.Token);
                return;
            }
            catch (ModbusException e) when (e.Failure is ModbusFailure.Disconnected or ModbusFailure.Timeout)
            {
                await Task.Delay(20, patience.Token);
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed record Value(RegisterFormat Format, ushort Address, string Text)
    {
        /// <summary>What must be read: the integer, or the float's exact binary value to three decimals, half away from zero.</summary>
        public long Expected => Format.Type switch
        {
            RegisterType.F32 => Exact(float.Parse(Text, CultureInfo.InvariantCulture)),
            RegisterType.F64 => Exact(double.Parse(Text, CultureInfo.InvariantCulture)),
            _ => long.Parse(Text, CultureInfo.InvariantCulture),
        };

        private static long Exact(double number)
        {
            // 60 binary places hold every value that the script lays out.
            var scaled = new BigInteger(Math.Abs(number) * Math.Pow(2, 60)) * 1_000;
            return Math.Sign(number) * (long)(((2 * scaled) + BigInteger.Pow(2, 60)) / BigInteger.Pow(2, 61));
        }
    }

    private sealed class Meter : IAsyncDisposable
    {
        private readonly Process process;

        private Meter(Process process) => this.process = process;

        public List<Value> Values { get; } = [];

        public string? Line { get; private set; }

        public static async Task<Meter> StartAsync(string arguments)
        {
            if (!Directory.Exists("/usr/lib/python3/dist-packages/pymodbus"))
            {
                Assert.Skip("pymodbus is not installed (apt-get install python3-pymodbus)");
            }

            // Debian's own Python: another one on the path does not see Debian's packages.
            var meter = new Meter(Process.Start(new ProcessStartInfo("/usr/bin/python3", $"{Script} {arguments}")
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!);
            while (await meter.process.StandardOutput.ReadLineAsync() is { } line && line != "READY")
            {
                var parts = line.Split(' ');
                if (parts[0] == "LINE")
                {
                    meter.Line = parts[1];
                    continue;
                }

                var type = Enum.Parse<RegisterType>(parts[0]);
                var format = new RegisterFormat(type, Enum.Parse<WordOrder>(parts[1]), type is RegisterType.F32 or RegisterType.F64 ? 3 : 0);
                meter.Values.Add(new Value(format, ushort.Parse(parts[2], CultureInfo.InvariantCulture), parts[3]));
            }

            return meter;
        }

        public async ValueTask DisposeAsync()
        {
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }
}
