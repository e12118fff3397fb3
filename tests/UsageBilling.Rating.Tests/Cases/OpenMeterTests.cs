using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>OpenMeter's price models: what is due, run after run.</summary>
public sealed class OpenMeterTests
{
    /// <summary>Cases that are not ours to pass, each with the reason.</summary>
    private static readonly Dictionary<string, string> AntiCases = new(StringComparer.Ordinal)
    {
        ["om-per-015"] = "adds hours, minutes and seconds to an instant; billing periods are local days and begin at midnight, so no rule of ours does that",
    };

    public static TheoryData<string> Ids(string file)
    {
        var data = new TheoryData<string>();
        if (SharedCases.Path("rating", "openmeter", file) is { } path)
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
    [MemberData(nameof(Ids), "openmeter_rating.json")]
    public void Price_model_charges_what_is_due(string id)
    {
        var node = Case("openmeter_rating.json", id);
        var usage = node["usage"]!;
        var (parameters, expected) = (node["params"]!.AsObject(), node["expected"]!.AsObject());
        if (expected["error"] is not null)
        {
            // A conversion that is stated and switched off at once: refused by name, never billed raw.
            var config = parameters["unit_config"]!;
            var parse = TariffDocument.Parse(System.Text.Encoding.UTF8.GetBytes($$"""
                {"format":"usage-billing/tariff.v1","code":"t","version":"1","name":"T","currency":"USD","effective":{"from":"2025-01-01"},"components":[
                 {"kind":"usage","id":"use","description":"Use","measure":"count","price":{{parameters["unit_amount"]}},"divideBy":{{config["factor"]}},"enabled":{{config["enabled"]!.ToJsonString()}} }]}
                """));
            Assert.Equal("$.components[0].enabled", Assert.Single(parse.Problems).Path);
            return;
        }

        var model = (string)node["model"]!;
        var credit = parameters["credits_applied"] is JsonArray credits && parameters["options"] is null ? credits.Sum(part => PriceModels.Number(part)) : 0m;
        var last = (string?)usage["line_mode"] != "mid_period_split";
        var tariff = PriceModels.OpenMeter(model, parameters, minimum: parameters["options"] is null);
        var bill = PriceModels.Bill(tariff, PriceModels.Number(usage["quantity"]), PriceModels.Number(usage["pre_line_quantity"]), PriceModels.Number(usage["previously_billed_amount"]), credit, last);
        if (expected["total"] is not null)
        {
            Assert.Equal(PriceModels.Number(expected["total"]), bill.Net);
            return;
        }

        // Cases that expect a quantity: packages, converted units, what a discount leaves.
        var quantity = bill.Lines.Where(line => line.Component == "use").Sum(line => line.Quantity);
        Assert.Equal(PriceModels.Number(expected["billed_quantity"] ?? expected["packages"]), quantity);
    }

    /// <summary>Late usage: the bill of what is known now, less what was booked before, is what is booked now.</summary>
    [Theory]
    [MemberData(nameof(Ids), "openmeter_late_events.json")]
    public void Late_usage_books_the_difference_to_what_was_booked(string id)
    {
        var node = Case("openmeter_late_events.json", id);
        var tariff = PriceModels.OpenMeter((string)node["model"]!, node["params"]!.AsObject());
        var phases = node["phases"]!.AsArray();
        var from = Date(phases[0]!["dates"]![0]!);
        var end = Date(phases[^1]!["dates"]![1]!);
        var booked = 0m;
        foreach (var phase in phases)
        {
            var cumulative = phase!["cumulative_quantity"] ?? phase["cumulative_quantity_per_period"]!.AsArray()[^1]!;
            var period = new Metering.Calendars.LocalPeriod(from, Date(phase["dates"]![1]!), DateTimeZone.Utc);
            var input = A.Input(tariff, period, PriceModels.Count(period, "count", PriceModels.Number(cumulative))) with { AnchorDay = end.Day };
            var bill = RatingEngine.Rate(input, new Determinants.RatePlans());
            Assert.Equal(PriceModels.Number(phase["expected"]!["totals"]!["total"]), bill.Net - booked);
            booked = bill.Net;
        }
    }

    [Theory]
    [MemberData(nameof(Ids), "openmeter_periods.json")]
    public void Periods_prorate_and_follow_their_anchor(string id)
    {
        var node = Case("openmeter_periods.json", id);
        var (usage, expected) = (node["usage"]!, node["expected"]!);
        if ((string)node["model"]! == "period_at")
        {
            var anchor = Date(node["params"]!["anchor"]!).Day;
            var date = Date(usage["instant"]!);
            Assert.Equal(Date(expected["from"]!), Proration.MonthStart(date, anchor));
            Assert.Equal(Date(expected["to"]!), Proration.MonthEnd(date, anchor));
            return;
        }

        if ((string)node["model"]! == "add_iso_duration")
        {
            // Whole months and years: so many billing months from an anchor day, clamped at month ends.
            var start = Date(usage["instant"]!);
            var duration = NodaTime.Text.PeriodPattern.NormalizingIso.Parse((string)node["params"]!["duration"]!).Value;
            var end = start;
            for (var month = (duration.Years * 12) + duration.Months; month > 0; month--)
            {
                end = Proration.MonthEnd(end, start.Day);
            }

            Assert.Equal(Date(expected["result"]!), end);
            return;
        }

        Fee(node, Date(usage["service_from"]!), Date(usage["service_to"]!), Date(usage["period_from"]!), Date(usage["period_to"]!));
    }

    /// <summary>A fee for a month, quarter or year, of which a part was served. A service of no whole day has no day to charge for.</summary>
    private static void Fee(JsonNode node, LocalDate from, LocalDate to, LocalDate periodFrom, LocalDate periodTo)
    {
        var amount = PriceModels.Number(node["expected"]!["amount"]);
        if (from == to)
        {
            Assert.Equal(amount, Proration.Months(ProrationRule.ActualDays, from, to, from.Day));
            return;
        }

        var per = Period.DaysBetween(periodFrom, periodTo) switch { <= 31 => "month", <= 92 => "quarter", _ => "year" };
        var tariff = A.TariffOf($$"""{"kind":"standing","id":"fee","description":"Fee","price":{{node["params"]!["amount"]}},"per":"{{per}}"}""", currency: "USD");
        var input = A.Input(tariff, new Metering.Calendars.LocalPeriod(from, to, DateTimeZone.Utc)) with { AnchorDay = periodFrom.Day };
        Assert.Equal(amount, RatingEngine.Rate(input, new Determinants.RatePlans()).Net);
    }

    private static JsonNode Case(string file, string id)
    {
        var path = SharedCases.Path("rating", "openmeter", file);
        Assert.SkipWhen(path is null, SharedCases.Absent);
        Assert.SkipWhen(AntiCases.TryGetValue(id, out var reason), reason ?? string.Empty);
        return JsonNode.Parse(File.ReadAllText(path!))!.AsArray().First(node => (string)node!["id"]! == id)!;
    }

    private static LocalDate Date(JsonNode node) => NodaTime.Text.LocalDatePattern.Iso.Parse(((string)node!)[..10]).Value;
}
