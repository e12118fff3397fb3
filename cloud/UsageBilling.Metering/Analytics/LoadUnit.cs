using UsageBilling.Protocols;

namespace UsageBilling.Metering.Analytics;

/// <summary>Stored integers of a channel in the unit that people read.</summary>
/// <param name="Symbol">kWh, kvarh, m³, s, B; empty for what is counted.</param>
/// <param name="Rate">The unit of a quantity per hour: kW, kvar, m³/h.</param>
/// <param name="Factor">Readable units in one stored unit.</param>
public sealed record LoadUnit(string Symbol, string Rate, decimal Factor)
{
    /// <summary>The unit of a channel.</summary>
    /// <param name="measurand">What it carries.</param>
    /// <param name="exponent">Power of ten of one stored unit.</param>
    public static LoadUnit Of(Measurand measurand, int exponent) => measurand.Quantity switch
    {
        Quantity.ActiveEnergy or Quantity.HeatEnergy => new("kWh", "kW", Power(exponent - 3)),
        Quantity.ReactiveEnergy => new("kvarh", "kvar", Power(exponent - 3)),
        Quantity.ApparentEnergy => new("kVAh", "kVA", Power(exponent - 3)),
        Quantity.Count => new("", "per hour", Power(exponent)),
        var other => new(Unit.BaseOf(other).Symbol, Unit.BaseOf(other).Symbol + "/h", Power(exponent)),
    };

    /// <summary>A stored quantity as people read it: <c>12.5 kWh</c>.</summary>
    public string Amount(decimal stored) => Text(stored * Factor, Symbol);

    /// <summary>A stored quantity per hour as people read it: <c>3.2 kW</c>.</summary>
    public string PerHour(decimal stored) => Text(stored * Factor, Rate);

    private static string Text(decimal value, string symbol)
    {
        var decimals = decimal.Abs(value) switch { >= 1000 => 0, >= 10 => 1, _ => 3 };
        var rounded = decimal.Round(value, decimals, MidpointRounding.AwayFromZero);
        return symbol.Length == 0 ? $"{rounded:0.###}" : $"{rounded:0.###} {symbol}";
    }

    private static decimal Power(int exponent)
    {
        var value = 1m;
        for (var i = 0; i < Math.Abs(exponent); i++)
        {
            value = exponent > 0 ? value * 10m : value / 10m;
        }

        return value;
    }
}
