using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Rating;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Billing;

/// <summary>What is wrong with a parameter of a contract, and what to write instead.</summary>
public sealed record ContractInputProblem(string Name, string Message);

/// <summary>
/// The parameters of a contract as rating takes them: <c>contractedKilowatts</c>, <c>taxStatus</c>, <c>eventDays</c>. Provisioning reads them too, so that billing
/// never meets one that it cannot read.
/// </summary>
public static class ContractInputs
{
    /// <summary>Reads the parameters as a bill names them, so that a bill can be rated again from itself; what is wrong is added to the problems.</summary>
    public static ContractParameters Read(IEnumerable<BillParameter> parameters, RatingState opening, List<ContractInputProblem> problems)
    {
        var result = ContractParameters.None with { Opening = opening };
        foreach (var (name, value) in parameters)
        {
            switch (name)
            {
                case "contractedKilowatts":
                    if (decimal.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var kilowatts) && kilowatts > 0)
                    {
                        result = result with { ContractedKilowatts = kilowatts };
                        break;
                    }

                    problems.Add(new(name, $"{value} is no power; write a number of kW above 0, like 80 or 12.5"));
                    break;
                case "taxStatus":
                    if (Status(value) is { } status)
                    {
                        result = result with { TaxStatus = status };
                        break;
                    }

                    problems.Add(new(name, $"{value} is no tax status; write standard, exempt, reverse-charge or out-of-scope"));
                    break;
                case "eventDays":
                    if (Days(value) is { } events)
                    {
                        result = result with { EventDays = events };
                        break;
                    }

                    problems.Add(new(name, "must name lists of dates, like {\"critical-peak\": [\"2026-07-14\"]}"));
                    break;
                default:
                    problems.Add(new(name, "is not known; known are contractedKilowatts, taxStatus and eventDays: correct the name or remove it"));
                    break;
            }
        }

        return result;
    }

    /// <summary>The parameters as a bill names them.</summary>
    public static List<BillParameter> Named(JsonObject parameters) =>
        [.. parameters.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => new BillParameter(p.Key, p.Value is JsonValue v ? v.ToString() : p.Value?.ToJsonString() ?? ""))];

    /// <summary>The problems of a contract's parameters by themselves and with the tariff that takes them.</summary>
    public static List<ContractInputProblem> Check(JsonObject parameters, IEnumerable<Tariff> tariffs)
    {
        var problems = new List<ContractInputProblem>();
        var read = Read(Named(parameters), RatingState.Empty, problems);
        foreach (var tariff in tariffs)
        {
            if (read.ContractedKilowatts is null && !parameters.ContainsKey("contractedKilowatts") && tariff.Charges.OfType<Rating.Charges.CapacityCharge>().FirstOrDefault() is { } capacity)
            {
                problems.Add(new("contractedKilowatts", $"is missing: component {capacity.Id} of tariff {tariff.Label} bills contracted capacity; give the contract's kW"));
            }
        }

        return [.. problems.DistinctBy(p => p.Name)];
    }

    private static TaxStatus? Status(string text) => text switch
    {
        "standard" => TaxStatus.Standard,
        "exempt" => TaxStatus.Exempt,
        "reverse-charge" => TaxStatus.ReverseCharge,
        "out-of-scope" => TaxStatus.OutOfScope,
        _ => null,
    };

    private static EventDays? Days(string text)
    {
        try
        {
            var list = new List<(string, LocalDate)>();
            foreach (var (name, dates) in JsonNode.Parse(text) as JsonObject ?? throw new FormatException("not an object"))
            {
                foreach (var date in dates as JsonArray ?? throw new FormatException("not a list"))
                {
                    list.Add((name, LocalDatePattern.Iso.Parse(date?.ToString() ?? "").GetValueOrThrow()));
                }
            }

            return new EventDays(list);
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return null;
        }
    }
}
