using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>Bills that utilities and handbooks published with their totals.</summary>
public sealed class WorkedBillTests
{
    private const string Usage = "\"kind\":\"usage\",\"measure\":\"import\",\"unit\":\"kWh\"";

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void City_of_Seymour_rounds_each_line_half_away_from_zero(int index)
    {
        var bill = Node("city-of-seymour-residential.json")["cases"]![index]!;
        var tiers = bill["tiers"]!.AsArray().Select(tier => $"{{{(tier!["upto"] is { } end ? $"\"upTo\":{end}," : string.Empty)}\"price\":{tier["rate"]}}}");
        var tariff = A.TariffOf(
            $$"""{ {{Usage}},"id":"energy","description":"Energy","price":[{{string.Join(',', tiers)}}]},{ {{Usage}},"id":"adder","description":"Power cost","price":{{bill["adder"]!["rate"]}} },{"kind":"standing","id":"base","description":"Base","price":{{bill["base"]}},"per":"month"}""",
            $$""" "tax":{"name":"Sales tax","classes":{"sales":{"category":"S","rate":{{bill["salesTaxPct"]}} } } } """,
            "USD");
        var rated = A.Bill(tariff, Month, A.Total(Month, "import", (long)bill["kwh"]! * 1_000L));
        Assert.Equal(bill["lines"]!.AsArray().Select(line => PriceModels.Number(line)), rated.Lines.Select(line => line.Amount));
        Assert.Equal(PriceModels.Number(bill["subtotal"]), rated.Net);
        Assert.Equal(PriceModels.Number(bill["tax"]), rated.Tax);
        Assert.Equal(PriceModels.Number(bill["total"]), rated.Total);
    }

    [Fact]
    public void Otter_Tail_prorates_by_the_mean_month()
    {
        var bill = Node("ottertail-proration.json");
        var tariff = A.TariffOf($$"""{"kind":"standing","id":"customer","description":"Customer charge","price":{{bill["customerChargeMonthly"]}},"per":"month"}""", "\"proration\":\"mean-month\"", "USD");
        Assert.Equal(PriceModels.Number(bill["expectedCustomerCharge"]), A.Bill(tariff, A.Days("2025-03-03", "2025-04-01")).Net);
    }

    [Fact]
    public void Commercial_bill_with_demand_adds_up()
    {
        var bill = Node("pseg-commercial-demand.json");
        var lines = bill["lines"]!.AsArray();
        var kilowatts = (long)bill["billingKw"]!;
        var perKilowatt = PriceModels.Number(lines[3]!["amount"]) / kilowatts;
        var tariff = A.TariffOf(
            $$"""
            {"kind":"standing","id":"customer","description":"Customer charge","price":{{lines[0]!["amount"]}},"per":"month"},
            { {{Usage}},"id":"energy","description":"Energy","price":0.09444},
            { {{Usage}},"id":"adjustment","description":"Energy cost adjustment","category":"adjustment","price":-0.017192},
            {"kind":"demand","id":"demand","description":"Demand","price":{{Math.Round(perKilowatt, 9, MidpointRounding.AwayFromZero)}} }
            """, currency: "USD");
        var period = A.Days("2025-07-01", "2025-08-01");
        var total = (long)bill["kwh"]! * 1_000L;
        var hours = (long)(period.End - period.Start).TotalHours;
        var rest = (total - (kilowatts * 1_000L)) / (hours - 1);
        var spare = total - (kilowatts * 1_000L) - (rest * (hours - 1));
        var profile = A.Profile(period, "import", 60, at => at is { Day: 10, Hour: 14 } ? kilowatts * 1_000L : rest + (at is { Day: 11, Hour: 14 } ? spare : 0L));
        var rated = A.Bill(tariff, period, profile);
        Assert.Equal(lines.Select(line => PriceModels.Number(line!["amount"])), rated.Lines.Select(line => line.Amount));
        Assert.Equal(PriceModels.Number(bill["total"]), rated.Total);
    }

    [Fact]
    public void British_bill_bears_five_percent_and_rounds_on_the_total()
    {
        var bill = Node("wtmaths-uk.json")["cases"]![0]!;
        var tariff = A.TariffOf(
            $$"""{ {{Usage}},"id":"energy","description":"Energy","price":0.154}""",
            $$""" "rounding":"total","tax":{"name":"VAT","classes":{"domestic":{"category":"S","rate":{{bill["vatPct"]}} } } } """,
            "GBP");
        var rated = A.Bill(tariff, Month, A.Total(Month, "import", ((long)bill["curr"]! - (long)bill["prev"]!) * 1_000L));
        Assert.Equal(PriceModels.Number(bill["net"]), rated.Lines.Single().Exact);
        Assert.Equal(PriceModels.Number(bill["total"]), rated.Total);
        Assert.Equal(rated.Total, rated.Net + rated.Tax + rated.Rounding);
    }

    [Fact]
    public void One_kilowatt_all_year_meets_every_coincident_peak()
    {
        var tariff = A.TariffOf("""{"kind":"coincident","id":"winter","description":"Winter peaks","group":"winter","price":10},{"kind":"coincident","id":"summer","description":"Summer peaks","group":"summer","price":5}""", currency: "USD");
        var year = A.Days("2017-01-01", "2018-01-01", DateTimeZone.Utc);
        var hours = System.Collections.Immutable.ImmutableSortedDictionary<string, System.Collections.Immutable.ImmutableArray<Instant>>.Empty
            .Add("winter", [.. new[] { 1, 2, 100 }.Select(hour => year.Start + Duration.FromHours(hour - 1))])
            .Add("summer", [.. new[] { 6000, 7000 }.Select(hour => year.Start + Duration.FromHours(hour - 1))]);
        var input = A.Input(tariff, year, A.Constant(year, "import", 60, 1_000L)) with { Contract = new ContractParameters { CoincidentHours = hours } };
        Assert.Equal(15m, RatingEngine.Rate(input, new Determinants.RatePlans()).Net);
    }

    private static Metering.Calendars.LocalPeriod Month => A.Days("2025-01-01", "2025-02-01");

    private static JsonNode Node(string file)
    {
        var path = SharedCases.Path("rating", "bills", file);
        Assert.SkipWhen(path is null, SharedCases.Absent);
        return JsonNode.Parse(File.ReadAllText(path!))!;
    }
}
