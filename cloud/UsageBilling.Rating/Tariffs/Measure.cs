using UsageBilling.Protocols;

namespace UsageBilling.Rating.Tariffs;

/// <summary>
/// What a tariff measures, by the name its document uses: <c>import</c>, <c>export</c>, <c>reactive</c>,
/// <c>reactive-export</c>, <c>apparent</c>, <c>gas</c>, <c>water</c>, <c>heat</c>, <c>count</c>, <c>duration</c>, <c>data</c>.
/// </summary>
public static class Measure
{
    private static readonly Dictionary<string, Measurand> Names = new(StringComparer.Ordinal)
    {
        ["import"] = new(Quantity.ActiveEnergy, Direction.Import),
        ["export"] = new(Quantity.ActiveEnergy, Direction.Export),
        ["reactive"] = new(Quantity.ReactiveEnergy, Direction.Import),
        ["reactive-export"] = new(Quantity.ReactiveEnergy, Direction.Export),
        ["apparent"] = new(Quantity.ApparentEnergy, Direction.Import),
        ["gas"] = new(Quantity.GasVolume, Direction.Import),
        ["water"] = new(Quantity.WaterVolume, Direction.Import),
        ["heat"] = new(Quantity.HeatEnergy, Direction.Import),
        ["count"] = new(Quantity.Count, Direction.Import),
        ["duration"] = new(Quantity.Duration, Direction.Import),
        ["data"] = new(Quantity.Data, Direction.Import),
    };

    /// <summary>All names, in the order documents list them.</summary>
    public static IReadOnlyCollection<string> All => Names.Keys;

    /// <summary>The measurand of a name, or null.</summary>
    public static Measurand? Find(string name) => Names.TryGetValue(name, out var measurand) ? measurand : null;

    /// <summary>The name of a measurand.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No tariff name exists for it.</exception>
    public static string NameOf(Measurand measurand)
    {
        foreach (var (name, candidate) in Names)
        {
            if (candidate == measurand)
            {
                return name;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(measurand), measurand, "no tariff can measure this");
    }

    /// <summary>
    /// Base units (Wh, varh, m³, s, B, 1) in one billed unit as an exact fraction, or null when the unit does not measure
    /// this quantity: a kWh is 1000/1 Wh, a minute 60/1 s.
    /// </summary>
    public static decimal? BaseUnitsIn(Unit billed, Quantity quantity) => (quantity, billed.Symbol) switch
    {
        (Quantity.ActiveEnergy or Quantity.HeatEnergy, "Wh") => 1m,
        (Quantity.ActiveEnergy or Quantity.HeatEnergy, "kWh") => 1_000m,
        (Quantity.ActiveEnergy or Quantity.HeatEnergy, "MWh") => 1_000_000m,
        (Quantity.ReactiveEnergy, "varh") => 1m,
        (Quantity.ReactiveEnergy, "kvarh") => 1_000m,
        (Quantity.ApparentEnergy, "VAh") => 1m,
        (Quantity.GasVolume or Quantity.WaterVolume, "m³") => 1m,
        (Quantity.Count, "1") => 1m,
        (Quantity.Duration, "s") => 1m,
        (Quantity.Duration, "min") => 60m,
        (Quantity.Duration, "h") => 3_600m,
        (Quantity.Data, "B") => 1m,
        (Quantity.Data, "GB") => 1_000_000_000m,
        _ => null,
    };
}
