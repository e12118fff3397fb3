using UsageBilling.Cloud.Web;
using UsageBilling.Metering.Analytics;

namespace UsageBilling.Cloud.Alerts;

/// <summary>What a rule watches, as a person would say it.</summary>
internal static class AlertWords
{
    public static string Of(AlertRule rule)
    {
        var channel = rule.Measurand is { } measurand ? Shown.Channel(measurand) : "";
        var unit = rule.Measurand is { } of ? LoadUnit.Of(of, 0) : null;
        return rule.Kind switch
        {
            AlertKind.Threshold => rule.Per == "interval" ? $"{channel} over {Shown.Exact(rule.Limit!.Value)} {unit!.Rate}" : $"{channel} over {Shown.Exact(rule.Limit!.Value)} {unit!.Symbol} a {(rule.Per == "day" ? "day" : "billing period")}",
            AlertKind.Budget => rule.Amount is { } amount ? $"50, 75, 100 % of {Shown.Amount(amount)} a billing period" : $"{channel}: 50, 75, 100 % of {Shown.Exact(rule.Limit!.Value)} {unit!.Symbol} a billing period",
            AlertKind.Anomaly => rule.Opens is null ? $"{channel}: anything unusual" : $"{channel}: anything unusual, and use outside {rule.Opens} to {rule.Closes}{(rule.Days is null ? "" : $" on {rule.Days}")}",
            _ => $"{channel}: no data for {rule.Hours} h",
        };
    }
}
