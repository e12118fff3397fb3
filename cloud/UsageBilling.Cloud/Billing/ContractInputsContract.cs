using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Rating;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Files;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Billing;

/// <summary>What is wrong with a parameter of a contract, and what to write instead.</summary>
public sealed record ContractInputProblem(string Name, string Message);

/// <summary>
/// The parameters of a contract as rating takes them: the document that <c>rate --contract</c> reads
/// (<c>protocols/tariffs/contract.v1.schema.json</c>), read by the same reader. Provisioning reads them too, so that billing
/// never meets one that it cannot read.
/// </summary>
public static class ContractInputs
{
    private const string Urdb = "urdb";

    /// <summary>
    /// Reads the parameters as a bill names them, so that a bill can be rated again from itself; what is wrong is added to the
    /// problems. Balances, use and demand so far are the contract's only where no bill went before: <paramref name="opening"/> is null then.
    /// </summary>
    public static ContractParameters Read(IEnumerable<BillParameter> parameters, RatingState? opening, List<ContractInputProblem> problems)
    {
        var document = new JsonObject(parameters.Select(p => KeyValuePair.Create(p.Name, Value(p.Value))));
        var parse = ContractDocument.Parse(Encoding.UTF8.GetBytes(document.ToJsonString()));
        problems.AddRange(parse.Problems.Select(p => new ContractInputProblem(p.Path.StartsWith("$.", StringComparison.Ordinal) ? p.Path[2..] : p.Path, p.Message)));
        if (document.ContainsKey(Urdb))
        {
            problems.Add(new(Urdb, "completes rate database documents; billing takes native tariffs, which say themselves what becomes of export: remove it"));
        }

        return opening is null ? parse.Contract : parse.Contract with { Opening = opening };
    }

    /// <summary>The parameters as a bill names them.</summary>
    public static List<BillParameter> Named(JsonObject parameters) =>
        [.. parameters.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => new BillParameter(p.Key, p.Value is JsonValue v ? v.ToString() : p.Value?.ToJsonString() ?? ""))];

    /// <summary>The problems of a contract's parameters by themselves and with the tariff that takes them.</summary>
    public static List<ContractInputProblem> Check(JsonObject parameters, IEnumerable<Tariff> tariffs)
    {
        var problems = new List<ContractInputProblem>();
        var read = Read(Named(parameters), null, problems);
        var versions = problems.Count == 0 ? tariffs.ToList() : [];
        foreach (var name in read.EventDays.Names.Where(name => versions.Count > 0 && versions.TrueForAll(tariff => !tariff.Calendar.EventTypes.ContainsKey(name))))
        {
            problems.Add(new($"eventDays.{name}", $"is no event of tariff {versions[^1].Label}; correct the name or remove it"));
        }

        foreach (var tariff in versions)
        {
            if (read.ContractedKilowatts is null && tariff.Charges.OfType<CapacityCharge>().FirstOrDefault() is { } capacity)
            {
                problems.Add(new("contractedKw", $"is missing: component {capacity.Id} of tariff {tariff.Label} bills contracted capacity; give the contract's kW"));
            }

            if (read.PowerFactor is not null && !tariff.Charges.Any(charge => charge is PowerFactorCharge))
            {
                problems.Add(new("powerFactor", $"is agreed, but tariff {tariff.Label} has no power-factor component that would bill it; add one to the tariff or remove the rule"));
            }
        }

        return [.. problems.DistinctBy(p => p.Name)];
    }

    /// <summary>A bill keeps values as text; objects are JSON in it, numbers may be texts in a contract too.</summary>
    private static JsonNode? Value(string text)
    {
        if (text is not ['{' or '[', ..])
        {
            return text.Length == 0 ? null : JsonValue.Create(text);
        }

        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            // A comment that begins with a brace.
            return JsonValue.Create(text);
        }
    }
}
