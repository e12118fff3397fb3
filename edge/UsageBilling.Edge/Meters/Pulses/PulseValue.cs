using System.Globalization;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>
/// What one pulse is worth: <c>Numerator / Denominator</c> raw units of 10^<c>Scale</c> of the OBIS code's base unit. Where the value is
/// a finite decimal (nearly always) the denominator is 1, so that the register is exact; otherwise the register is the rounded
/// product with all pulses ever counted, so that the error never grows beyond half a raw unit.
/// </summary>
public readonly record struct PulseValue(long Numerator, long Denominator, int Scale)
{
    private const int FinestScale = -9;
    private const int ScaleOfPeriodic = -6;

    /// <summary>Reads <c>1/800 kWh</c>, <c>0.01 m3</c> or, in the base unit, <c>10</c>.</summary>
    public static bool TryParse(string text, ObisCode obis, out PulseValue value)
    {
        value = default;
        var parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var exponent = 0;
        if (obis.Measurand is not { } measurand || parts.Length is < 1 or > 2
            || (parts.Length == 2 && !MeasuringUnit.TryExponent(parts[1], measurand.Unit.Symbol, out exponent)))
        {
            return false;
        }

        var fraction = parts[0].Split('/');
        if (fraction.Length > 2 || !TryDecimal(fraction[0], out var numerator, out var decimals)
            || !TryDecimal(fraction.Length == 2 ? fraction[1] : "1", out var denominator, out var divided))
        {
            return false;
        }

        return TryReduce(numerator, denominator, exponent - decimals + divided, out value);
    }

    /// <summary>The register after so many pulses, in raw units, rounded half away from zero.</summary>
    public long Register(long pulses)
    {
        var product = (Int128)pulses * Numerator;
        return Denominator == 1 ? checked((long)product) : checked((long)(((2 * product) + Denominator) / (2 * Denominator)));
    }

    /// <summary>The number of pulses whose register is <paramref name="register"/>, if there is one.</summary>
    public bool TryPulses(long register, out long pulses)
    {
        pulses = checked((long)(((Int128)register * Denominator) / Numerator));
        return Register(pulses) == register || Register(++pulses) == register;
    }

    private static bool TryDecimal(string text, out long digits, out int decimals)
    {
        var point = text.IndexOf('.', StringComparison.Ordinal);
        decimals = point < 0 ? 0 : text.Length - point - 1;
        return long.TryParse(point < 0 ? text : text.Remove(point, 1), NumberStyles.None, CultureInfo.InvariantCulture, out digits)
            && digits is > 0 and < 1_000_000_000_000 && decimals <= 9;
    }

    private static bool TryReduce(Int128 numerator, Int128 denominator, int scale, out PulseValue value)
    {
        Divide(ref numerator, ref denominator);
        while (denominator > 1 && scale > FinestScale && (denominator % 2 == 0 || denominator % 5 == 0))
        {
            (numerator, scale) = (numerator * 10, scale - 1);
            Divide(ref numerator, ref denominator);
        }

        while (denominator == 1 && numerator % 10 == 0 && scale < 9)
        {
            (numerator, scale) = (numerator / 10, scale + 1);
        }

        while (denominator > 1 && scale > ScaleOfPeriodic)
        {
            (numerator, scale) = (numerator * 10, scale - 1);
            Divide(ref numerator, ref denominator);
        }

        value = numerator <= long.MaxValue && denominator <= long.MaxValue ? new PulseValue((long)numerator, (long)denominator, scale) : default;
        return value.Denominator > 0 && scale is >= -9 and <= 9;
    }

    private static void Divide(ref Int128 numerator, ref Int128 denominator)
    {
        var (a, b) = (numerator, denominator);
        while (b > 0)
        {
            (a, b) = (b, a % b);
        }

        (numerator, denominator) = (numerator / a, denominator / a);
    }
}
