using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Rating.Urdb;

namespace UsageBilling.Rating.Files;

/// <summary>
/// What a contract names and a tariff does not know. It changes nothing on a bill, which is right where one contract is priced
/// by several tariffs, and a costly slip where a name is misspelt; so whoever reads both should say it.
/// </summary>
public static class ContractNames
{
    /// <summary>Everything of a contract that rating by a tariff leaves aside, with its path in the contract document.</summary>
    public static IEnumerable<Problem> Unused(ContractParameters contract, Tariff tariff)
    {
        foreach (var name in contract.EventDays.Names.Where(name => !tariff.Calendar.EventTypes.ContainsKey(name)))
        {
            yield return new Problem($"$.eventDays.{name}", $"is no event of {tariff.Label} ({Known(tariff.Calendar.EventTypes.Keys)}); its days change nothing");
        }

        var groups = tariff.Charges.OfType<CoincidentCharge>().Select(charge => charge.Group).Distinct(StringComparer.Ordinal).ToList();
        foreach (var name in contract.CoincidentHours.Keys.Where(name => !groups.Contains(name)))
        {
            yield return new Problem($"$.coincidentHours.{name}", $"is no group of {tariff.Label} ({Known(groups)}); its hours change nothing");
        }

        if (contract.ContractedKilowatts is not null && !tariff.Charges.Any(charge => charge is CapacityCharge))
        {
            yield return new Problem("$.contractedKw", $"is billed by no component of {tariff.Label}; it changes nothing");
        }

        var ids = tariff.Charges.Select(charge => charge.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var key in contract.Opening.Balances.Keys)
        {
            var parts = key.Split(':');
            if (parts.Length < 2 || !ids.Contains(parts[1]))
            {
                var path = parts[0] switch { "used" => $"yearToDateUse.{key[5..]}", "billed" => $"billedBefore.{key[7..]}", _ => $"openingBalances.{key}" };
                yield return new Problem($"$.{path}", $"names no component of {tariff.Label}; it changes nothing");
            }
        }
    }

    /// <summary>The same for what completes a rate database document, where a native tariff is rated.</summary>
    public static IEnumerable<Problem> Unused(UrdbOptions options, Tariff tariff) => options == new UrdbOptions()
        ? []
        : [new Problem("$.urdb", $"completes rate database documents; {tariff.Label} is a native one and says itself what becomes of export: it changes nothing")];

    private static string Known(IEnumerable<string> names) => names.Any() ? $"known: {string.Join(", ", names)}" : "it has none";
}
