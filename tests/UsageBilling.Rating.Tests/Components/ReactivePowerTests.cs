using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Files;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests.Components;

/// <summary>kVA from kWh and kvarh, and the power factor as tariff and contract agree on it.</summary>
public sealed class ReactivePowerTests
{
    private const string Rule = """
        {"kind":"usage","id":"energy","description":"Energy","price":1},
        {"kind":"power-factor","id":"pf","description":"Power factor","target":0.9,"percentPerHundredth":1}
        """;

    [Fact]
    public void The_root_is_the_nearest_whole_number()
    {
        var sides = Gen.Choose(0, int.MaxValue).Two().Select(pair => (A: (ulong)pair.Item1 * 2_147_483_647UL, B: (ulong)pair.Item2 * 3UL));
        Prop.ForAll(Arb.From(sides), pair =>
        {
            var root = new BigInteger(ApparentEnergy.Hypotenuse(pair.A, pair.B));
            var square = (new BigInteger(pair.A) * pair.A) + (new BigInteger(pair.B) * pair.B);
            // Nearest: (2r − 1)² < 4n < (2r + 1)².
            return (((2 * root) - 1) * ((2 * root) - 1) < 4 * square || root.IsZero) && 4 * square < ((2 * root) + 1) * ((2 * root) + 1);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(3, 4, 5)]
    [InlineData(1, 1, 1)]
    [InlineData(2, 1, 2)]
    [InlineData(long.MaxValue, 0, long.MaxValue)]
    public void The_root_of_known_triangles(long a, long b, long root) => Assert.Equal((ulong)root, ApparentEnergy.Hypotenuse(a, b));

    [Fact]
    public void Kilovolt_amperes_follow_from_active_and_reactive_energy_of_the_window()
    {
        var tariff = A.TariffOf("""{"kind":"demand","id":"kva","description":"Demand","measure":"apparent","window":30,"price":2}""");
        var period = A.Days("2025-06-01", "2025-07-01");

        // 10:00 to 10:30: 6 kWh and 8 kvarh, once all active and then all reactive: 10 kVAh in half an hour are 20 kVA.
        var bill = A.Bill(tariff, period,
            A.Profile(period, "import", 15, at => at is { Day: 5, Hour: 10, Minute: 0 } ? 6_000L : 10L),
            A.Profile(period, "reactive", 15, at => at is { Day: 5, Hour: 10, Minute: 15 } ? 8_000L : 0L));
        Assert.Equal(2m * 10.006m, bill.Line("kva").Quantity, 3);
        Assert.Equal("kVA", bill.Line("kva").Unit.Symbol);
    }

    [Fact]
    public void Metered_apparent_energy_goes_before_what_follows_from_others()
    {
        var tariff = A.TariffOf("""{"kind":"demand","id":"kva","description":"Demand","measure":"apparent","price":1}""");
        var period = A.Days("2025-06-01", "2025-06-02");
        Assert.Equal(7m, A.Bill(tariff, period, A.Constant(period, "import", 60, 3_000L), A.Constant(period, "reactive", 60, 4_000L), A.Constant(period, "apparent", 60, 7_000L)).Line("kva").Quantity * 30m, 6);
        Assert.Equal(5m, A.Bill(tariff, period, A.Constant(period, "import", 60, 3_000L), A.Constant(period, "reactive", 60, 4_000L)).Line("kva").Quantity * 30m, 6);
        Assert.Contains("import and reactive", Assert.Throws<RatingInputException>(() => A.Bill(tariff, period, A.Constant(period, "import", 60, 3_000L))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", 10)]
    [InlineData("""{"powerFactor":{"target":0.95}}""", 15)]
    [InlineData("""{"powerFactor":{"target":0.95,"percentPerHundredth":"0.5"}}""", 7.5)]
    [InlineData("""{"powerFactor":{"percentPerHundredth":0}}""", 0)]
    public void The_contracts_power_factor_rule_goes_before_the_tariffs(string contract, double percent)
    {
        var bill = Rate(A.TariffOf(Rule), contract);
        Assert.Equal(960m * (decimal)percent / 100m, bill.Lines.Where(line => line.Component == "pf").Sum(line => line.Amount));
    }

    [Theory]
    [InlineData("""{"target":0.9}""", 112.5)] // cos φ 0.8 of the month: 100 × 0.9 ÷ 0.8
    [InlineData("""{"target":0.8}""", 100)]
    [InlineData("""{"target":1}""", 125)] // kVA
    [InlineData("""{"target":0.9,"of":"peak"}""", 150)] // cos φ 0.6 in the hour of the peak
    [InlineData("""{"target":1,"of":"peak","digits":1}""", 166.666667)]
    public void A_low_power_factor_raises_the_billed_demand(string rule, double kilowatts)
    {
        var tariff = A.TariffOf($$"""{"kind":"demand","id":"demand","description":"Demand","window":60,"price":2,"powerFactor":{{rule}},"lookback":{"percent":80} }""");
        var period = A.Days("2025-06-01", "2025-07-01");
        bool Peak(NodaTime.ZonedDateTime at) => at is { Day: 5, Hour: 10 };
        var hours = 30 * 24;
        var other = (((hours - 1) * 40_000L) + 100_000L) * 3 / 4;
        var bill = A.Bill(tariff, period,
            A.Profile(period, "import", 15, at => Peak(at) ? 25_000L : 10_000L),
            A.Profile(period, "reactive", 60, at => Peak(at) ? 133_333L : at is { Day: 6, Hour: 0 } ? other - 133_333L : 0L));
        Assert.Equal((decimal)kilowatts, bill.Line("demand").Quantity);
        Assert.Equal((decimal)kilowatts, bill.Closing.DemandHistory[new NodaTime.YearMonth(2025, 6)]);
        Assert.Equal(kilowatts > 100, bill.Line("demand").Formula.Contains("power factor", StringComparison.Ordinal));
    }

    [Fact]
    public void Demand_by_power_factor_needs_reactive_energy_and_kilowatts()
    {
        var tariff = A.TariffOf("""{"kind":"demand","id":"demand","description":"Demand","price":2,"powerFactor":{"target":0.9}}""");
        var period = A.Days("2025-06-01", "2025-06-02");
        Assert.Contains("bills reactive", Assert.Throws<RatingInputException>(() => A.Bill(tariff, period, A.Constant(period, "import", 60, 3_000L))).Message, StringComparison.Ordinal);
        var parse = TariffDocument.Parse("""{"format":"usage-billing/tariff.v1","code":"t","version":"1","name":"T","currency":"EUR","effective":{"from":"2026-01-01"},"components":[{"kind":"demand","id":"d","description":"D","measure":"apparent","price":1,"powerFactor":{}}]}"""u8.ToArray());
        Assert.Equal(["$.components[0].powerFactor", "$.components[0].powerFactor.target"], parse.Problems.Select(problem => problem.Path));
    }

    [Fact]
    public void A_rule_that_nobody_states_or_nobody_bills_is_named()
    {
        var open = A.TariffOf(Rule.Replace(",\"target\":0.9", string.Empty, StringComparison.Ordinal));
        Assert.Contains("powerFactor.target", Assert.Throws<RatingInputException>(() => Rate(open, "{}")).Message, StringComparison.Ordinal);
        Assert.Equal(144m, Rate(open, """{"powerFactor":{"target":0.95}}""").Line("pf").Amount);
        var without = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":1}""");
        Assert.Contains("no power-factor component", Assert.Throws<RatingInputException>(() => Rate(without, """{"powerFactor":{"target":0.95}}""")).Message, StringComparison.Ordinal);
        Assert.Contains("says nothing", Assert.Single(ContractDocument.Parse("""{"powerFactor":{}}"""u8.ToArray()).Problems).Message, StringComparison.Ordinal);
    }

    /// <summary>40 kW and 30 kvar all day: cos φ 0.8.</summary>
    private static Charges.RatedPeriod Rate(Tariff tariff, string contract)
    {
        var period = A.Days("2025-06-01", "2025-06-02");
        var parse = ContractDocument.Parse(System.Text.Encoding.UTF8.GetBytes(contract));
        Assert.Empty(parse.Problems);
        return RatingEngine.Rate(A.Input(tariff, period, A.Constant(period, "import", 60, 40_000L), A.Constant(period, "reactive", 60, 30_000L)) with { Contract = parse.Contract }, new RatePlans());
    }
}
