using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Tests.Sampling;
using UsageBilling.Testing;

namespace UsageBilling.Edge.Tests.Configuration;

public class ConfigurationTests
{
    private const string Good = """
        gateway: gw-1
        state: state
        sampling:
          interval: 15
        buses:
          - id: panel
            modbus-tcp: 10.0.0.5:502
          - id: line
            modbus-rtu: /dev/ttyUSB0
        meters:
          - id: flat
            template: eastron-sdm120
            bus: panel
            unit: 1
            serial: "100"
          - id: water
            manufacturer: diehl
            serial: W1
            pulse:
              source: gpio-cdev
              pin: 17
              obis: "8-0:1.0.0"
              value: 1/100 m3
        """;

    [Fact]
    public void A_good_configuration_has_no_mistakes()
    {
        var result = Load(Good);
        Assert.Empty(result.Problems);
        Assert.Equal(2, result.Configuration!.Meters.Length);
        Assert.Equal(Path.GetFullPath("state"), result.Configuration.StateFolder);
    }

    [Fact]
    public void An_unclosed_list_is_a_mistake_and_not_a_crash() =>
        Assert.Contains("not closed", Assert.Single(Load("gateway: [x\nmeters:\n - a: {\n").Problems).ToString(), StringComparison.Ordinal);

    /// <summary>Each row changes one line of the good configuration: what stands there, what is put there, the line of the mistake, a part of what is said.</summary>
    [Theory]
    [InlineData("gateway: gw-1", "gateway: my gateway", 1, "must be 1 to 64 letters")]
    [InlineData("gateway: gw-1", "gatway: gw-1", 1, "did you mean 'gateway'")]
    [InlineData("state: state", "state: ${NOT_SET}", 2, "NOT_SET is not set")]
    [InlineData("  interval: 15", "  interval: 20", 4, "choose 5, 10, 15, 30 or 60")]
    [InlineData("  interval: 15", "  interval: often", 4, "must be a whole number")]
    [InlineData("  interval: 15", "  intervall: 15", 4, "did you mean 'interval'")]
    [InlineData("    modbus-tcp: 10.0.0.5:502", "    modbus-tcp: 10.0.0.5:99999", 7, "a port from 1 to 65535")]
    [InlineData("    modbus-tcp: 10.0.0.5:502", "    modbus-tcp: 10.0.0.5:502\n    baud: 9600", 8, "belongs to serial lines")]
    [InlineData("    modbus-rtu: /dev/ttyUSB0", "    timeout-ms: 5", 9, "from 10 to 60000")]
    [InlineData("  - id: line", "  - id: panel", 8, "already a bus 'panel'")]
    [InlineData("    modbus-rtu: /dev/ttyUSB0", "    modbus-tcp: 10.0.0.5:502", 9, "already the bus of line 6")]
    [InlineData("    template: eastron-sdm120", "    template: eastron-sdm12", 12, "did you mean 'eastron-sdm120'")]
    [InlineData("    bus: panel", "    bus: pannel", 13, "did you mean 'panel'")]
    [InlineData("    unit: 1", "    unit: 256", 14, "from 0 to 255")]
    [InlineData("    unit: 1", "    unnit: 1", 14, "did you mean 'unit'")]
    [InlineData("    unit: 1", "    unit: 1\n    registers: 1-0:9.9.9", 15, "has no register '1-0:9.9.9'")]
    [InlineData("    serial: \"100\"", "    serial: 10 0", 15, "must be 1 to 64 letters")]
    [InlineData("  - id: water", "  - id: flat", 16, "already a meter 'flat' in line 11")]
    [InlineData("    pulse:", "    template: abb-b23\n    pulse:", 16, "exactly one of them")]
    [InlineData("      source: gpio-cdev", "      source: gpio-cdef", 20, "did you mean 'gpio-cdev'")]
    [InlineData("      pin: 17", "      pin: 600", 21, "from 0 to 511")]
    [InlineData("      pin: 17", "      pin: GPIO17", 21, "must be a whole number")]
    [InlineData("      obis: \"8-0:1.0.0\"", "      obis: water", 22, "not the OBIS code")]
    [InlineData("      value: 1/100 m3", "      value: 1/100 kWh", 23, "a fraction and a unit")]
    [InlineData("      value: 1/100 m3", "      value: 1/0 m3", 23, "a fraction and a unit")]
    [InlineData("      value: 1/100 m3", "      value: 1/100 m3\n      start: 1.234 m3", 24, "in steps of the pulse value")]
    [InlineData("      value: 1/100 m3", "      value: 1/100 m3\n      start-at: yesterday", 24, "an instant in UTC")]
    [InlineData("      value: 1/100 m3", "      value: 1/100 m3\n      debounce: 3", 24, "did you mean 'debounce-ms'")]
    public void A_mistake_is_explained_with_its_line(string stands, string put, int line, string says)
    {
        Assert.Contains(stands, Good, StringComparison.Ordinal);
        var result = Load(Good.Replace(stands, put, StringComparison.Ordinal));
        Assert.Null(result.Configuration);
        Assert.Contains(result.Problems, p => p.Line == line && p.Message.Contains(says, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("unit: 1", "unit 1 on bus 'panel' is already meter 'flat' in line 14")]
    [InlineData("serial: \"100\"", "register eastron/100/1-0:1.8.0 already belongs to meter 'flat' in line 15")]
    public void Two_meters_must_not_share_a_unit_or_a_serial_number(string shared, string says)
    {
        var second = "\n  - id: other\n    template: eastron-sdm630\n    bus: panel\n    unit: 2\n    serial: \"200\"\n"
            .Replace(shared.StartsWith("unit", StringComparison.Ordinal) ? "unit: 2" : "serial: \"200\"", shared, StringComparison.Ordinal);
        var problem = Assert.Single(Load(Good + second).Problems);
        Assert.Contains(says, problem.Message, StringComparison.Ordinal);
        Assert.Equal(shared.StartsWith("unit", StringComparison.Ordinal) ? 27 : 28, problem.Line);
    }

    [Fact]
    public void Two_pulse_meters_must_not_share_a_pin()
    {
        var second = "\n  - id: gas\n    manufacturer: elster\n    serial: G1\n    pulse: { source: gpio-controller, pin: 17, obis: '7-0:3.0.0', value: 1/10 m3 }\n";
        var problem = Assert.Single(Load(Good + second).Problems);
        Assert.Equal((27, true), (problem.Line, problem.Message.Contains("already counts meter 'water' in line 21", StringComparison.Ordinal)));
    }

    [Fact]
    public void All_mistakes_are_found_in_one_run()
    {
        var bad = Good.Replace("interval: 15", "interval: 7", StringComparison.Ordinal).Replace("unit: 1", "unit: -1", StringComparison.Ordinal).Replace("pin: 17", "pin: x", StringComparison.Ordinal);
        Assert.Equal([4, 14, 21], Load(bad).Problems.Select(p => p.Line));
    }

    [Fact]
    public void Text_that_is_not_yaml_is_a_mistake_with_a_line()
    {
        var problem = Assert.Single(Load("gateway: gw\nstate: [unclosed\n").Problems);
        Assert.Contains("not YAML", problem.Message, StringComparison.Ordinal);
        Assert.InRange(problem.Line, 2, 3);
    }

    [Fact]
    public void A_slow_line_may_wait_longer_for_acknowledgements()
    {
        Assert.Equal(TimeSpan.FromSeconds(120), Load(Good + "\ncloud:\n  host: broker\n  resend-after: 120\n").Configuration!.Cloud.ResendAfter);
        Assert.Contains("1 to 3600 seconds", Assert.Single(Load(Good + "\ncloud:\n  resend-after: 0\n").Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_password_in_the_file_is_refused_and_not_repeated()
    {
        var problem = Assert.Single(Load(Good + "\ncloud:\n  host: broker\n  password: hunter2\n").Problems);
        Assert.Contains("password-file", problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_environment_replaces_values_and_their_defaults()
    {
        var text = Good.Replace("10.0.0.5:502", "${HOST:-10.0.0.9}:${PORT:-503}", StringComparison.Ordinal);
        var bus = (ModbusTcpBus)GatewayConfigurationFile.Load(new StringReader(text), "gateway.yaml", n => n == "PORT" ? "1502" : null).Configuration!.Buses[0];
        Assert.Equal(("10.0.0.9", 1502), (bus.Host, bus.Port));
    }

    [Fact]
    public void A_file_that_is_not_there_is_a_mistake() =>
        Assert.Contains("cannot be read", Assert.Single(GatewayConfigurationFile.Load("/nonexistent/gateway.yaml").Problems).Message, StringComparison.Ordinal);

    [Fact]
    public void The_demo_gateway_reads_every_register_of_the_demo_site()
    {
        var folder = Path.Combine(SharedCases.RepositoryRoot, "deploy", "demo-site");
        var loaded = GatewayConfigurationFile.Load(new StreamReader(Path.Combine(folder, "gateway.yaml")), Path.Combine(folder, "gateway.yaml"), _ => null);
        Assert.Empty(loaded.Problems);
        var site = DemoSite.Load();
        var read = loaded.Configuration!.Meters.SelectMany(m => m switch
        {
            ModbusMeterSettings modbus => modbus.Template.Registers.Select(r => $"{m.Manufacturer}/{m.Serial}/{r.Obis} {r.Scale}"),
            PulseMeterSettings pulse => [$"{pulse.Register} {pulse.Value.Scale}"],
            _ => [],
        });
        Assert.Equal(site.At(site.Site.Epoch).Select(r => $"{r.Register} {r.Scale}").Order(), read.Order());
    }

    private static ConfigurationResult Load(string text) => GatewayConfigurationFile.Load(new StringReader(text), "gateway.yaml", _ => null);
}
