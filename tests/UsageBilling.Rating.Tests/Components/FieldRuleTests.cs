using NodaTime;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests.Components;

/// <summary>Rules of the field, each against a calculation by hand or a plain loop.</summary>
public sealed class FieldRuleTests
{
    [Fact]
    public void The_mean_of_three_peaks_takes_different_days_and_counts_night_hours_half()
    {
        var tariff = A.TariffOf(
            """{"kind":"demand-average","id":"power","description":"Power","count":3,"schedule":"n","weights":{"night":0.5},"price":1}""",
            """ "calendar":{"schedules":[{"name":"n","windows":[{"period":"night","from":"22:00","to":"06:00"}],"otherwise":"day"}]} """);
        var period = A.Days("2025-03-01", "2025-04-01");

        // Day 4: 12 and 11 by day, of which one counts. Day 9: 16 at night counts 8. Day 20: 6. Day 30 (the clock goes forward): 30 at 3 at night counts 15.
        var bill = A.Bill(tariff, period, A.Profile(period, "import", 15, at => 250L * ((at.Day, at.Hour) switch { (4, 10) => 12, (4, 11) => 11, (9, 23) => 16, (20, 7) => 6, (30, 3) => 30, _ => 1 })));
        Assert.Equal(Math.Round((12m + 8m + 15m) / 3m, 6, MidpointRounding.AwayFromZero), bill.Line("power").Quantity);
    }

    [Fact]
    public void A_ratchet_reaches_back_over_new_year_by_just_its_months()
    {
        var tariff = A.TariffOf("""{"kind":"demand","id":"demand","description":"Demand","price":1,"lookback":{"percent":80,"months":11}}""");
        var state = RatingState.Empty.WithDemand(new YearMonth(2024, 12), 900m).WithDemand(new YearMonth(2025, 1), 400m).WithDemand(new YearMonth(2025, 7), 300m);
        Assert.Equal([720m, 320m, 240m, 240m], Months(tariff, state, new LocalDate(2025, 11, 1), 4, at => at is { Day: 10, Hour: 12 } ? at.Month * 10_000L : 0L).Select(bill => bill.Line("demand").Amount));
    }

    [Theory]
    [InlineData(1, 600)]
    [InlineData(7, 302.47)] // 184 of 365 days
    public void A_commitment_of_a_year_is_trued_up_at_its_end_for_the_part_that_was_billed(int firstMonth, double total)
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":0.01},{"kind":"minimum","id":"commitment","description":"Commitment","amount":600,"per":"year"}""");
        var bills = Months(tariff, RatingState.Empty, new LocalDate(2025, firstMonth, 1), 13 - firstMonth, _ => 100L);
        Assert.Equal((decimal)total, bills.Sum(bill => bill.Net));
        Assert.All(bills.SkipLast(1), bill => Assert.DoesNotContain(bill.Lines, line => line.Component == "commitment"));
    }

    [Fact]
    public void A_maximum_of_a_year_holds_from_the_month_in_which_it_is_reached()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":1},{"kind":"maximum","id":"cap","description":"Cap","amount":200,"per":"year"}""");
        var nets = Months(tariff, RatingState.Empty, new LocalDate(2025, 10, 1), 4, at => at.Hour == 0 ? 4_000L : 0L).Select(bill => bill.Net);
        Assert.Equal([124m, 76m, 0m, 124m], nets);
    }

    [Fact]
    public void Contracted_kilowatts_are_due_and_those_above_bear_the_excess_price()
    {
        var tariff = A.TariffOf("""{"kind":"capacity","id":"capacity","description":"Capacity","window":30,"price":4,"excessPrice":9}""");
        var period = A.Days("2025-03-01", "2025-04-01");
        var usage = A.Profile(period, "import", 15, at => at is { Day: 3, Hour: 10, Minute: < 30 } ? 10_000L : 0L);
        decimal Of(decimal contracted) => RatingEngine.Rate(A.Input(tariff, period, usage) with { Contract = new ContractParameters { ContractedKilowatts = contracted } }, new RatePlans()).Net;
        Assert.Equal(((30m * 4m) + (10m * 9m), 50m * 4m), (Of(30m), Of(50m)));
    }

    [Fact]
    public void Moving_in_and_out_prorates_by_months_of_thirty_days()
    {
        var tariff = A.TariffOf(
            """{"kind":"standing","id":"fee","description":"Fee","price":30,"per":"month"},{"kind":"usage","id":"energy","description":"Energy","price":[{"upTo":300,"price":1},{"price":2}]}""",
            """ "proration":"30-day" """);

        // 12 January to 20 March of a leap year: 19, 30 and 19 days of thirty.
        (string From, string To, decimal Fee, decimal First)[] parts = [("2024-01-12", "2024-02-01", 19m, 190m), ("2024-02-01", "2024-03-01", 30m, 300m), ("2024-03-01", "2024-03-20", 19m, 190m)];
        foreach (var (from, to, fee, first) in parts)
        {
            var period = A.Days(from, to);
            var bill = A.Bill(tariff, period, A.Total(period, "import", 1_000_000L));
            Assert.Equal(fee, bill.Line("fee").Amount);
            Assert.Equal(first, bill.Line("energy", tier: 1).Amount);
        }
    }

    [Fact]
    public void Taxes_compound_where_one_is_named_by_another_and_vat_falls_on_all()
    {
        var tariff = A.TariffOf("""
            {"kind":"usage","id":"energy","description":"Energy","price":0.2111},
            {"kind":"usage","id":"duty","description":"Duty","category":"tax","price":0.0205},
            {"kind":"percentage","id":"city","description":"City","category":"tax","percent":5,"of":["energy"]},
            {"kind":"percentage","id":"state","description":"State","category":"tax","percent":3}
            """, """ "tax":{"classes":{"s":{"category":"S","rate":19} } } """);
        var period = A.Days("2025-06-01", "2025-07-01");
        var bill = A.Bill(tariff, period, A.Total(period, "import", 577_311L));

        // 121.87; 11.83; 6.09 of energy; 3 % of 139.79 = 4.19; VAT on 143.98.
        Assert.Equal([121.87m, 11.83m, 6.09m, 4.19m], bill.Lines.Select(line => line.Amount));
        Assert.Equal((27.36m, 171.34m), (bill.Tax, bill.Total));
    }

    [Theory]
    [InlineData(10_000, 10)]
    [InlineData(10_001, 18)]
    [InlineData(20_001, 30)]
    public void A_stair_step_charges_the_step_that_is_reached(int count, int amount)
    {
        var tariff = A.TariffOf("""{"kind":"step","id":"s","description":"Calls","steps":[{"limits":{"count":10000},"amount":10},{"limits":{"count":20000},"amount":18},{"amount":30}]}""");
        var period = A.Days("2025-06-01", "2025-07-01");
        Assert.Equal(amount, A.Bill(tariff, period, A.Total(period, "count", count)).Net);
    }

    [Fact]
    public void A_percentage_is_held_between_its_least_and_its_most()
    {
        decimal Of(long wattHours)
        {
            var period = A.Days("2025-06-01", "2025-07-01");
            var bill = A.Bill(
                A.TariffOf("""
                    {"kind":"usage","id":"sales","description":"Sales","price":1},{"kind":"percentage","id":"fee","description":"Fee","percent":2.9,"of":["sales"]},
                    {"kind":"minimum","id":"least","description":"Least","amount":1,"per":"period","of":["fee"]},{"kind":"maximum","id":"most","description":"Most","amount":50,"per":"period","of":["fee"]}
                    """),
                period,
                A.Total(period, "import", wattHours));
            return bill.Lines.Where(line => line.Component != "sales").Sum(line => line.Amount);
        }

        Assert.Equal((1m, 2.9m, 50m), (Of(10_000L), Of(100_000L), Of(10_000_000L)));
    }

    private static List<RatedPeriod> Months(Tariff tariff, RatingState state, LocalDate first, int count, Func<ZonedDateTime, long> quantity)
    {
        var bills = new List<RatedPeriod>();
        for (var month = first; bills.Count < count; month = month.PlusMonths(1))
        {
            var period = A.Days($"{month:uuuu-MM-dd}", $"{month.PlusMonths(1):uuuu-MM-dd}");
            bills.Add(RatingEngine.Rate(A.Input(tariff, period, A.Profile(period, "import", 60, quantity)) with { Contract = new ContractParameters { Opening = state } }, new RatePlans()));
            state = bills[^1].Closing;
        }

        return bills;
    }
}
