using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests.Components;

/// <summary>Net metering whose surplus is money, kept and settled: computed by hand.</summary>
public sealed class ExportCreditTests
{
    private const string Money = """
        {"kind":"usage","id":"energy","description":"Energy","net":"money","price":0.30},
        {"kind":"usage","id":"surplus","description":"Surplus","measure":"export","net":"money","credit":true,"price":0.10},
        {"kind":"credit-carry","id":"credit","description":"Credit","of":["surplus"],"covers":["energy"],"sameMonth":true}
        """;

    [Fact]
    public void Surplus_of_a_month_is_kept_as_money_and_pays_energy_of_the_next()
    {
        var tariff = A.TariffOf(Money);
        var (june, july) = (A.Days("2025-06-01", "2025-07-01"), A.Days("2025-07-01", "2025-08-01"));
        var first = Rate(tariff, june, RatingState.Empty, import: 100_000L, export: 400_000L);
        Assert.Equal(0m, first.Net);
        Assert.Equal(-300m, first.Line("surplus").Quantity);
        Assert.Equal(30m, first.Closing["credit:credit"]);
        var second = Rate(tariff, july, first.Closing, import: 200_000L, export: 50_000L);
        Assert.Equal((150m * 0.30m) - 30m, second.Net);
        Assert.Equal(0m, second.Closing["credit:credit"]);
    }

    [Fact]
    public void In_the_same_month_one_periods_surplus_pays_for_another_period()
    {
        const string tou = """ "calendar":{"schedules":[{"name":"tou","windows":[{"period":"day","from":"06:00","to":"18:00"}],"otherwise":"night"}]} """;
        var tariff = A.TariffOf("""
            {"kind":"usage","id":"energy","description":"Energy","net":"money","schedule":"tou","prices":{"day":0.40,"night":0.20}},
            {"kind":"usage","id":"surplus","description":"Surplus","measure":"export","net":"money","credit":true,"schedule":"tou","prices":{"day":0.15,"night":0.05}},
            {"kind":"credit-carry","id":"credit","description":"Credit","of":["surplus"],"covers":["energy"],"sameMonth":true}
            """, tou);
        var period = A.Days("2025-06-01", "2025-07-01");
        var bill = A.Bill(tariff, period,
            A.Profile(period, "import", 60, at => at.Hour is 20 ? 10_000L : at.Hour is 10 ? 1_000L : 0L),
            A.Profile(period, "export", 60, at => at.Hour is 12 ? 21_000L : 0L));
        Assert.Equal((300m * 0.20m) - Math.Min(60m, 600m * 0.15m), bill.Net);
        Assert.Equal(90m - 60m, bill.Closing["credit:credit"]);
        Assert.DoesNotContain(bill.Lines, line => line.Component == "energy" && line.Period == "day");
    }

    [Fact]
    public void Money_is_paid_out_in_its_month_or_lapses()
    {
        var march = A.Days("2025-03-01", "2025-04-01");
        RatedPeriod Bill(string more) => Rate(A.TariffOf(Money + ",{\"kind\":\"true-up\",\"id\":\"settle\",\"description\":\"Settle\",\"account\":\"credit\",\"month\":3" + more + "}"), march, RatingState.Empty, 0L, 500_000L);
        Assert.Equal(-50m, Bill(string.Empty).Net);
        Assert.Equal(0m, Bill(string.Empty).Closing["credit:credit"]);
        Assert.Equal(0m, Bill(",\"lapse\":true").Net);
        Assert.Equal(0m, Bill(",\"lapse\":true").Closing["credit:credit"]);
    }

    [Fact]
    public void Kilowatt_hours_become_money_once_a_year_and_pay_from_then_on()
    {
        var tariff = A.TariffOf("""
            {"kind":"usage","id":"energy","description":"Energy","net":"kwh","price":0.30},
            {"kind":"credit-carry","id":"credit","description":"Credit","convert":{"account":"energy","month":5,"price":0.04},"covers":["energy"],"sameMonth":true}
            """);
        var may = Rate(tariff, A.Days("2025-05-01", "2025-06-01"), RatingState.Empty, 0L, 600_000L);
        Assert.Equal(0m, may.Net);
        Assert.Equal(24m, may.Closing["credit:credit"]);
        Assert.Equal(0m, may.Closing["excess-kwh:energy"]);
        Assert.Equal((100m * 0.30m) - 24m, Rate(tariff, A.Days("2025-06-01", "2025-07-01"), may.Closing, 100_000L, 0L).Net);
    }

    /// <summary>A surplus of 25 is paid in full and the minimum of 10 is due beside it; counted into the minimum it would vanish.</summary>
    [Fact]
    public void A_minimum_from_zero_is_due_beside_what_the_customer_gets()
    {
        decimal Net(string fromZero) => Rate(
            A.TariffOf("{\"kind\":\"usage\",\"id\":\"sold\",\"description\":\"Sold\",\"measure\":\"export\",\"credit\":true,\"price\":0.05},{\"kind\":\"minimum\",\"id\":\"least\",\"description\":\"Least\",\"amount\":10" + fromZero + "}"),
            A.Days("2025-06-01", "2025-07-01"), RatingState.Empty, 0L, 500_000L).Net;
        Assert.Equal(-15m, Net(",\"fromZero\":true"));
        Assert.Equal(10m, Net(string.Empty));
    }

    [Theory]
    [InlineData("""{"kind":"true-up","id":"t","description":"T","account":"fee","month":1}""", "keeps nothing")]
    [InlineData("""{"kind":"true-up","id":"t","description":"T","account":"energy","month":1}""", "is missing")]
    [InlineData("""{"kind":"true-up","id":"t","description":"T","account":"energy","month":1,"price":1,"lapse":true}""", "stands beside a price")]
    [InlineData("""{"kind":"credit-carry","id":"c","description":"C","covers":["energy"],"convert":{"account":"fee","month":1,"price":1}}""", "keeps kWh")]
    [InlineData("""{"kind":"usage","id":"x","description":"X","measure":"water","net":"money","price":1}""", "takes export off import")]
    [InlineData("""{"kind":"usage","id":"x","description":"X","net":"weekly","price":1}""", "write one of kwh, money")]
    public void What_keeps_nothing_cannot_be_settled(string component, string message)
    {
        var parse = TariffDocument.Parse(System.Text.Encoding.UTF8.GetBytes($$"""
            {"format":"usage-billing/tariff.v1","code":"t","version":"1","name":"T","currency":"EUR","effective":{"from":"2026-01-01"},"components":[
             {"kind":"standing","id":"fee","description":"Fee","price":1,"per":"month"},{"kind":"usage","id":"energy","description":"Energy","net":true,"price":1},{{component}}]}
            """));
        Assert.Contains(message, Assert.Single(parse.Problems).Message, StringComparison.Ordinal);
    }

    private static RatedPeriod Rate(Tariff tariff, Metering.Calendars.LocalPeriod period, RatingState opening, long import, long export) =>
        RatingEngine.Rate(A.Input(tariff, period, A.Total(period, "import", import), A.Total(period, "export", export)) with { Contract = new ContractParameters { Opening = opening } }, new RatePlans());
}
