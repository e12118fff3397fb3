using UsageBilling.Rating.Charges;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>
/// Customer-years of NREL's bill calculator, month by month to the cent, by the case's own tariff document. The ratchets are
/// billed by native tariffs too.
/// </summary>
public sealed class SscTests
{
    /// <summary>The calculator looks one month too far back across New Year here; from May on both agree (see the test of its own).</summary>
    private const string FaultAcrossNewYear = "s07_ratchet_3_month_prior_year";

    public static TheoryData<string> Cases()
    {
        var data = new TheoryData<string>();
        if (SharedCases.Path("rating", "ssc") is not { } folder)
        {
            data.Add("absent");
            return data;
        }

        foreach (var file in Directory.GetFiles(folder, "*.json").Select(file => Path.GetFileNameWithoutExtension(file)!).Where(name => name != "index").Order(StringComparer.Ordinal))
        {
            data.Add(file);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Twelve_bills_agree_with_the_calculator(string name)
    {
        var folder = SharedCases.Path("rating", "ssc");
        Assert.SkipWhen(folder is null, SharedCases.Absent);
        var ssc = new SscCase(Path.Combine(folder!, name + ".json"));
        var parse = ssc.Parse();
        Assert.True(parse.Tariff is not null, string.Join('\n', parse.Problems));
        Compare(ssc, ssc.Bills(parse.Tariff!, withSystem: false), "without_system", name == FaultAcrossNewYear ? 4 : 0);
        if (ssc.HasSystem)
        {
            Compare(ssc, ssc.Bills(parse.Tariff!, withSystem: true), "with_system");
        }
    }

    /// <summary>Peaks of the year before count; the percentage is that of the month in which the peak lies.</summary>
    [Fact]
    public void Ratchet_of_eleven_months_bills_hours_of_use_by_the_billed_demand()
    {
        var folder = SharedCases.Path("rating", "ssc");
        Assert.SkipWhen(folder is null, SharedCases.Absent);
        var ssc = new SscCase(Path.Combine(folder!, "d05_ratchet_billing_demand.json"));
        var tariff = A.TariffOf("""
            {"kind":"demand","id":"billed","description":"Billed demand","price":0,"minimum":500,
             "lookback":{"percentByMonth":[60,60,60,60,60,95,95,95,95,60,60,60],"months":11,"ownPeakMonths":[6,7,8,9]}},
            {"kind":"usage","id":"energy","description":"Energy","billedBy":"billed","schedule":"season","prices":{
               "winter":[{"upToPerKw":200,"price":0.028813},{"upToPerKw":400,"price":0.013627},{"upToPerKw":600,"price":0.010275},{"price":0.00771}],
               "summer":[{"upToPerKw":200,"price":0.031718},{"upToPerKw":400,"price":0.013627},{"upToPerKw":600,"price":0.010275},{"price":0.00771}]}}
            """, """
            "calendar":{"seasons":[{"name":"summer","from":"06-01","to":"09-30"},{"name":"winter","from":"10-01","to":"05-31"}],
             "schedules":[{"name":"season","windows":[{"period":"summer","seasons":["summer"]},{"period":"winter","seasons":["winter"]}]}]}
            """);
        var bills = ssc.Bills(tariff, withSystem: false);
        var expected = ssc.Expected("without_system", "bill");
        Assert.Equal(12, bills.Count);
        for (var month = 0; month < 12; month++)
        {
            Assert.True(Math.Abs(expected[month] - bills[month].Total) <= 0.01m, $"month {month + 1}: {expected[month]} and {bills[month].Total}");
        }
    }

    /// <summary>
    /// The calculator looks one month too far back across New Year (a known fault of it): January to April are billed by the
    /// rule instead, from October's, November's and December's peaks; from May on both agree.
    /// </summary>
    [Fact]
    public void Ratchet_of_three_months_agrees_but_for_the_calculators_fault_across_new_year()
    {
        var folder = SharedCases.Path("rating", "ssc");
        Assert.SkipWhen(folder is null, SharedCases.Absent);
        var ssc = new SscCase(Path.Combine(folder!, "s07_ratchet_3_month_prior_year.json"));
        var tariff = A.TariffOf("""
            {"kind":"demand","id":"billed","description":"Demand","minimum":50,"lookback":{"percent":90,"months":3},
             "schedule":"season","prices":{"winter":[{"upTo":100,"price":5.5},{"price":7}],"summer":[{"upTo":100,"price":9},{"price":12}]}}
            """, """
            "calendar":{"seasons":[{"name":"summer","from":"06-01","to":"09-30"},{"name":"winter","from":"10-01","to":"05-31"}],
             "schedules":[{"name":"season","windows":[{"period":"summer","seasons":["summer"]},{"period":"winter","seasons":["winter"]}]}]}
            """);
        var bills = ssc.Bills(tariff, withSystem: false);
        decimal[] byTheRule = [279m, 270m, 261m, 174.921m];
        for (var month = 0; month < 4; month++)
        {
            Assert.Equal((100m * 5.5m) + ((byTheRule[month] - 100m) * 7m), bills[month].Lines.Sum(line => line.Exact));
        }

        var expected = ssc.Expected("without_system", "demand_flat_charge");
        for (var month = 4; month < 12; month++)
        {
            Assert.True(Math.Abs(expected[month] - bills[month].Lines.Sum(line => line.Exact)) <= 0.001m, $"month {month + 1}");
        }
    }

    private static void Compare(SscCase ssc, List<RatedPeriod> bills, string run, int from = 0)
    {
        var expected = ssc.Expected(run, "bill");
        for (var month = from; month < 12; month++)
        {
            var lines = string.Join('\n', bills[month].Lines.Select(line => $"{line.Description}: {line.Formula}"));
            Assert.True(Math.Abs(expected[month] - bills[month].Total) <= 0.01m, $"{run}, month {month + 1}: expected {expected[month]}, billed {bills[month].Total}\n{lines}");
        }

        foreach (var (field, kind) in new[] { ("demand_tou_charge", "demand"), ("demand_flat_charge", "flat-demand"), ("fixed_charge", "fixed-monthly"), ("minimum_charge_topup", "minimum-monthly") })
        {
            var parts = ssc.Expected(run, field);
            for (var month = from; month < 12; month++)
            {
                var sum = bills[month].Lines.Where(line => line.Component == kind || line.Component == kind + "-other").Sum(line => line.Exact);
                Assert.True(Math.Abs(parts[month] - sum) <= (kind == "minimum-monthly" ? 0.01m : 0.001m), $"{run}, month {month + 1}, {field}: expected {parts[month]}, billed {sum}");
            }
        }
    }
}
