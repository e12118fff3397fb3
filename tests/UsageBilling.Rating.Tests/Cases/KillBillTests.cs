using System.Globalization;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>Kill Bill's usage tiers, stair-steps, price changes and day counting.</summary>
public sealed class KillBillTests
{
    private static readonly string[] Measures = ["count", "water", "duration"];

    private static readonly Dictionary<string, string> AntiCases = new(StringComparer.Ordinal)
    {
        ["kb-033"] = "ignores usage older than two periods; here it is rebilled or carried, never ignored (promise 10)",
    };

    public static TheoryData<string> Ids()
    {
        var data = new TheoryData<string>();
        if (SharedCases.Path("rating", "killbill", "killbill.json") is { } path)
        {
            foreach (var node in JsonNode.Parse(File.ReadAllText(path))!.AsArray())
            {
                data.Add((string)node!["id"]!);
            }
        }
        else
        {
            data.Add("absent");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Case_comes_out_the_same(string id)
    {
        var path = SharedCases.Path("rating", "killbill", "killbill.json");
        Assert.SkipWhen(path is null, SharedCases.Absent);
        Assert.SkipWhen(AntiCases.TryGetValue(id, out var reason), reason ?? string.Empty);
        var node = JsonNode.Parse(File.ReadAllText(path!))!.AsArray().First(candidate => (string)candidate!["id"]! == id)!;
        var (parameters, usage, expected) = (node["params"]!, node["usage"]!, node["expected"]!);
        switch ((string)node["model"]!)
        {
            case "block_tiers":
                var use = $"{{\"kind\":\"usage\",\"id\":\"use\",\"description\":\"Use\",\"measure\":\"count\",\"unit\":\"1\",{PriceModels.BlockTiers(parameters["tiers"]!.AsArray(), (string)parameters["policy"]! == "TOP_TIER")}}}";
                var bill = PriceModels.Bill(A.TariffOf(use), PriceModels.Number(usage["quantity"]));
                Assert.Equal(PriceModels.Number(expected["total"]), bill.Net);
                Assert.Equal(expected["lines"]!.AsArray().Select(line => PriceModels.Number(line)), bill.Lines.Select(line => line.Amount));
                break;
            case "block_tiers_multi_unit" or "block_tiers_delta":
                Assert.Equal(PriceModels.Number(expected["total"] ?? expected["delta_total"]), MultiUnit(parameters, usage).Net - PriceModels.Number(usage["billed_amount"]));
                break;
            case "capacity" or "capacity_delta":
                Assert.Equal(PriceModels.Number(expected["total"] ?? expected["delta_total"]), Capacity(parameters, usage).Net - PriceModels.Number(usage["billed_amount"]));
                break;
            case "versioned_graduated":
                Versioned(parameters, usage, expected);
                break;
            case "cycles_in_advance_monthly":
                Cycles(parameters, usage, expected);
                break;
            case "fixed_days_proration":
                Assert.Equal(PriceModels.Number(expected["ratio"]), Proration.Months(ProrationRule.ThirtyDays, Date(usage["from"]!), Date(usage["to"]!), 1));
                break;
            case "flat_prorated_money":
                var (days, of) = ((int)usage["days"]!, (int)usage["period_days"]!);
                var fee = A.TariffOf($$"""{"kind":"standing","id":"fee","description":"Fee","price":{{parameters["amount"]}},"per":"{{(of > 31 ? "year" : "month")}}"}""");
                var from = new LocalDate(2025, 1, 1);
                Assert.Equal(PriceModels.Number(expected["amount"]), A.Bill(fee, new LocalPeriod(from, from.PlusDays(days), DateTimeZone.Utc)).Net);
                break;
            case "bcd_periods":
                Assert.Equal(
                    expected["periods"]!.AsArray().Select(period => (Date(period![0]!), Date(period[1]!))),
                    PeriodsFrom(Date(parameters["start"]!), (int)parameters["bill_cycle_day"]!, expected["periods"]!.AsArray().Count));
                break;
            default:
                Assert.Fail($"no test for the model {node["model"]}");
                break;
        }
    }

    private static RatedPeriod MultiUnit(JsonNode parameters, JsonNode usage)
    {
        var period = A.Days("2025-01-01", "2025-02-01", DateTimeZone.Utc);
        var units = parameters["units"]!.AsObject().ToList();
        var components = units.Select((unit, i) => $"{{\"kind\":\"usage\",\"id\":\"use{i}\",\"description\":\"{unit.Key}\",\"measure\":\"{Measures[i]}\",{PriceModels.BlockTiers(unit.Value!.AsArray(), (string)parameters["policy"]! == "TOP_TIER")}}}");
        var profiles = units.Select((unit, i) => PriceModels.Count(period, Measures[i], PriceModels.Number(usage["quantities"]![unit.Key])));
        return A.Bill(A.TariffOf(string.Join(',', components)), period, [.. profiles]);
    }

    private static RatedPeriod Capacity(JsonNode parameters, JsonNode usage)
    {
        var period = A.Days("2025-01-01", "2025-02-01", DateTimeZone.Utc);
        var tiers = parameters["tiers"]!.AsArray();
        var units = tiers[0]!["limits"]!.AsObject().Select(limit => limit.Key).ToList();
        var steps = tiers.Select((tier, i) =>
        {
            var limits = i == tiers.Count - 1 ? string.Empty : $"\"limits\":{{{string.Join(',', tier!["limits"]!.AsObject().Select(limit => $"\"{Measures[units.IndexOf(limit.Key)]}\":{limit.Value}"))}}},";
            return $"{{{limits}\"amount\":{tier!["price"]}}}";
        });
        var tariff = A.TariffOf($"{{\"kind\":\"step\",\"id\":\"use\",\"description\":\"Use\",\"steps\":[{string.Join(',', steps)}]}}");
        var profiles = usage["peak_quantities"]!.AsObject().Select(peak => PriceModels.Count(period, Measures[units.IndexOf(peak.Key)], PriceModels.Number(peak.Value)));
        return A.Bill(tariff, period, [.. profiles]);
    }

    /// <summary>A price change inside a month splits the lines; each version prices its own days.</summary>
    private static void Versioned(JsonNode parameters, JsonNode usage, JsonNode expected)
    {
        var items = expected["items"]!.AsArray();
        var month = new LocalPeriod(Date(items[0]![0]!), Date(items[^1]![1]!), DateTimeZone.Utc);
        var versions = parameters["versions"]!.AsArray();
        var tariffs = versions.Select((version, i) =>
        {
            var tiers = version!["tiers"]!.AsArray().Select(tier => $"{{{(tier!["up_to"] is { } end ? $"\"upTo\":{end}," : string.Empty)}\"price\":{tier["unit"]}}}");
            var to = i + 1 < versions.Count ? $",\"to\":\"{versions[i + 1]!["effective_from"]}\"" : string.Empty;
            return A.Tariff($$"""
                {"format":"usage-billing/tariff.v1","code":"kwh","version":"{{i + 1}}","name":"kWh","currency":"USD","effective":{"from":"{{version["effective_from"]}}"{{to}}},
                 "components":[{"kind":"usage","id":"use","description":"Use","price":[{{string.Join(',', tiers)}}] }]}
                """);
        }).ToList();
        var events = usage["events"]!.AsArray().ToDictionary(entry => Date(entry![0]!), entry => PriceModels.Number(entry![1]));
        var profile = A.Profile(month, "import", 60, at => at.Hour == 12 && events.TryGetValue(at.Date, out var kilowattHours) ? (long)(kilowattHours * 1_000m) : 0L);
        var bill = RatingEngine.Rate(new RatingInput { Period = month, Tariffs = TariffSpan.Over(month, tariffs), Profiles = [profile] }, new Determinants.RatePlans());
        foreach (var item in items)
        {
            Assert.Equal(PriceModels.Number(item![2]), bill.Lines.Where(line => line.From == Date(item[0]!) && line.To == Date(item[1]!)).Sum(line => line.Amount));
        }

        Assert.Equal(items.Sum(item => PriceModels.Number(item![2])), bill.Net);
    }

    private static void Cycles(JsonNode parameters, JsonNode usage, JsonNode expected)
    {
        var anchor = (int)parameters["bill_cycle_day"]!;
        var start = Date(usage["start"]!);
        var target = Date(usage["target"]!);
        var end = usage["end"] is { } stated ? LocalDate.Min(Date(stated), Proration.MonthEnd(target, anchor)) : Proration.MonthEnd(target, anchor);
        var wanted = decimal.Parse((string)expected["cycles"]!, CultureInfo.InvariantCulture);
        Assert.Equal(wanted, Proration.Months(ProrationRule.ActualDays, start, end, anchor));
    }

    private static IEnumerable<(LocalDate, LocalDate)> PeriodsFrom(LocalDate start, int anchor, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var end = Proration.MonthEnd(start, anchor);
            yield return (start, end);
            start = end;
        }
    }

    private static LocalDate Date(JsonNode node) => NodaTime.Text.LocalDatePattern.Iso.Parse((string)node!).Value;
}
