using UsageBilling.Edge.Simulator.Sites;

namespace UsageBilling.Edge.Tests.Simulator;

public sealed class SiteFileTests
{
    private const string Good = """
        site: test
        hoursAheadOfUtc: 1
        epoch: 2024-01-01T00:00:00Z
        meters:
          - id: m
            model: SDM630
            unit: 1
            serial: "1001"
            load: household
            yearly: 3500
            registers: { "1-0:1.8.0": 500 }
        """;

    [Fact]
    public void The_demos_site_has_eight_meters_and_no_mistakes()
    {
        var site = ASite.Demo();
        Assert.Equal(8, site.Meters.Length);
        Assert.Equal(9, site.Registers.Count());
    }

    [Fact]
    public void A_good_file_has_no_mistakes() => Assert.Empty(SiteFile.Parse(Good).Problems);

    [Theory]
    [InlineData("site: test", "site: a b", 1, "letters, digits")]
    [InlineData("hoursAheadOfUtc: 1", "hoursAheadOfUtc: Amsterdam", 2, "whole number from -12 to 14")]
    [InlineData("epoch: 2024-01-01T00:00:00Z", "epoch: 2024-01-01T00:15:00Z", 3, "midnight in UTC")]
    [InlineData("epoch: 2024-01-01T00:00:00Z", "epoch: yesterday", 3, "instant in UTC")]
    [InlineData("model: SDM630", "model: SDM999", 6, "must be one of SDM630")]
    [InlineData("unit: 1", "unit: 300", 7, "from 1 to 247")]
    [InlineData("unit: 1", "unti: 1", 7, "unti: is not known here")]
    [InlineData("unit: 1", "pulse: { pin: 4, obis: \"8-0:1.0.0\", scale: -2 }", 6, "remove one")]
    [InlineData("load: household", "load: castle", 9, "must be one of household")]
    [InlineData("load: household", "load: water", 9, "does not flow through this meter")]
    [InlineData("yearly: 3500", "yearly: much", 10, "'much' must be a number")]
    [InlineData("\"1-0:1.8.0\": 500", "\"1-0:3.8.0\": 500", 11, "not a register of this meter")]
    [InlineData("\"1-0:1.8.0\": 500", "\"1-0:1.8.0\": -1", 11, "whole number from 0")]
    [InlineData("    serial: \"1001\"\n", "", 5, "serial: is missing")]
    [InlineData("meters:", "meters: [", 5, "not YAML")]
    public void Each_mistake_is_named_with_its_line_and_what_to_do(string good, string bad, int line, string what)
    {
        var (site, problems) = SiteFile.Parse(Good.Replace(good, bad, StringComparison.Ordinal));
        Assert.Null(site);
        Assert.Contains(problems, p => Math.Abs(p.Line - line) <= (what == "not YAML" ? 8 : 0) && p.Message.Contains(what, StringComparison.Ordinal));
    }

    [Fact]
    public void Two_meters_with_one_unit_and_serial_are_a_mistake()
    {
        var (_, problems) = SiteFile.Parse(Good + "\n" + Good[Good.IndexOf("  - id", StringComparison.Ordinal)..]);
        Assert.Contains(problems, p => p.Message.Contains("unit 1 is used 2 times", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Message.Contains("serial eastron/1001 is used 2 times", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("42")]
    [InlineData("meters: 42")]
    [InlineData("meters: [42]")]
    [InlineData("a: 1\n---\nb: 2")]
    public void What_is_no_site_at_all_is_a_mistake_and_no_crash(string text) => Assert.NotEmpty(SiteFile.Parse(text).Problems);
}
