using System.Collections.Frozen;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>A unit's spelling in files: the quantity it counts and the power of ten to that quantity's base unit.</summary>
public static class SourceUnit
{
    private static readonly FrozenDictionary<string, (Quantity Quantity, int Exponent)> All = new Dictionary<string, (Quantity, int)>
    {
        ["WH"] = (Quantity.ActiveEnergy, 0),
        ["KWH"] = (Quantity.ActiveEnergy, 3),
        ["MWH"] = (Quantity.ActiveEnergy, 6),
        ["VARH"] = (Quantity.ReactiveEnergy, 0),
        ["KVARH"] = (Quantity.ReactiveEnergy, 3),
        ["MVARH"] = (Quantity.ReactiveEnergy, 6),
        ["VAH"] = (Quantity.ApparentEnergy, 0),
        ["KVAH"] = (Quantity.ApparentEnergy, 3),
        ["MVAH"] = (Quantity.ApparentEnergy, 6),
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>What an energy unit counts, whatever its letters' case; null for anything that is not energy.</summary>
    public static (Quantity Quantity, int Exponent)? Find(string unit) => All.TryGetValue(unit, out var found) ? found : null;
}
