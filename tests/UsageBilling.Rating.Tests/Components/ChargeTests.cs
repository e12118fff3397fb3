using NodaTime;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests.Components;

/// <summary>Single components, computed by hand.</summary>
public sealed class ChargeTests
{
    [Fact]
    public void Gas_is_converted_by_the_calorific_value_that_holds_when_it_flows()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"gas","description":"Gas","measure":"gas","gas":{"calorificValue":{"series":"cv"},"per":"kWh/m³"},"price":1}""");
        var period = A.Days("2025-01-01", "2025-01-03");
        var input = A.Input(tariff, period, A.Profile(period, "gas", 60, at => at.Day == 1 ? 1_000L : 3_000L, -3));
        var series = new ValueSeries([(period.Start, 10m), (period.Start + Duration.FromDays(1), 11m)]);
        var bill = RatingEngine.Rate(input with { Series = input.Series.Add("cv", series) }, new RatePlans());
        Assert.Equal((24m * 10m) + (72m * 11m), bill.Line("gas").Quantity);
    }

    [Fact]
    public void A_negative_market_price_is_a_credit_for_the_quantity_that_was_used()
    {
        var tariff = A.TariffOf("""{"kind":"dynamic","id":"energy","description":"Energy","series":"spot"}""");
        var period = A.Days("2025-01-01", "2025-01-02");
        var input = A.Input(tariff, period, A.Constant(period, "import", 15, 1_000L));
        var bill = RatingEngine.Rate(input with { Series = input.Series.Add("spot", new ValueSeries([(period.Start, -0.05m), (period.Start + Duration.FromHours(1), 0.01m), (period.Start + Duration.FromHours(2), -0.02m)])) }, new RatePlans());
        var line = bill.Line("energy");
        Assert.Equal((-0.05m * 4m) + (0.01m * 4m) + (-0.02m * 88m), line.Exact);
        Assert.Equal(96m, line.Quantity);
        Assert.True(line.Price < 0m);
    }

    [Fact]
    public void A_rolling_window_finds_a_peak_that_blocks_cut_in_half()
    {
        var period = A.Days("2025-01-01", "2025-02-01");
        var usage = A.Profile(period, "import", 15, at => at is { Day: 5, Hour: 10, Minute: 45 } or { Day: 5, Hour: 11, Minute: 0 } ? 5_000L : 0L);
        decimal Demand(string rolling) => A.Bill(A.TariffOf($$"""{"kind":"demand","id":"d","description":"Demand","window":30,"rolling":{{rolling}},"price":1}"""), period, usage).Line("d").Quantity;
        Assert.Equal(10m, Demand("false"));
        Assert.Equal(20m, Demand("true"));
    }

    [Fact]
    public void Vat_depends_on_the_use_per_day()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":1}""", """ "tax":{"classes":{"d":{"category":"S","bands":[{"upToPerDay":33,"rate":5},{"rate":20}]}}} """);
        var period = A.Days("2025-06-01", "2025-06-02");
        Assert.Equal(5m, A.Bill(tariff, period, A.Total(period, "import", 33_000L)).Taxes.Single().Rate);
        Assert.Equal(20m, A.Bill(tariff, period, A.Total(period, "import", 33_001L)).Taxes.Single().Rate);
    }

    /// <summary>20 kWh on the first half's days and 50 on the second's are 35 a day on the bill: the whole bill bears the full rate, whatever each version saw.</summary>
    [Theory]
    [InlineData(20_000, 50_000, 20)]
    [InlineData(20_000, 45_000, 5)]
    public void Vat_thresholds_are_judged_on_the_whole_bill_when_a_new_version_splits_it(long first, long second, int rate)
    {
        Tariff Version(string version, string effective) => A.Tariff($$$"""
            {"format":"usage-billing/tariff.v1","code":"t","version":"{{{version}}}","name":"T","currency":"GBP","effective":{{{effective}}},
             "tax":{"classes":{"d":{"category":"S","bands":[{"upToPerDay":33,"rate":5},{"rate":20}]} } },"components":[{"kind":"usage","id":"energy","description":"Energy","price":1}]}
            """);
        var period = A.Days("2025-06-01", "2025-07-01");
        var tariffs = TariffSpan.Over(period, [Version("1", """{"from":"2025-01-01","to":"2025-06-16"}"""), Version("2", """{"from":"2025-06-16"}""")]);
        var profile = A.Profile(period, "import", 60, at => at.Hour == 0 ? at.Day < 16 ? first : second : 0L);
        var bill = RatingEngine.Rate(new RatingInput { Period = period, Tariffs = tariffs, Profiles = [profile] }, new RatePlans());
        Assert.Equal(2, bill.Lines.Count);
        Assert.Equal(rate, Assert.Single(bill.Taxes).Rate);
    }

    [Fact]
    public void An_exempt_customer_bears_no_tax_and_the_lines_say_so()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":1}""", """ "tax":{"classes":{"d":{"category":"S","rate":19}}} """);
        var period = A.Days("2025-06-01", "2025-06-02");
        var input = A.Input(tariff, period, A.Total(period, "import", 1_000L)) with { Contract = new ContractParameters { TaxStatus = TaxStatus.Exempt } };
        var bill = RatingEngine.Rate(input, new RatePlans());
        Assert.Equal("E", bill.Lines.Single().TaxCategory);
        Assert.Equal(0m, bill.Tax);
    }

    [Fact]
    public void A_levy_is_a_tax_line_that_itself_bears_vat()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":1},{"kind":"percentage","id":"levy","description":"City levy","category":"tax","percent":10}""", """ "tax":{"classes":{"d":{"category":"S","rate":20}}} """);
        var period = A.Days("2025-06-01", "2025-06-02");
        var bill = A.Bill(tariff, period, A.Total(period, "import", 100_000L));
        Assert.Equal(10m, bill.Line("levy").Amount);
        Assert.Equal(ChargeKind.Tax, bill.Line("levy").Kind);
        Assert.Equal(22m, bill.Tax);
    }

    [Fact]
    public void Year_to_date_use_says_where_yearly_tiers_begin()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","tierBasis":"year","price":[{"upTo":1000,"price":1},{"price":2}]}""");
        var period = A.Days("2025-06-01", "2025-07-01");
        var input = A.Input(tariff, period, A.Total(period, "import", 300_000L)) with { Contract = new ContractParameters { Opening = RatingState.Empty.With("used:energy", 900m) } };
        var bill = RatingEngine.Rate(input, new RatePlans());
        Assert.Equal(100m, bill.Line("energy", tier: 1).Quantity);
        Assert.Equal(200m, bill.Line("energy", tier: 2).Quantity);
        Assert.Equal(1_200m, bill.Closing["used:energy"]);
    }

    [Fact]
    public void Yearly_tiers_and_free_units_begin_again_with_the_year()
    {
        var tariff = A.TariffOf("""
            {"kind":"usage","id":"energy","description":"Energy","tierBasis":"year","price":[{"upTo":1000,"price":3},{"price":2}]},
            {"kind":"usage","id":"free","description":"Beyond what is free","tierBasis":"year","freeUnits":1000,"price":1}
            """);
        var state = RatingState.Empty;
        var (energy, free) = (new List<decimal>(), new List<decimal>());
        foreach (var month in new LocalDate[] { new(2025, 11, 1), new(2025, 12, 1), new(2026, 1, 1), new(2026, 2, 1) })
        {
            var period = A.Days($"{month:uuuu-MM-dd}", $"{month.PlusMonths(1):uuuu-MM-dd}");
            var bill = RatingEngine.Rate(A.Input(tariff, period, A.Total(period, "import", 700_000L)) with { Contract = new ContractParameters { Opening = state } }, new RatePlans());
            energy.Add(bill.Lines.Where(line => line.Component == "energy").Sum(line => line.Amount));
            free.Add(bill.Lines.Where(line => line.Component == "free").Sum(line => line.Quantity));
            state = bill.Closing;
        }

        Assert.Equal([2_100m, 1_700m, 2_100m, 1_700m], energy);
        Assert.Equal([0m, 400m, 0m, 400m], free);
    }

    [Fact]
    public void Tiers_of_a_period_go_on_where_a_tariff_version_ends_inside_it_and_those_of_a_month_are_prorated()
    {
        Tariff Version(string from) => A.Tariff($$"""
            {"format":"usage-billing/tariff.v1","code":"test","version":"{{from}}","name":"Test","currency":"EUR","effective":{"from":"{{from}}"},"components":[
             {"kind":"usage","id":"calls","description":"Calls","tierBasis":"period","freeUnits":10,"price":[{"upTo":100,"price":2},{"price":1}]},
             {"kind":"usage","id":"energy","description":"Energy","freeUnits":30,"price":[{"upTo":100,"price":2},{"price":1}]}]}
            """);
        var period = A.Days("2025-06-01", "2025-07-01");
        var (first, second) = (Version("2025-01-01"), Version("2025-06-11"));
        var input = A.Input(first, period, A.Profile(period, "import", 60, at => at is { Day: 5 or 20, Hour: 12 } ? 90_000L : 0L)) with
        {
            Tariffs = [new TariffSpan(first, period.From, new LocalDate(2025, 6, 11)), new TariffSpan(second, new LocalDate(2025, 6, 11), period.To)],
        };
        var bill = RatingEngine.Rate(input, new RatePlans());

        // 180 used, 10 free: 100 in the first tier, 70 in the second, however the month is cut.
        Assert.Equal((100m, 70m), (Sum("calls", 1), Sum("calls", 2)));

        // Ten days: 10 of 30 free, 33⅓ in the first tier; twenty days: 20 free, 66⅔ in the first tier.
        Assert.Equal((33.3333333m + 66.6666667m, 46.6666667m + 3.3333333m), (Sum("energy", 1), Sum("energy", 2)));
        Assert.Equal(0m, bill.Closing["used:calls"]);

        decimal Sum(string component, int tier) => Math.Round(bill.Lines.Where(line => line.Component == component && line.Tier == tier).Sum(line => line.Quantity), 7, MidpointRounding.AwayFromZero);
    }

    [Fact]
    public void Each_component_that_looks_back_is_held_to_its_own_peaks()
    {
        var tariff = A.TariffOf("""
            {"kind":"demand","id":"any","description":"Any time","price":1,"lookback":{"percent":100} },
            {"kind":"demand","id":"day","description":"By day","schedule":"s","periods":["day"],"prices":{"day":1},"lookback":{"percent":50,"months":2} }
            """, """ "calendar":{"schedules":[{"name":"s","windows":[{"period":"day","from":"08:00","to":"20:00"}],"otherwise":"night"}]} """);
        var state = RatingState.Empty.WithDemand(new YearMonth(2025, 11), 60m);
        var billed = new List<(decimal, decimal)>();
        foreach (var (month, day) in new[] { (1, 30L), (2, 0L), (3, 10L), (4, 1L) })
        {
            var from = new LocalDate(2026, month, 1);
            var period = A.Days($"{from:uuuu-MM-dd}", $"{from.PlusMonths(1):uuuu-MM-dd}");
            var usage = A.Profile(period, "import", 60, at => (at.Day, at.Hour) switch { (5, 2) => 100_000L, (6, 12) => day * 1_000L, _ => 0L });
            var bill = RatingEngine.Rate(A.Input(tariff, period, usage) with { Contract = new ContractParameters { Opening = state } }, new RatePlans());
            billed.Add((bill.Lines.Where(line => line.Component == "any").Sum(line => line.Quantity), bill.Lines.Where(line => line.Component == "day").Sum(line => line.Quantity)));
            state = bill.Closing;
        }

        // January: half of November's 60, as given. February: half of January's own 30. April: half of March's 10; February had none.
        Assert.Equal([(100m, 30m), (100m, 15m), (100m, 15m), (100m, 5m)], billed);
        Assert.DoesNotContain(state.Balances.Keys, key => key.StartsWith("peak:day", StringComparison.Ordinal) && key.EndsWith("2026-01", StringComparison.Ordinal));
    }

    [Fact]
    public void A_yearly_minimum_is_held_against_the_year_when_it_ends()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":1},{"kind":"minimum","id":"least","description":"Least","amount":100,"per":"year"}""");
        var state = RatingState.Empty;
        var total = 0m;
        for (var month = new LocalDate(2025, 1, 1); month.Year == 2025; month = month.PlusMonths(1))
        {
            var period = A.Days($"{month:uuuu-MM-dd}", $"{month.PlusMonths(1):uuuu-MM-dd}");
            var bill = RatingEngine.Rate(A.Input(tariff, period, A.Total(period, "import", 5_000L)) with { Contract = new ContractParameters { Opening = state } }, new RatePlans());
            Assert.Equal(month.Month == 12 ? 45m : 5m, bill.Net);
            state = bill.Closing;
            total += bill.Net;
        }

        Assert.Equal(100m, total);
    }

    [Fact]
    public void What_is_missing_is_named_with_what_to_do()
    {
        var period = A.Days("2025-06-01", "2025-06-02");
        string Refusal(Tariff tariff) => Assert.Throws<RatingInputException>(() => A.Bill(tariff, period, A.Total(period, "import", 1_000L))).Message;
        Assert.Contains("give it", Refusal(A.TariffOf("""{"kind":"dynamic","id":"e","description":"E","series":"spot"}""")), StringComparison.Ordinal);
        Assert.Contains("kW", Refusal(A.TariffOf("""{"kind":"capacity","id":"c","description":"C","price":1,"excessPrice":1}""")), StringComparison.Ordinal);
        Assert.Contains("no such usage", Refusal(A.TariffOf("""{"kind":"usage","id":"w","description":"W","measure":"water","price":1}""")), StringComparison.Ordinal);
        Assert.Contains("give the missing intervals", Assert.Throws<RatingInputException>(() => A.Bill(A.TariffOf("""{"kind":"usage","id":"e","description":"E","price":1}"""), A.Days("2025-06-01", "2025-06-03"), A.Total(period, "import", 1_000L))).Message, StringComparison.Ordinal);
    }
}
