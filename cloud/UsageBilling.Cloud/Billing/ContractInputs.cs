using System.Globalization;
using System.Text.Json.Nodes;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Rating;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Billing;

/// <summary>The parameters of a stored contract as rating takes them: <c>contractedKilowatts</c>, <c>taxStatus</c>, <c>eventDays</c>.</summary>
internal static class ContractInputs
{
    /// <summary>Reads the parameters as a bill names them, so that a bill can be rated again from itself; what is wrong is added to the problems.</summary>
    public static ContractParameters Read(IEnumerable<BillParameter> parameters, RatingState opening, List<string> problems)
    {
        var result = ContractParameters.None with { Opening = opening };
        foreach (var (name, value) in parameters)
        {
            switch (name)
            {
                case "contractedKilowatts" when decimal.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var kilowatts) && kilowatts > 0:
                    result = result with { ContractedKilowatts = kilowatts };
                    break;
                case "taxStatus" when Enum.TryParse<TaxStatus>(value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var status):
                    result = result with { TaxStatus = status };
                    break;
                case "eventDays" when value.StartsWith('{') && Days(JsonNode.Parse(value)!.AsObject()) is { } events:
                    result = result with { EventDays = events };
                    break;
                default:
                    problems.Add($"parameter {name} = {value}: known are contractedKilowatts (a number above 0), taxStatus (standard, exempt, reverse-charge, out-of-scope) and eventDays ({{name: [dates]}})");
                    break;
            }
        }

        return result;
    }

    /// <summary>The parameters as a bill names them.</summary>
    public static List<BillParameter> Named(JsonObject parameters) =>
        [.. parameters.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => new BillParameter(p.Key, p.Value is JsonValue v ? v.ToString() : p.Value?.ToJsonString() ?? ""))];

    private static EventDays? Days(JsonObject days)
    {
        var list = new List<(string, LocalDate)>();
        foreach (var (name, dates) in days)
        {
            foreach (var date in dates as JsonArray ?? [])
            {
                var parsed = LocalDatePattern.Iso.Parse(date?.ToString() ?? "");
                if (!parsed.Success)
                {
                    return null;
                }

                list.Add((name, parsed.Value));
            }
        }

        return new EventDays(list);
    }
}
