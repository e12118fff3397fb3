using System.Globalization;
using System.Numerics;

namespace UsageBilling.Metering.Events;

/// <summary>
/// A decimal number as it was written: <see cref="Mantissa"/> × 10^<see cref="Exponent"/>, without trailing zeros. <c>decimal.Parse</c> rounds
/// the 29th digit away without a word; this keeps it or refuses.
/// </summary>
public readonly record struct ExactNumber(BigInteger Mantissa, int Exponent)
{
    private const int MostDigits = 40;

    /// <summary>Reads a number in JSON's grammar (RFC 8259, 6): up to 40 digits, powers of ten from −40 to 40.</summary>
    public static bool TryParse(string text, out ExactNumber number)
    {
        number = default;
        var at = text.IndexOfAny(['e', 'E']);
        var power = 0;
        if (at >= 0 && (!int.TryParse(text.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out power) || power is < -40 or > 40))
        {
            return false;
        }

        var digits = at < 0 ? text : text[..at];
        var point = digits.IndexOf('.', StringComparison.Ordinal);
        if (point >= 0)
        {
            power -= digits.Length - point - 1;
            digits = digits.Remove(point, 1);
            if (point == 0 || point == digits.Length || (point == 1 && digits[0] == '-'))
            {
                return false;
            }
        }

        if (digits.Length > MostDigits || !BigInteger.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var mantissa) || digits[0] == '+')
        {
            return false;
        }

        number = Canonical(mantissa, power);
        return true;
    }

    /// <summary>A decimal, exactly.</summary>
    public static ExactNumber Of(decimal value)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(value, bits);
        var mantissa = unchecked(((BigInteger)(uint)bits[2] << 64) | ((BigInteger)(uint)bits[1] << 32) | (uint)bits[0]);
        return Canonical(bits[3] < 0 ? -mantissa : mantissa, -((bits[3] >> 16) & 0xFF));
    }

    /// <summary>The number as a decimal, where it is one exactly.</summary>
    public bool TryDecimal(out decimal value)
    {
        value = 0;
        var mantissa = Exponent > 0 && Exponent <= 28 ? Mantissa * BigInteger.Pow(10, Exponent) : Mantissa;
        var scale = Exponent > 0 ? 0 : -Exponent;
        if (Exponent > 28 || scale > 28 || BigInteger.Abs(mantissa) > (BigInteger)decimal.MaxValue)
        {
            return false;
        }

        value = (decimal)mantissa;
        for (var i = 0; i < scale; i++)
        {
            value /= 10m;
        }

        // Division is exact as long as the digits fit; where they do not, the way back shows it.
        return Of(value) == this;
    }

    /// <summary>
    /// number × factor / 10^exponent as a stored quantity: a whole number from 0 to <see cref="UsageDefinition.MostPerEvent"/>. What is none is a problem in words that complete
    /// "the value 1.5 …".
    /// </summary>
    public bool TryScale(long factor, int exponent, out long scaled, out string problem)
    {
        (scaled, problem) = (0, "");
        if (Mantissa.Sign < 0)
        {
            problem = "is negative; usage is 0 or more, and what was wrong before is corrected by an edit of the interval";
            return false;
        }

        var value = Mantissa * factor;
        var power = Exponent - exponent;
        if (power >= 0)
        {
            value *= BigInteger.Pow(10, power);
        }
        else
        {
            value = BigInteger.DivRem(value, BigInteger.Pow(10, -power), out var rest);
            if (!rest.IsZero)
            {
                problem = $"is finer than 10^{exponent} base units, in which the channel counts; round it at the source, or register a type with a smaller exponent";
                return false;
            }
        }

        if (value > UsageDefinition.MostPerEvent)
        {
            problem = $"is more than {UsageDefinition.MostPerEvent} × 10^{exponent} base units, the most that one event may carry; correct it, or register a type with a larger exponent";
            return false;
        }

        scaled = (long)value;
        return true;
    }

    private static ExactNumber Canonical(BigInteger mantissa, int exponent)
    {
        if (mantissa.IsZero)
        {
            return new(0, 0);
        }

        while (true)
        {
            var shorter = BigInteger.DivRem(mantissa, 10, out var rest);
            if (!rest.IsZero)
            {
                return new(mantissa, exponent);
            }

            (mantissa, exponent) = (shorter, exponent + 1);
        }
    }
}
