using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime.Text;
using UsageBilling.Rating;

namespace UsageBilling.Cloud.Billing;

/// <summary>What one period hands to the next, as stored beside its bill: exact decimals as text, keys in order.</summary>
internal static class RatingStateText
{
    public static string Write(RatingState state)
    {
        if (state.Equals(RatingState.Empty))
        {
            return "{}";
        }

        var balances = new JsonObject(state.Balances.Select(b => KeyValuePair.Create(b.Key, (JsonNode?)Text(b.Value))));
        var demand = new JsonObject(state.DemandHistory.Select(d => KeyValuePair.Create(YearMonthPattern.Iso.Format(d.Key), (JsonNode?)Text(d.Value))));
        return new JsonObject { ["balances"] = balances, ["demand"] = demand }.ToJsonString();
    }

    public static RatingState Read(string text)
    {
        var state = RatingState.Empty;
        if (JsonNode.Parse(text) is not JsonObject { Count: > 0 } root)
        {
            return state;
        }

        foreach (var (key, value) in root["balances"]?.AsObject() ?? [])
        {
            state = state.With(key, Number(value));
        }

        foreach (var (month, value) in root["demand"]?.AsObject() ?? [])
        {
            state = state.WithDemand(YearMonthPattern.Iso.Parse(month).Value, Number(value));
        }

        return state;
    }

    private static string Text(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    private static decimal Number(JsonNode? value) =>
        decimal.Parse(value?.GetValue<string>() ?? throw new JsonException("a balance is a text"), CultureInfo.InvariantCulture);
}
