using NodaTime;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Modbus;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Tests.Simulator;

public sealed class SimulatedSiteTests
{
    private const long KnownImport = 2_078_075;
    private const long KnownExport = 1_434_161;
    private const long KnownWater = 75_438;

    private static readonly Duration Quarter = Duration.FromMinutes(15);
    private static readonly RegisterKey Import = new("schneider", "1001", ObisCode.ActiveImport);

    [Fact]
    public void Registers_never_fall_and_start_where_the_file_says()
    {
        var site = ASite.Demo();
        Assert.Equal(1_204_511, site.RegisterAt(new RegisterKey("eastron", "21340117", ObisCode.ActiveImport), ASite.Epoch));
        var random = new Random(1);
        foreach (var register in site.Registers)
        {
            var (at, before) = (ASite.Epoch, site.RegisterAt(register, ASite.Epoch));
            for (var i = 0; i < 800; i++)
            {
                at += Duration.FromMilliseconds(random.Next(1, 110_000_000));
                var value = site.RegisterAt(register, at);
                Assert.True(value >= before, $"{register} falls from {before} to {value} at {at}");
                before = value;
            }
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_registers_in_whatever_order_they_are_asked()
    {
        var (one, other) = (ASite.Demo(), ASite.Demo());
        var random = new Random(2);
        Instant[] instants = [.. Enumerable.Range(0, 500).Select(_ => ASite.Epoch + Duration.FromSeconds(random.Next(100_000_000)))];
        var forward = instants.Order().SelectMany(one.At).ToHashSet();
        var backward = instants.OrderDescending().SelectMany(other.At).ToHashSet();
        Assert.True(forward.SetEquals(backward));
    }

    [Fact]
    public void Another_seed_gives_other_registers()
    {
        var at = ASite.Epoch + Duration.FromDays(100);
        Assert.All(ASite.Demo().At(at).Zip(ASite.Demo(seed: 99).At(at)), pair => Assert.NotEqual(pair.First.Value, pair.Second.Value));
    }

    [Fact]
    public void The_registers_of_a_known_instant_are_the_same_on_every_machine()
    {
        var registers = ASite.Demo().At(Instant.FromUtc(2026, 10, 25, 1, 15)).ToDictionary(r => r.Register.ToString(), r => r.Value);
        Assert.Equal(KnownImport, registers["eastron/21340117/1-0:1.8.0"]);
        Assert.Equal(KnownExport, registers["abb/60418901/1-0:2.8.0"]);
        Assert.Equal(KnownWater, registers["diehl/8DME7100231/8-0:1.0.0"]);
    }

    [Fact]
    public void A_year_flows_about_what_the_file_says()
    {
        var site = ASite.Demo();
        foreach (var meter in site.Meters.Where(m => m.Meter.Load is "household" or "shop" or "water" or "gas"))
        {
            var key = meter.Keys(meter.Meter.Installed[0]).First();
            var counts = site.RegisterAt(key, ASite.Epoch + Duration.FromDays(366)) - site.RegisterAt(key, ASite.Epoch);
            var perUnit = meter.Scale >= 0 ? 1_000m / (decimal)Math.Pow(10, meter.Scale) : (decimal)Math.Pow(10, -meter.Scale);
            Assert.InRange(counts / perUnit / meter.Meter.Yearly, 0.93m, 1.07m);
        }
    }

    [Fact]
    public void A_factory_peaks_on_working_days_and_rests_on_sundays()
    {
        var site = ASite.Demo();
        var monday = Instant.FromUtc(2026, 9, 14, 0, 0);
        var (working, resting) = (Peak(site, ASite.Factory, monday), Peak(site, ASite.Factory, monday - Duration.FromDays(1)));
        Assert.True(working > 4 * resting, $"{working} W on Monday, {resting} W on Sunday");
        Assert.InRange(working, 65_000 * 85 / 100, 150_000);
    }

    [Fact]
    public void Panels_feed_in_by_day_only_and_more_in_summer()
    {
        var site = ASite.Demo();
        var export = new RegisterKey("abb", "60418901", ObisCode.ActiveExport);
        long Fed(int month, int from, int to) => Enumerable.Range(1, 28).Sum(day =>
            site.RegisterAt(export, Instant.FromUtc(2026, month, day, to, 0)) - site.RegisterAt(export, Instant.FromUtc(2026, month, day, from, 0)));
        Assert.Equal(0, Fed(6, 0, 2));
        Assert.Equal(0, Fed(12, 17, 23));
        Assert.True(Fed(6, 4, 20) > 4 * Fed(12, 4, 20));
    }

    [Fact]
    public void People_live_by_the_clocks_of_their_site()
    {
        // The morning rise comes at six: 05:00 UTC where clocks are an hour ahead.
        var site = ASite.With();
        long In(LocalDate date, int hour) => site.RegisterAt(Import, (date + new LocalTime(hour + 1, 0)).InUtc().ToInstant())
            - site.RegisterAt(Import, (date + new LocalTime(hour, 0)).InUtc().ToInstant());
        var days = Enumerable.Range(0, 10).Select(w => new LocalDate(2026, 1, 6).PlusWeeks(w)).ToArray();
        Assert.True(days.Sum(d => In(d, 4)) * 14 < days.Sum(d => In(d, 5)) * 10);
    }

    [Fact]
    public void Pulses_and_register_agree_at_every_instant()
    {
        var site = ASite.Demo();
        var meter = site.Meters.Single(m => m.Meter.Id == "water-1");
        var from = Instant.FromUtc(2026, 3, 1, 0, 0);
        var counted = site.RegisterAt(ASite.Water, from);
        var random = new Random(3);
        for (var at = from; at < from + Duration.FromDays(40);)
        {
            var next = at + Duration.FromMilliseconds(random.Next(1, 9_000_000));
            var pulses = meter.Pulses(at, next).ToArray();
            Assert.All(pulses, p => Assert.True(p > at && p <= next));
            Assert.Equal(pulses.Order(), pulses);
            counted += pulses.Length;
            Assert.Equal(site.RegisterAt(ASite.Water, next), counted);
            foreach (var pulse in pulses.Take(1))
            {
                var step = site.RegisterAt(ASite.Water, pulse) - site.RegisterAt(ASite.Water, pulse - Duration.FromMilliseconds(1));
                Assert.True(step >= 1, $"no step at {pulse}");
            }

            at = next;
        }
    }

    [Fact]
    public void An_exchanged_meter_stops_and_the_new_one_begins_where_the_file_says()
    {
        var at = Instant.FromUtc(2024, 3, 12, 9, 7);
        var site = ASite.With("exchanged:", "  - { at: 2024-03-12T09:07:00Z, serial: \"1002\", registers: { \"1-0:1.8.0\": 3 } }");
        var renewed = new RegisterKey("schneider", "1002", ObisCode.ActiveImport);
        var plain = ASite.With();
        var end = site.RegisterAt(Import, at);
        Assert.Equal(plain.RegisterAt(Import, at), end);
        Assert.Equal(end, site.RegisterAt(Import, at + Duration.FromDays(9)));
        Assert.Equal(3, site.RegisterAt(renewed, at));
        Assert.Equal(3, site.RegisterAt(renewed, at - Duration.FromDays(1)));
        var later = at + Duration.FromDays(30);
        Assert.Equal(plain.RegisterAt(Import, later) - plain.RegisterAt(Import, at), site.RegisterAt(renewed, later) - 3);
        Assert.True(site.IsInstalled(Import, at - Duration.Epsilon) && !site.IsInstalled(renewed, at - Duration.Epsilon));
        Assert.True(!site.IsInstalled(Import, at) && site.IsInstalled(renewed, at));
        Assert.Equal(1_001, Serial(site, at - Quarter));
        Assert.Equal(1_002, Serial(site, at));
    }

    [Fact]
    public void A_register_rolls_over_at_the_instant_that_the_file_names()
    {
        var at = Instant.FromUtc(2024, 5, 1, 12, 0);
        var site = ASite.With("digits: 6", "rollsOverAt: 2024-05-01T12:00:00Z");
        Assert.Equal(0, site.RegisterAt(Import, at));
        Assert.InRange(site.RegisterAt(Import, at - Duration.FromHours(2)), 990_000, 999_999);
        Assert.InRange(site.RegisterAt(Import, at + Duration.FromHours(2)), 1, 10_000);
    }

    [Fact]
    public void A_register_falls_at_the_instant_that_the_file_names()
    {
        var at = Instant.FromUtc(2024, 5, 1, 12, 0);
        var (site, plain) = (ASite.With("falls:", "  - { at: 2024-05-01T12:00:00Z, by: 400 }"), ASite.With());
        Assert.Equal(plain.RegisterAt(Import, at - Quarter), site.RegisterAt(Import, at - Quarter));
        Assert.Equal(plain.RegisterAt(Import, at) - 400, site.RegisterAt(Import, at));
        Assert.Equal(plain.RegisterAt(Import, at + Quarter) - 400, site.RegisterAt(Import, at + Quarter));
    }

    [Fact]
    public void A_silent_meter_does_not_answer_and_a_foreign_unit_is_refused_as_by_a_bus_gateway()
    {
        var site = ASite.With("silent:", "  - { from: 2024-05-01T12:00:00Z, until: 2024-05-01T13:00:00Z }");
        RegisterReply Read(byte unit, int minute) => site.Read(unit, ModbusTable.HoldingRegisters, 0x0C83, 4, Instant.FromUtc(2024, 5, 1, 11, 59) + Duration.FromMinutes(minute));
        Assert.NotNull(Read(1, 0).Registers);
        Assert.Equal(RegisterReply.Silence, Read(1, 1));
        Assert.Equal(RegisterReply.Silence, Read(1, 60));
        Assert.NotNull(Read(1, 61).Registers);
        Assert.Equal(11, Read(2, 0).Code);
        Assert.Equal(RegisterReply.IllegalAddress, site.Read(1, ModbusTable.InputRegisters, 0x0C83, 4, ASite.Epoch));
    }

    [Theory]
    [InlineData("SDM630", ModbusTable.InputRegisters, 0x0048, RegisterType.F32, WordOrder.ABCD, 2)]
    [InlineData("iEM3155", ModbusTable.HoldingRegisters, 0x0C83, RegisterType.I64, WordOrder.ABCD, 0)]
    [InlineData("EM340", ModbusTable.InputRegisters, 0x0034, RegisterType.I32, WordOrder.CDAB, 0)]
    [InlineData("B23", ModbusTable.HoldingRegisters, 0x5000, RegisterType.U64, WordOrder.ABCD, 0)]
    public void Each_model_answers_at_its_makers_address(string model, ModbusTable table, int address, RegisterType type, WordOrder order, int decimals)
    {
        var site = ASite.Demo();
        var meter = site.Meters.First(m => m.Meter.Connection is ModbusConnection c && c.Model == model);
        var at = Instant.FromUtc(2026, 8, 3, 10, 0);
        var format = new RegisterFormat(type, order, decimals);
        var reply = site.Read(((ModbusConnection)meter.Meter.Connection).Unit, table, (ushort)address, format.Count, at);
        Assert.Equal(RegisterState.Value, RegisterCodec.Decode(reply.Registers, format, out var value));
        Assert.Equal(site.RegisterAt(meter.Keys(meter.Meter.Installed[0]).First(), at), value);
    }

    private static long Serial(SimulatedSite site, Instant at)
    {
        RegisterCodec.Decode(site.Read(1, ModbusTable.HoldingRegisters, 0x0081, 2, at).Registers, new RegisterFormat(RegisterType.U32), out var serial);
        return serial;
    }

    /// <summary>Highest mean power of a quarter of an hour of a day, in W, for a register that counts Wh.</summary>
    private static long Peak(SimulatedSite site, RegisterKey register, Instant day) => Enumerable.Range(0, 96).Max(i =>
        4 * (site.RegisterAt(register, day + (Quarter * (i + 1))) - site.RegisterAt(register, day + (Quarter * i))));
}
