using System.Net;
using Microsoft.Extensions.Time.Testing;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Meters;
using UsageBilling.Modbus;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Tests.Meters;

public class ModbusMeterTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    /// <summary>Words as the maker's document lays them out, and the raw integer and power of ten that must come out.</summary>
    [Theory]
    [InlineData("eastron-sdm120", 4, 0x0048, "449A5225", 123457, 1)] // 1234.567 kWh as float32, to 0.01 kWh
    [InlineData("eastron-sdm630", 4, 0x004A, "41480000", 1250, 1)] // 12.5 kWh
    [InlineData("schneider-iem3155", 3, 0x0C83, "0000000012345678", 0x12345678, 0)]
    [InlineData("schneider-iem3155", 3, 0x0C87, "00000000000003E8", 1000, 0)]
    [InlineData("carlo-gavazzi-em340", 4, 0x0034, "E2400001", 123456, 2)] // low word first
    [InlineData("carlo-gavazzi-em340", 4, 0x004E, "00070000", 7, 2)]
    [InlineData("abb-b23", 3, 0x5000, "000000000001E240", 123456, 1)]
    public async Task A_template_reads_the_value_that_the_makers_document_gives(string template, int function, int address, string words, long value, int scale)
    {
        await using var server = Serve((table, at) => (int)table == function && at >= address && at < address + (words.Length / 4)
            ? Convert.ToUInt16(words.Substring(4 * (at - address), 4), 16)
            : (ushort)0);
        var read = await ReadAsync(server, template);
        Assert.Contains(read.Readings, r => (r.Value, r.Scale) == (value, scale));
        Assert.Equal(2, read.Readings.Length);
    }

    [Fact]
    public async Task A_register_that_the_meter_does_not_have_is_left_out()
    {
        await using var server = Serve((_, at) => at is >= 0x5004 and < 0x5008 ? ushort.MaxValue : (ushort)0);
        Assert.Equal(ObisCode.ActiveImport, Assert.Single((await ReadAsync(server, "abb-b23")).Readings).Register.Obis);
    }

    [Fact]
    public async Task Registers_of_a_meter_are_read_in_one_request_for_billing()
    {
        await using var server = Serve((_, _) => 0);
        await ReadAsync(server, "schneider-iem3155", verify: false);
        Assert.Equal(1, server.Requests);
    }

    [Theory]
    [InlineData("0100", true)] // leading zeros are printed, not told
    [InlineData("100", true)]
    [InlineData("101", false)]
    public async Task A_meter_with_another_serial_number_gives_no_readings(string configured, bool accepted)
    {
        await using var server = Serve((_, at) => at == 0x8901 ? (ushort)100 : (ushort)0);
        if (accepted)
        {
            Assert.All((await ReadAsync(server, "abb-b23", configured)).Readings, r => Assert.Equal(configured, r.Register.Serial));
        }
        else
        {
            var error = await Assert.ThrowsAsync<MeterException>(() => ReadAsync(server, "abb-b23", configured));
            Assert.Contains("serial number 100 answers where 101 is configured", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task With_serial_auto_the_register_follows_the_meter_when_it_is_exchanged()
    {
        ushort serial = 100;
        await using var server = Serve((_, at) => at == 0x8901 ? serial : (ushort)0);
        await using var client = Client(server);
        var meter = Meter(client, "abb-b23", "auto");
        Assert.Equal("100", (await meter.ReadAsync(true, Token)).Readings[0].Register.Serial);
        meter.Stored();
        serial = 200;
        var exchanged = await meter.ReadAsync(true, Token);
        Assert.Equal(("200", "meter-exchanged"), (exchanged.Readings[0].Register.Serial, Assert.Single(exchanged.Events).Kind));
    }

    [Fact]
    public async Task Another_model_than_the_template_says_gives_no_readings()
    {
        await using var server = Serve((_, at) => at switch { 0x0031 => 'E' << 8 | 'M', 0x0032 => '2' << 8 | '4', _ => 0 });
        var error = await Assert.ThrowsAsync<MeterException>(() => ReadAsync(server, "schneider-iem3155"));
        Assert.Contains("a EM24 answers where template 'schneider-iem3155' expects iEM3155", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dead_meter_is_read_after_its_neighbours_and_backs_off()
    {
        var order = new List<byte>();
        await using var server = new ModbusTcpServer(new IPEndPoint(IPAddress.Loopback, 0), (unit, _, _, count) =>
        {
            lock (order)
            {
                order.Add(unit);
            }

            return unit == 1 ? RegisterReply.Silence : RegisterReply.Of(new ushort[count]);
        });
        await using var client = Client(server, TimeSpan.FromMilliseconds(100));
        var line = new MeterLine([.. new byte[] { 1, 2, 3 }.Select(u => Meter(client, "abb-b23", "1", unit: u, verify: false))], _time, TimeProvider.System, TimeSpan.FromSeconds(10));

        Assert.Equal([false, true, true], (await line.PollAsync(true, Token)).Select(p => p.Read is not null));
        order.Clear();
        await line.PollAsync(true, Token);
        Assert.Equal([2, 3, 1], order);

        order.Clear();
        await line.PollAsync(false, Token);
        Assert.DoesNotContain((byte)1, order);
        _time.Advance(TimeSpan.FromSeconds(10));
        await line.PollAsync(false, Token);
        Assert.Contains((byte)1, order);
        Assert.Equal(["failing", "ok", "ok"], line.Statuses.Select(s => s.State));
    }

    [Fact]
    public async Task A_meter_that_answers_again_says_so_once()
    {
        var dead = true;
        await using var server = new ModbusTcpServer(new IPEndPoint(IPAddress.Loopback, 0), (_, _, _, count) => dead ? RegisterReply.Exception(4) : RegisterReply.Of(new ushort[count]));
        await using var client = Client(server);
        var line = new MeterLine([Meter(client, "abb-b23", "1", verify: false)], _time, TimeProvider.System, TimeSpan.FromSeconds(10));
        Assert.Equal("meter-failing", Assert.Single(Assert.Single(await line.PollAsync(true, Token)).Events).Kind);
        Assert.Empty(Assert.Single(await line.PollAsync(true, Token)).Events);
        dead = false;
        Assert.Equal("meter-back", Assert.Single(Assert.Single(await line.PollAsync(true, Token)).Events).Kind);
        Assert.Empty(Assert.Single(await line.PollAsync(true, Token)).Events);
    }

    [Fact]
    public async Task Another_meter_that_answers_is_told_once_for_each_register_until_the_right_one_is_back()
    {
        ushort serial = 100;
        await using var server = Serve((_, at) => at == 0x8901 ? serial : (ushort)0);
        await using var client = Client(server);
        var line = new MeterLine([Meter(client, "abb-b23", "101")], _time, TimeProvider.System, TimeSpan.FromSeconds(10));
        var told = Assert.Single(await line.PollAsync(true, Token)).Events;
        Assert.Equal("meter-failing", told[0].Kind);
        Assert.Contains(told, e => (e.Kind, e.Detail, e.Register) == ("meter-serial", "100", new RegisterKey("maker", "101", ObisCode.ActiveImport)));
        Assert.Equal(MeterTemplates.BuiltIn.Find("abb-b23")!.Registers.Length, told.Count(e => e.Kind == "meter-serial"));

        // People who watch get its values; the next boundary finds it as before, and tells only that it fails.
        await line.PollAsync(false, Token);
        Assert.DoesNotContain(Assert.Single(await line.PollAsync(true, Token)).Events, e => e.Kind == "meter-serial");
        serial = 200;
        Assert.Contains(Assert.Single(await line.PollAsync(true, Token)).Events, e => e is { Kind: "meter-serial", Detail: "200" });
        serial = 101;
        Assert.Equal("meter-back", Assert.Single(Assert.Single(await line.PollAsync(true, Token)).Events).Kind);
        serial = 200;
        Assert.Contains(Assert.Single(await line.PollAsync(true, Token)).Events, e => e is { Kind: "meter-serial", Detail: "200" });
    }

    [Fact]
    public async Task A_meter_in_test_mode_flags_its_readings_and_tells_so_once()
    {
        var folder = Directory.CreateTempSubdirectory("ub-templates-").FullName;
        File.WriteAllText(Path.Combine(folder, "mine.yaml"), """
            template: mine
            manufacturer: me
            model: M
            function: 3
            registers:
              - { obis: "1-0:1.8.0", address: 0, type: u32, resolution: 1 Wh, digits: 9 }
            faults:
              - { address: 100, mask: 0x0004, means: test mode }
              - { address: 101, mask: 0xFF00, means: measuring fault }
            """);
        var template = MeterTemplates.BuiltIn.With(folder, out var mistakes).Find("mine")!;
        Assert.Empty(mistakes);
        Directory.Delete(folder, recursive: true);
        ushort status = 0x0001;
        await using var server = Serve((_, at) => at == 100 ? status : at == 101 ? 0x00FF : 7);
        await using var client = Client(server);
        var meter = new ModbusMeter(new ModbusMeterSettings("m", "maker", "1", "bus", 1, template, false), client, _time);
        var good = await meter.ReadAsync(true, Token);
        Assert.Equal((ReadingQuality.Good, 0), (Assert.Single(good.Readings).Quality, good.Events.Length));

        status = 0x0005;
        var tested = await meter.ReadAsync(true, Token);
        Assert.Equal(ReadingQuality.MeterFault, Assert.Single(tested.Readings).Quality);
        Assert.Equal(("meter-fault", "meter m: test mode"), Assert.Single(tested.Events) is var told ? (told.Kind, told.Detail) : default);
        Assert.Single((await meter.ReadAsync(true, Token)).Events);
        meter.Stored();
        Assert.Empty((await meter.ReadAsync(true, Token)).Events);
        status = 0;
        Assert.Equal("meter m: no fault any more", Assert.Single((await meter.ReadAsync(true, Token)).Events).Detail);
    }

    [Fact]
    public void A_template_with_mistakes_names_their_lines()
    {
        var folder = Directory.CreateTempSubdirectory("ub-templates-").FullName;
        File.WriteAllText(Path.Combine(folder, "mine.yaml"), "template: mine\nmanufacturer: me\nmodel: M\nregisters:\n  - { obis: 1-0:1.8.0, adress: 1, type: f16, resolution: 3 kWh, digits: 7 }\n");
        MeterTemplates.BuiltIn.With(folder, out var mistakes);
        Assert.Equal(5, mistakes.Count(m => m.Line == 5));
        Assert.Contains(mistakes, m => m.Message.Contains("did you mean 'address'", StringComparison.Ordinal));
        Directory.Delete(folder, recursive: true);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private async Task<MeterRead> ReadAsync(ModbusTcpServer server, string template, string serial = "1", bool verify = true)
    {
        await using var client = Client(server);
        return await Meter(client, template, serial, verify: verify).ReadAsync(forBilling: true, Token);
    }

    private ModbusMeter Meter(IModbusClient client, string template, string serial, byte unit = 1, bool verify = true) =>
        new(new ModbusMeterSettings("m", "maker", serial, "bus", unit, MeterTemplates.BuiltIn.Find(template)!, verify), client, _time);

    private static ModbusTcpClient Client(ModbusTcpServer server, TimeSpan? timeout = null) =>
        new("127.0.0.1", server.EndPoint.Port, timeout ?? TimeSpan.FromSeconds(5), TimeProvider.System);

    private static ModbusTcpServer Serve(Func<ModbusTable, int, int> word) => new(
        new IPEndPoint(IPAddress.Loopback, 0),
        (_, table, address, count) => RegisterReply.Of([.. Enumerable.Range(address, count).Select(at => (ushort)word(table, at))]));
}
