using NodaTime;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Rating.Urdb;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>Utility Rate Database documents, real and synthetic.</summary>
public sealed class UrdbTests
{
    public static TheoryData<string> Documents()
    {
        var data = new TheoryData<string>();
        if (SharedCases.Path("rating", "urdb") is not { } folder)
        {
            data.Add("absent");
            return data;
        }

        foreach (var file in Directory.GetFiles(folder, "*.json").Select(file => Path.GetFileNameWithoutExtension(file)!).Where(name => name != "MANIFEST").Order(StringComparer.Ordinal))
        {
            data.Add(file);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_prices_a_year_or_names_the_field_that_cannot_be_honoured(string name)
    {
        var parse = UrdbDocument.Parse(Read(name));
        if (name.Contains("NEGATIVE", StringComparison.Ordinal))
        {
            Assert.Null(parse.Tariff);
            Assert.Contains(parse.Problems, problem => problem.Path.Contains(name.StartsWith("dixie", StringComparison.Ordinal) ? "energyratestructure[0][0].rate" : "energyweekdayschedule", StringComparison.Ordinal));
            return;
        }

        Assert.True(parse.Tariff is not null, string.Join('\n', parse.Problems));
        var year = A.Days("2023-01-01", "2024-01-01", DateTimeZoneProviders.Tzdb["America/Los_Angeles"]);
        var usage = A.Profile(year, "import", 60, at => 400_000L + (at.Hour * 9_000L) + (at.Month * 1_000L));
        if (name == "peco-gs-ht")
        {
            var refused = Assert.Throws<RatingInputException>(() => A.Bill(parse.Tariff!, A.Days("2023-01-01", "2023-02-01", year.Zone), usage));
            Assert.Contains("coincidentratestructure", refused.Message, StringComparison.Ordinal);
            return;
        }

        var total = 0m;
        for (var from = year.From; from < year.To; from = from.PlusMonths(1))
        {
            var bill = A.Bill(parse.Tariff!, A.Days($"{from:uuuu-MM-dd}", $"{from.PlusMonths(1):uuuu-MM-dd}", year.Zone), usage);
            Assert.All(bill.Lines, line => Assert.NotEmpty(line.Formula));
            total += bill.Total;
        }

        Assert.True(total > 1_000m, $"a large customer pays something: {total}");
    }

    [Fact]
    public void Ratchet_of_35_percent_bills_one_january_peak_all_year()
    {
        var tariff = UrdbDocument.Parse(Read("wallingford-primary-ratchet")).Tariff!;
        Assert.Equal(5302.5m, DemandOfYear(tariff, at => at.Month == 1 && at.Day == 1 && at.Hour == 7 ? 100_000L : 1_000L));
    }

    [Fact]
    public void Tiered_energy_bills_adjustments_with_the_rate()
    {
        var tariff = UrdbDocument.Parse(Read("fpl-rs1-2015-tiered")).Tariff!;
        var energy = YearOf(tariff, at => at.Day == 1 && at.Hour == 0 ? 2_000_000L : 0L).Sum(bill => bill.Lines.Where(line => line.Component == "energy").Sum(line => line.Exact));
        Assert.Equal(2342.88m, energy);
    }

    [Fact]
    public void Lookback_to_named_months_bills_the_highest_of_them_all_year_round()
    {
        Assert.Equal(74_500m, SecondYear("""{"percent":75,"months":11,"monthsOfYear":[1,4,12]}"""));
    }

    [Fact]
    public void Lookback_over_six_months_bills_the_highest_of_those_before()
    {
        Assert.Equal(79_375m, SecondYear("""{"percent":75,"months":6}"""));
    }

    [Theory]
    [InlineData(2023, false)]
    [InlineData(2024, true)]
    public void Leap_year_moves_the_weekday_and_with_it_the_price(int year, bool weekday)
    {
        var tariff = UrdbDocument.Parse(Read("reopt-leap-year")).Tariff!;
        var start = new LocalDateTime(year, 1, 1, 0, 0).PlusHours((31 * 24) + (29 * 24) + (3 * 24) + 15);
        var month = A.Days($"{start.Date:uuuu-MM}-01", $"{start.Date.With(DateAdjusters.StartOfMonth).PlusMonths(1):uuuu-MM-dd}", DateTimeZone.Utc);
        var bill = A.Bill(tariff, month, A.Profile(month, "import", 60, at => at.LocalDateTime == start ? 10_000L : 0L));
        Assert.Equal(weekday, bill.Lines.Any(line => line.Component == "demand"));
        Assert.Contains(bill.Lines, line => line.Component == "flat-demand");
    }

    /// <summary>The steady year of the case: the year before it had the same peaks.</summary>
    private static decimal SecondYear(string lookback)
    {
        decimal[] prices = [10, 10, 20, 50, 20, 10, 20, 20, 20, 20, 20, 5];
        var seasons = string.Join(',', prices.Select((_, i) => $$"""{"name":"m{{i}}","from":"{{i + 1:00}}-01","to":"{{i + 1:00}}-{{CalendarSystem.Iso.GetDaysInMonth(2000, i + 1)}}"}"""));
        var named = string.Join(',', prices.Select((price, i) => $"\"p{i}\":{price}"));
        var windows = string.Join(',', prices.Select((_, i) => $$"""{"period":"p{{i}}","seasons":["m{{i}}"]}"""));
        var tariff = A.TariffOf(
            $$"""{"kind":"demand","id":"flat-demand","description":"Demand","lookback":{{lookback}},"schedule":"months","prices":{ {{named}} } }""",
            $$""" "calendar":{"seasons":[{{seasons}}],"schedules":[{"name":"months","windows":[{{windows}}] } ] } """);
        var prior = RatingState.Empty;
        foreach (var (month, peak) in new[] { (1, 200m), (2, 100m), (3, 100m), (4, 400m), (5, 100m), (6, 500m), (7, 100m), (8, 100m), (9, 100m), (10, 100m), (11, 100m), (12, 300m) })
        {
            prior = prior.WithDemand(new YearMonth(2022, month), peak);
        }

        return YearOf(tariff, at => 1_000L * (at is { Day: 10, Hour: 10 } ? at.Month switch { 1 => 200, 4 => 400, 6 => 500, 12 => 300, _ => 100 } : 100), prior).Sum(bill => bill.Lines.Sum(line => line.Exact));
    }

    private static decimal DemandOfYear(Tariff tariff, Func<ZonedDateTime, long> usage) =>
        YearOf(tariff, usage).Sum(bill => bill.Lines.Where(line => line.Kind == Charges.ChargeKind.Demand).Sum(line => line.Exact));

    private static List<Charges.RatedPeriod> YearOf(Tariff tariff, Func<ZonedDateTime, long> usage, RatingState? opening = null)
    {
        var year = A.Days("2023-01-01", "2024-01-01", DateTimeZone.Utc);
        var profile = A.Profile(year, "import", 60, usage);
        var plans = new Determinants.RatePlans();
        var bills = new List<Charges.RatedPeriod>();
        var state = opening ?? RatingState.Empty;
        for (var from = year.From; from < year.To; from = from.PlusMonths(1))
        {
            var month = A.Days($"{from:uuuu-MM-dd}", $"{from.PlusMonths(1):uuuu-MM-dd}", year.Zone);
            bills.Add(RatingEngine.Rate(A.Input(tariff, month, profile) with { Contract = new ContractParameters { Opening = state } }, plans));
            state = bills[^1].Closing;
        }

        return bills;
    }

    private static byte[] Read(string name)
    {
        var file = SharedCases.Path("rating", "urdb", name + ".json");
        Assert.SkipWhen(file is null || !File.Exists(file), SharedCases.Absent);
        return File.ReadAllBytes(file!);
    }
}
