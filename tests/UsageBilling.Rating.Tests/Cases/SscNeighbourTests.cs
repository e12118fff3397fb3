using System.Text.Json.Nodes;
using UsageBilling.Rating.Charges;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>
/// Neighbours of the calculator's cases: the same series under other rules of export, minimum and ratchet. The figures are
/// those that NREL's own tests assert (test/ssc_test/cmod_utilityrate5_test.cpp), for the first year.
/// </summary>
public sealed class SscNeighbourTests
{
    private const string NetMetering = "u01_res_tou_nem_yearend";
    private const string Carryover = "u10_res_tou_nb_carryover";

    [Theory]
    [InlineData(NetMetering, """{"net_metering":{"credit_month_0based":4}}""", 36.6, 4, -50.28)]
    [InlineData(NetMetering, """{"net_metering":{"credit_month_0based":4,"credit_rollover":true}}""", 36.6, 4, 0.0)]
    [InlineData(NetMetering, """{"net_metering":{"yearend_sell_rate":0}}""", 64.03, null, null)]
    [InlineData(NetMetering, """{"net_metering":{"yearend_sell_rate":0},"annualmincharge":100}""", 100.0, null, null)]
    [InlineData(Carryover, """{"net_metering":{"credit_month_0based":3}}""", -57.12, 3, -122.19)]
    [InlineData(Carryover, """{"net_metering":{"credit_month_0based":0}}""", 19.12, null, null)]
    [InlineData(Carryover, """{"sell":0.05}""", 136.77, null, null)]
    [InlineData(Carryover, """{"annualmincharge":100}""", -81.77, 3, 0.0)]
    [InlineData(Carryover, """{"net_metering":{"nb_credit_expire":true,"nb_apply_credit_current_month":true}}""", 0.0, null, null)]
    [InlineData(Carryover, """{"net_metering":{"nb_apply_credit_current_month":true}}""", -150.02, 11, -150.02)]
    [InlineData(Carryover, """{"metering_option":1,"gen":"gen_commercial_as_parsed_60min_2.csv"}""", -19600.58, null, null)]
    [InlineData(Carryover, """{"metering_option":1,"dgrules":"Net Metering with $ credits","gen":"gen_commercial_as_parsed_60min_2.csv"}""", -19600.58, null, null)]
    [InlineData(NetMetering, """{"metering_option":1,"gen":"gen_commercial_as_parsed_60min_2.csv"}""", 0.0, null, null)]
    [InlineData("u08_res_tou_nb_sell", "{}", -150.02, null, null)]
    public void A_year_under_another_rule_of_export_costs_what_the_calculator_says(string name, string changes, double year, int? month, double? bill)
    {
        var bills = Bills(name, changes, withSystem: true);
        Near((decimal)year, bills.Sum(item => item.Total), 0.1m);
        if (month is { } index)
        {
            Near((decimal)bill!.Value, bills[index].Total, 0.1m);
        }
    }

    /// <summary>July bills 709.26 kW, 95 % of June's peak; the year before was not metered.</summary>
    [Theory]
    [InlineData("{}", 16774.68)]
    [InlineData("""{"metering_option":2,"dgrules":"Net Billing Hourly"}""", 16774.68)]
    [InlineData(Ratchet, 17755.29)]
    [InlineData(Seasonal, 17755.29)]
    public void Hours_of_use_are_measured_by_the_billed_demand(string changes, double july)
    {
        Near((decimal)july, Bills("u19_com_kwh_per_kw_nem", changes, withSystem: false)[6].Total, 0.01m);
    }

    /// <summary>One peak a month: of the time-of-use demands only the one of the period in which the highest demand of all lies is due.</summary>
    [Fact]
    public void A_single_peak_is_billed_in_the_period_in_which_it_lies()
    {
        var all = Bills("s04_tou_4x2_tou_and_flat_demand_60min", "{}", withSystem: false);
        var single = Bills("s04_tou_4x2_tou_and_flat_demand_60min", """{"tou_demand_single_peak":true}""", withSystem: false);
        for (var month = 0; month < 12; month++)
        {
            var lines = all[month].Lines.Where(line => line.Component == "demand").ToList();
            var highest = lines.GroupBy(line => line.Period).MaxBy(period => period.Sum(line => line.Quantity))!;
            Assert.True(lines.Select(line => line.Period).Distinct().Count() > 1);
            Assert.Equal(highest.Select(line => line.Amount), single[month].Lines.Where(line => line.Component == "demand").Select(line => line.Amount));
        }
    }

    /// <summary>Two periods, one under the ratchet: that one is billed by the billed demand, the other by its own peak.</summary>
    [Fact]
    public void Periods_outside_a_ratchet_are_billed_by_their_own_peaks()
    {
        const string ratchet = """{"demandratchet":{"minimum_kw":1000,"lookback_months":11,"percent_by_month":[0,0,0,0,0,0,0,0,0,0,0,0],"demand_periods_0based_included":[0]}}""";
        var own = Bills("u18_com_tou_demand", "{}", withSystem: false);
        var bills = Bills("u18_com_tou_demand", ratchet, withSystem: false);
        foreach (var (before, after) in own.Zip(bills))
        {
            Assert.Equal(before.Lines.Where(line => line.Component == "demand" && line.Period == "1").Sum(line => line.Amount), after.Lines.Where(line => line.Component == "demand-other").Sum(line => line.Amount));
            Assert.Equal((100m * 20m) + (900m * 15m), after.Lines.Where(line => line.Component == "demand").Sum(line => line.Amount));
        }
    }

    private const string Ratchet = """{"demandratchet":{"minimum_kw":100,"lookback_months":11,"percent_by_month":[60,60,60,60,60,95,95,95,95,60,60,60],"include_current_month_actual_peak":[false,false,false,false,false,true,true,true,true,false,false,false],"demand_periods_0based_included":[0]}}""";
    private const string Seasonal = """{"winter":[{"max":200,"rate":0.028813},{"rate":0.132655}],"demandratchet":{"minimum_kw":100,"lookback_months":11,"percent_by_month":[60,60,60,60,60,95,95,95,95,60,60,60],"include_current_month_actual_peak":[false,false,false,false,false,true,true,true,true,false,false,false],"demand_periods_0based_included":[0]}}""";

    private static void Near(decimal expected, decimal billed, decimal tolerance) =>
        Assert.True(Math.Abs(expected - billed) <= tolerance, $"expected {expected}, billed {billed}");

    private static List<RatedPeriod> Bills(string name, string changes, bool withSystem)
    {
        var folder = SharedCases.Path("rating", "ssc");
        Assert.SkipWhen(folder is null, SharedCases.Absent);
        var ssc = new SscCase(Path.Combine(folder!, name + ".json")).With(root => Change(root, JsonNode.Parse(changes)!.AsObject()));
        var parse = ssc.Parse();
        Assert.True(parse.Tariff is not null, string.Join('\n', parse.Problems));
        return ssc.Bills(parse.Tariff!, withSystem);
    }

    private static void Change(JsonObject root, JsonObject changes)
    {
        var tariff = root["tariff"]!.AsObject();
        foreach (var (field, value) in changes.ToList())
        {
            switch (field)
            {
                case "gen":
                    root["series"]!["gen_kw"] = new JsonObject { ["csv"] = $"series/{value}", ["minutes"] = 60 };
                    break;
                case "sell":
                    foreach (var tier in tariff["energyratestructure"]!.AsArray().SelectMany(period => period!.AsArray()))
                    {
                        tier!["sell"] = value!.DeepClone();
                    }

                    break;
                case "winter":
                    tariff["energyratestructure"]![1] = value!.DeepClone();
                    break;
                case "net_metering":
                    foreach (var (rule, setting) in value!.AsObject().ToList())
                    {
                        tariff["net_metering"]![rule] = setting!.DeepClone();
                    }

                    break;
                default:
                    tariff[field] = value!.DeepClone();
                    break;
            }
        }
    }
}
