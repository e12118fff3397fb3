using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Google.Protobuf;
using NodaTime;
using UsageBilling.Edge.Simulator.Serving;
using UsageBilling.Modbus;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Tests.Simulator;

public sealed class ServedSiteTests
{
    private static readonly Instant From = Instant.FromUtc(2026, 9, 1, 0, 0);
    private static readonly Duration Quarter = Duration.FromMinutes(15);

    [Fact]
    public void One_big_step_gives_the_same_pulses_as_many_small_ones()
    {
        var (big, small) = (Control(), Control());
        big.Advance(To(From));
        small.Advance(To(From));
        var random = new Random(4);
        List<(int, long)> many = [];
        var end = From + Duration.FromDays(20);
        for (var at = From; at < end;)
        {
            at = Instant.Min(end, at + Duration.FromMilliseconds(random.Next(1, 6_000_000)));
            many.AddRange(Pulses(small.Advance(To(at))));
        }

        var once = Pulses(big.Advance(To(end)));
        Assert.True(once.Count > 100);
        Assert.Equal(once.Order(), many.Order());
    }

    [Fact]
    public void A_gateway_that_begins_again_gets_the_pulses_from_its_own_instant()
    {
        var control = Control();
        var whole = Pulses(control.Advance(new AdvanceRequest { FromMs = Ms(From), ToMs = Ms(From + Duration.FromDays(2)) }));
        control.Advance(To(From + Duration.FromDays(5)));
        var again = Pulses(control.Advance(new AdvanceRequest { FromMs = Ms(From), ToMs = Ms(From + Duration.FromDays(2)) }));
        Assert.NotEmpty(whole);
        Assert.Equal(whole, again);
        Assert.Empty(Pulses(Control().Advance(To(From))));
    }

    [Fact]
    public void Instants_out_of_order_or_out_of_range_are_answered_with_the_reason()
    {
        var control = Control();
        control.Advance(To(From));
        Assert.Contains("is before", control.Advance(To(From - Quarter)).Error, StringComparison.Ordinal);
        Assert.Contains("must lie between", control.Advance(new AdvanceRequest { ToMs = long.MaxValue }).Error, StringComparison.Ordinal);
        Assert.Contains("must lie between", control.Advance(new AdvanceRequest { ToMs = 1 }).Error, StringComparison.Ordinal);
        Assert.Empty(control.Advance(To(From + Quarter)).Error);
    }

    [Fact]
    public async Task A_gateway_drives_the_site_over_its_socket_and_reads_the_oracles_registers()
    {
        var site = ASite.Demo();
        var path = Path.Combine(Path.GetTempPath(), $"ub-sim-{Environment.ProcessId}-{Guid.NewGuid():N}.sock");
        await using var served = new ServedSite(site, new IPEndPoint(IPAddress.Loopback, 0), path, TimeProvider.System);
        await using var client = new ModbusTcpClient("127.0.0.1", served.EndPoint.Port, TimeSpan.FromSeconds(20), TimeProvider.System);
        var water = site.RegisterAt(ASite.Water, From);
        for (var connection = 0; connection < 2; connection++)
        {
            // The second connection is a gateway that was started again.
            using var gateway = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await gateway.ConnectAsync(new UnixDomainSocketEndPoint(path));
            await using var stream = new NetworkStream(gateway);
            for (var i = 0; i <= 96; i++)
            {
                var at = From + (Quarter * ((97 * connection) + i));
                var reply = await AdvanceAsync(stream, To(at));
                water += Pulses(reply).Count(p => p.Pin == 17);
                Assert.Equal(site.RegisterAt(ASite.Water, at), water);
                var words = await client.ReadAsync(31, ModbusTable.HoldingRegisters, 0x0C83, 4, default);
                Assert.Equal(site.RegisterAt(ASite.Factory, at), (long)BigEndian(words));
            }
        }

        await served.DisposeAsync();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task Without_a_simulation_the_registers_answer_for_now()
    {
        var site = ASite.Demo();
        var now = Instant.FromUtc(2026, 6, 1, 12, 0);
        var time = new FrozenTime(now);
        await using var served = new ServedSite(site, new IPEndPoint(IPAddress.Loopback, 0), null, time);
        await using var client = new ModbusTcpClient("127.0.0.1", served.EndPoint.Port, TimeSpan.FromSeconds(20), TimeProvider.System);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(site.RegisterAt(ASite.Factory, time.Now), (long)BigEndian(await client.ReadAsync(31, ModbusTable.HoldingRegisters, 0x0C83, 4, default)));
            time.Now += Duration.FromDays(10);
        }
    }

    [Fact]
    public async Task Mbpoll_reads_what_the_oracle_says()
    {
        if (!File.Exists("/usr/bin/mbpoll"))
        {
            Assert.Skip("mbpoll is not installed (apt-get install mbpoll)");
        }

        var site = ASite.Demo();
        await using var served = new ServedSite(site, new IPEndPoint(IPAddress.Loopback, 0), null, new FrozenTime(From));
        var port = served.EndPoint.Port;
        Assert.Equal(
            site.RegisterAt(new("carlo-gavazzi", "BY2460044A007", Protocols.ObisCode.ActiveImport), From).ToString(),
            (await MbpollAsync(port, "-a 21 -r 52 -t 3:int")).Single());

        // As words: mbpoll prints floats with six digits.
        ushort[] words = [.. (await MbpollAsync(port, "-a 11 -r 72 -c 2 -t 3:hex")).Select(w => Convert.ToUInt16(w, 16))];
        Assert.Equal(RegisterState.Value, RegisterCodec.Decode(words, new RegisterFormat(RegisterType.F32, Decimals: 2), out var household));
        Assert.Equal(site.RegisterAt(new("eastron", "21340117", Protocols.ObisCode.ActiveImport), From), household);
        Assert.Equal(
            site.RegisterAt(ASite.Factory, From),
            (await MbpollAsync(port, "-a 31 -r 3203 -c 4 -t 4:hex")).Aggregate(0L, (sum, word) => (sum << 16) | Convert.ToInt64(word, 16)));
    }

    [Fact]
    public async Task Two_months_of_quarter_hours_advance_and_poll_in_seconds()
    {
        var site = ASite.Demo();
        var control = new SimulationControl(site, new SiteClock(TimeProvider.System));
        var clock = new SiteClock(TimeProvider.System);
        await using var server = new ModbusTcpServer(new IPEndPoint(IPAddress.Loopback, 0), (u, t, a, c) => site.Read(u, t, a, c, clock.Now));
        await using var client = new ModbusTcpClient("127.0.0.1", server.EndPoint.Port, TimeSpan.FromSeconds(20), TimeProvider.System);
        var pulses = 0;
        const int Days = 6; // a tenth of the two months
        for (var i = 0; i <= Days * 96; i++)
        {
            var at = From + (Quarter * i);
            pulses += Pulses(control.Advance(To(at))).Count;
            clock.Set(at);
            foreach (var unit in (byte[])[11, 12, 13, 14, 21, 31])
            {
                await client.ReadAsync(unit, unit is 11 or 12 or 21 ? ModbusTable.InputRegisters : ModbusTable.HoldingRegisters,
                    (ushort)(unit switch { 11 or 12 => 0x0048, 21 => 0x0034, 31 => 0x0C83, _ => 0x5000 }), 4, default);
            }
        }

        Assert.Equal(((Days * 96) + 1) * 6, server.Requests);
        Assert.True(pulses > 100);
    }

    private static SimulationControl Control() => new(ASite.Demo(), new SiteClock(TimeProvider.System));

    private static AdvanceRequest To(Instant at) => new() { ToMs = Ms(at) };

    private static long Ms(Instant at) => at.ToUnixTimeMilliseconds();

    private static List<(int Pin, long AtUs)> Pulses(AdvanceReply reply)
    {
        Assert.Empty(reply.Error);
        List<(int, long)> pulses = [];
        foreach (var pin in reply.Pins)
        {
            long at = 0;
            pulses.AddRange(pin.AtUs.Select(difference => (pin.Pin, at += difference)));
        }

        return pulses;
    }

    private static async Task<AdvanceReply> AdvanceAsync(NetworkStream stream, AdvanceRequest request)
    {
        var body = request.ToByteArray();
        var head = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(head, body.Length);
        await stream.WriteAsync((byte[])[.. head, .. body]);
        await stream.ReadExactlyAsync(head);
        var reply = new byte[BinaryPrimitives.ReadInt32BigEndian(head)];
        await stream.ReadExactlyAsync(reply);
        return AdvanceReply.Parser.ParseFrom(reply);
    }

    private static ulong BigEndian(ushort[] words) => words.Aggregate(0UL, (sum, word) => (sum << 16) | word);

    private static async Task<string[]> MbpollAsync(int port, string arguments)
    {
        using var mbpoll = Process.Start(new ProcessStartInfo("/usr/bin/mbpoll", $"-m tcp -p {port} -0 {arguments} -1 -q 127.0.0.1") { RedirectStandardOutput = true })!;
        var output = await mbpoll.StandardOutput.ReadToEndAsync();
        await mbpoll.WaitForExitAsync();
        return [.. Regex.Matches(output, @"^\[\d+\]:\s+(\S+)", RegexOptions.Multiline).Select(m => m.Groups[1].Value)];
    }

    private sealed class FrozenTime(Instant now) : TimeProvider
    {
        public Instant Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now.ToDateTimeOffset();
    }
}
