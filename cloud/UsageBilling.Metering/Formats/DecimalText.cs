using System.Globalization;

namespace UsageBilling.Metering.Formats;

/// <summary>Numbers of files as they stand there: exact or refused.</summary>
public static class DecimalText
{
    /// <summary>Most digits that <see cref="decimal"/> is sure to keep.</summary>
    private const int MostDigits = 28;

    /// <summary>Reads a number such as 1.250, .5, -3 or 1e-3. False where it is none, or has more digits than are kept.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out decimal value)
    {
        text = text.Trim();
        return decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value)
            && ((text.Length <= MostDigits && !text.ContainsAny('e', 'E')) || IsKept(text, value));
    }

    /// <summary>A number as text, with the decimals that it has.</summary>
    public static string Format(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Ten to a power between −28 and 28.</summary>
    public static decimal PowerOfTen(int exponent)
    {
        var power = 1m;
        for (var i = 0; i < Math.Abs(exponent); i++)
        {
            power *= exponent > 0 ? 10m : 0.1m;
        }

        return power;
    }

    // Long texts are zeros or noise of binary floating point, and an exponent moves digits beyond what is kept; what was cut off shows in the digits.
    private static bool IsKept(ReadOnlySpan<char> text, decimal value)
    {
        var end = text.IndexOfAny('e', 'E') is var e and >= 0 ? e : text.Length;
        var (digits, significant, decimals, lastDecimal, fraction) = (0, 0, 0, 0, false);
        foreach (var c in text[..end])
        {
            if (!char.IsAsciiDigit(c))
            {
                fraction |= c == '.';
                continue;
            }

            decimals += fraction ? 1 : 0;
            lastDecimal = c == '0' ? lastDecimal : decimals;
            digits += c == '0' && digits == 0 ? 0 : 1;
            significant = c == '0' ? significant : digits;
        }

        var exponent = end < text.Length && int.TryParse(text[(end + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var power) ? power : 0;
        return significant <= MostDigits && (significant == 0 || (lastDecimal - exponent <= MostDigits && value != 0m));
    }
}
