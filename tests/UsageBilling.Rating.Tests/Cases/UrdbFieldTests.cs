using System.Collections.Immutable;
using System.Text;
using NodaTime;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Rating.Urdb;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>Single fields of rate database documents, billed for one June by hand: 720 hours of 1 kWh, and 11 kWh from 15:00 on the 10th.</summary>
public sealed class UrdbFieldTests
{
    private const string Energy = "\"energyratestructure\":[[{\"rate\":0.1,\"unit\":\"kWh\"}]]";
    private static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["America/Denver"];

    [Theory]
    [InlineData("\"fixedchargefirstmeter\":3,\"fixedchargeunits\":\"$/day\"", "fixed", 90)]
    [InlineData("\"fixedchargefirstmeter\":365,\"fixedchargeunits\":\"$/year\"", "fixed", 30)]
    [InlineData("\"fixedchargefirstmeter\":3", "fixed", 3)]
    [InlineData("\"mincharge\":10,\"minchargeunits\":\"$/day\"", "minimum", 227)]
    [InlineData("\"mincharge\":80,\"minchargeunits\":\"$/month\"", "minimum", 7)]
    [InlineData("\"minmonthlycharge\":80", "minimum-monthly", 7)]
    [InlineData("\"flatdemandstructure\":[[{\"rate\":2}],[{\"rate\":3,\"adj\":1}]],\"flatdemandmonths\":[0,0,0,0,0,1,1,1,1,0,0,0]", "flat-demand", 44)]
    [InlineData("\"flatdemandstructure\":[[{\"rate\":2}]],\"flatdemandunit\":\"kW daily\"", "flat-demand", 660)]
    [InlineData("\"flatdemandstructure\":[[{\"rate\":2,\"max\":5},{\"rate\":7}]]", "flat-demand", 52)]
    [InlineData("\"fueladjustmentsmonthly\":[0,0,0,0,0,0.02,0,0,0,0,0,0]", "fuel", 14.6)]
    public void Field_is_billed(string field, string component, double amount)
    {
        var bill = Bill("{" + Energy + "," + field + "}");
        Assert.Equal((decimal)amount, bill.Lines.Where(line => line.Component == component).Sum(line => line.Amount));
    }

    /// <summary>730 kWh; tiers of 10 kWh a day end at 300, of 20 kWh/kW at 220, of 1 kWh/kW a day at 330.</summary>
    [Theory]
    [InlineData("kWh", 10, 10)]
    [InlineData("kWh daily", 10, 300)]
    [InlineData("kWh/kW", 20, 220)]
    [InlineData("kWh/kW daily", 1, 330)]
    public void Tier_ends_are_counted_in_their_unit(string unit, int max, int first)
    {
        var bill = Bill($$"""{"energyratestructure":[[{"rate":0.1,"max":{{max}},"unit":"{{unit}}"},{"rate":0.2,"unit":"{{unit}}"}]]}""");
        Assert.Equal([first, 730m - first], bill.Lines.Select(line => line.Quantity));
    }

    [Fact]
    public void Demand_in_kva_is_billed_from_active_and_reactive_energy()
    {
        var tariff = Read("{" + Energy + ",\"flatdemandstructure\":[[{\"rate\":2,\"unit\":\"kVA\"}]],\"flatdemandunit\":\"kVA\"}");
        var june = A.Days("2025-06-01", "2025-07-01", Zone);
        var line = A.Bill(tariff, june, Usage(june), A.Constant(june, "reactive", 60, 60_000L)).Line("flat-demand");
        Assert.Equal(61m, line.Quantity);
        Assert.Equal("kVA", line.Unit.Symbol);
    }

    [Fact]
    public void Each_coincident_hour_bears_the_price_of_its_period()
    {
        var schedule = string.Join(',', Enumerable.Repeat($"[{string.Join(',', Enumerable.Range(0, 24).Select(hour => hour is >= 12 and < 20 ? 1 : 0))}]", 12));
        var tariff = Read("{" + Energy + ",\"coincidentratestructure\":[[{\"rate\":5}],[{\"rate\":8}]],\"coincidentschedule\":[" + schedule + "]}");
        var june = A.Days("2025-06-01", "2025-07-01", Zone);
        Instant At(int hour) => new LocalDateTime(2025, 6, 10, hour, 0).InZoneStrictly(Zone).ToInstant();
        var hours = ImmutableSortedDictionary<string, ImmutableArray<Instant>>.Empty.Add("coincident", [At(3), At(15)]);
        var bill = RatingEngine.Rate(A.Input(tariff, june, Usage(june)) with { Contract = new ContractParameters { CoincidentHours = hours } }, new Determinants.RatePlans());
        Assert.Equal(5m, bill.Line("coincident-0").Amount);
        Assert.Equal(88m, bill.Line("coincident-1").Amount);
    }

    [Theory]
    [InlineData("\"dgrules\":\"Net Metering\"", 23)]
    [InlineData("\"usenetmetering\":true", 23)]
    [InlineData("\"dgrules\":\"Net Billing Hourly\"", 33)]
    [InlineData("\"dgrules\":\"Net Billing Instantaneous\"", 33)]
    [InlineData("\"dgrules\":\"Net Billing Hourly with $ carryover\"", 73)]
    [InlineData("\"dgrules\":\"Net Metering with $ credits\"", 23)]
    [InlineData("\"metering_option\":1", 23)]
    [InlineData("\"dgrules\":\"Buy All Sell All\"", 33)]
    public void Export_of_500_kwh_is_settled_by_the_documents_rule(string field, double net)
    {
        var tariff = Read("{\"energyratestructure\":[[{\"rate\":0.1,\"sell\":0.08,\"unit\":\"kWh\"}]]," + field + "}");
        var june = A.Days("2025-06-01", "2025-07-01", Zone);
        var bill = A.Bill(tariff, june, Usage(june), A.Total(june, "export", 500_000L));
        Assert.Equal((decimal)net, bill.Net);
    }

    [Theory]
    [InlineData("\"dgrules\":\"Barter\"", "dgrules")]
    [InlineData("\"demandwindow\":7", "demandwindow")]
    [InlineData("\"flatdemandunit\":\"hp\"", "flatdemandunit")]
    [InlineData("\"fixedchargefirstmeter\":1,\"fixedchargeunits\":\"$/week\"", "fixedchargeunits")]
    [InlineData("\"fixedchargeeaaddl\":2", "fixedchargeeaaddl")]
    [InlineData("\"fueladjustmentsmonthly\":[1,2]", "fueladjustmentsmonthly")]
    [InlineData("\"demandratchet\":{\"prior_year_monthly_peaks_kw\":[1]}", "demandratchet.prior_year_monthly_peaks_kw")]
    [InlineData("\"coincidentratestructure\":[[{\"rate\":1}]]", "coincidentratestructure")]
    [InlineData("\"lookbackpercent\":0.5,\"demandratchetpercentage\":[1,1,1,1,1,1,1,1,1,1,1,1],\"flatdemandstructure\":[[{\"rate\":1}]]", "lookbackpercent")]
    [InlineData("\"whatever\":1", "whatever")]
    public void What_cannot_be_honoured_is_named(string field, string name)
    {
        var parse = UrdbDocument.Parse(Encoding.UTF8.GetBytes("{" + Energy + "," + field + "}"));
        Assert.Null(parse.Tariff);
        Assert.Contains(parse.Problems, problem => problem.Path == "$." + name);
    }

    private static Tariff Read(string json)
    {
        var parse = UrdbDocument.Parse(Encoding.UTF8.GetBytes(json));
        Assert.True(parse.Tariff is not null, string.Join('\n', parse.Problems));
        return parse.Tariff!;
    }

    private static RatedPeriod Bill(string json)
    {
        var june = A.Days("2025-06-01", "2025-07-01", Zone);
        return A.Bill(Read(json), june, Usage(june));
    }

    private static Metering.Intervals.LoadProfile Usage(Metering.Calendars.LocalPeriod june) =>
        A.Profile(june, "import", 60, at => at is { Day: 10, Hour: 15 } ? 11_000L : 1_000L);
}
