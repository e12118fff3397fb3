using System.Globalization;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Meters;

/// <summary>
/// Units as people write them in templates and configurations, each a power of ten of the unit in which the OBIS code counts
/// (Wh, varh, VAh, m³) or of the watt.
/// </summary>
internal static class MeasuringUnit
{
    private static readonly Dictionary<string, (string Counts, int Exponent)> Units = new(StringComparer.Ordinal)
    {
        ["Wh"] = ("Wh", 0),
        ["kWh"] = ("Wh", 3),
        ["MWh"] = ("Wh", 6),
        ["varh"] = ("varh", 0),
        ["kvarh"] = ("varh", 3),
        ["VAh"] = ("VAh", 0),
        ["kVAh"] = ("VAh", 3),
        ["m3"] = ("m³", 0),
        ["m³"] = ("m³", 0),
        ["l"] = ("m³", -3),
        ["W"] = ("W", 0),
        ["kW"] = ("W", 3),
    };

    /// <summary>Units that count what an OBIS code counts.</summary>
    public static IEnumerable<string> For(ObisCode obis) =>
        obis.Measurand is { } measurand ? Units.Where(u => u.Value.Counts == measurand.Unit.Symbol).Select(u => u.Key) : [];

    /// <summary>The power of ten of a unit, if it counts <paramref name="counts"/>.</summary>
    public static bool TryExponent(string unit, string counts, out int exponent)
    {
        var known = Units.TryGetValue(unit, out var found) && found.Counts == counts;
        exponent = known ? found.Exponent : 0;
        return known;
    }

    /// <summary>
    /// Reads <c>0.01 kWh</c>: a power of ten and a unit. <paramref name="decimals"/> is the power's exponent, negated (2),
    /// <paramref name="scale"/> the whole as a power of ten of <paramref name="counts"/> (1).
    /// </summary>
    public static bool TryResolution(string text, string counts, out int decimals, out int scale)
    {
        (decimals, scale) = (0, 0);
        var parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length != 2 || !TryExponent(parts[1], counts, out var exponent)
            || !decimal.TryParse(parts[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var step) || step <= 0)
        {
            return false;
        }

        while (step < 1 && decimals < 9)
        {
            (step, decimals) = (step * 10, decimals + 1);
        }

        while (step >= 10 && decimals > -9)
        {
            (step, decimals) = (step / 10, decimals - 1);
        }

        scale = exponent - decimals;
        return step == 1 && scale is >= -9 and <= 9;
    }
}
