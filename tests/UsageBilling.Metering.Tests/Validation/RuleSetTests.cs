using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Validation;

public class RuleSetTests
{
    [Fact]
    public void The_document_that_comes_with_the_program_is_valid_and_holds_every_channel()
    {
        Assert.Empty(RuleSetDocument.Parse(RuleSetDocument.Default()).Problems);
        foreach (var quantity in Enum.GetValues<Quantity>())
        {
            foreach (var direction in Enum.GetValues<Direction>())
            {
                Assert.NotNull(RuleSet.Default.ClassOf(new ChannelKey("SP-1", new Measurand(quantity, direction))));
            }
        }
    }

    [Fact]
    public void A_channel_belongs_to_the_first_class_that_holds_it()
    {
        var set = RuleSetDocument.Parse("""
            {"version":"1","classes":[
              {"name":"big","match":{"quantity":"active-energy","points":["FACTORY-*","SP-7"]},"thresholds":{"spikeRatio":null}},
              {"name":"rest"}]}
            """).RuleSet!;
        static ChannelKey Key(string point, Quantity quantity) => new(point, new Measurand(quantity, Direction.Import));
        Assert.Equal("big", set.ClassOf(Key("FACTORY-1", Quantity.ActiveEnergy)).Name);
        Assert.Equal("big", set.ClassOf(Key("SP-7", Quantity.ActiveEnergy)).Name);
        Assert.Equal("rest", set.ClassOf(Key("SP-71", Quantity.ActiveEnergy)).Name);
        Assert.Equal("rest", set.ClassOf(Key("SP-7", Quantity.GasVolume)).Name);
        Assert.Null(set.Classes[0].Thresholds.SpikeRatio);
        Assert.Equal(1.8m, set.Classes[1].Thresholds.SpikeRatio);
    }

    [Fact]
    public void Every_mistake_is_named_with_its_place()
    {
        var read = RuleSetDocument.Parse("""
            {"version":"","holidays":["2026-02-30"],"colour":1,"classes":[
              {"name":"a","match":{"quantity":"steam"},"thresholds":{"spikeRatio":-1,"zeroHours":1.5,"spike":2,"reverseEnergy":"no"},"estimation":{"likeDayWeeks":0}}]}
            """);
        Assert.Null(read.RuleSet);
        Assert.Equal(
            ["/holidays/0", "/colour", "/classes/0/match/quantity", "/classes/0/thresholds/spikeRatio", "/classes/0/thresholds/zeroHours", "/classes/0/thresholds/spike",
                "/classes/0/thresholds/reverseEnergy", "/classes/0/estimation/likeDayWeeks", "/version"],
            read.Problems.Select(p => p.Path));
        Assert.Contains("active-energy", read.Problems.Single(p => p.Path == "/classes/0/match/quantity").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"version":"1","classes":[]}""")]
    [InlineData("""{"version":"1","classes":[{"name":"a","match":{"direction":"import"}}]}""")]
    [InlineData("""{"version":"1","classes":[{"name":"a"},{"name":"a"}]}""")]
    public void What_could_not_serve_every_channel_is_refused(string json) => Assert.NotEmpty(RuleSetDocument.Parse(json).Problems);
}
