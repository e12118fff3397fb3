namespace UsageBilling.Metering.Registers;

/// <summary>
/// An exact positive factor: transformer ratio, pulse value, power of ten. Kept in lowest terms, so equal factors are equal values.
/// <c>default</c> is not a factor; use <see cref="One"/>.
/// </summary>
public readonly record struct Fraction
{
    /// <summary>Makes a factor in lowest terms.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A part is not positive.</exception>
    public Fraction(long numerator, long denominator)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(numerator);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(denominator);
        var divisor = GreatestCommonDivisor(numerator, denominator);
        Numerator = numerator / divisor;
        Denominator = denominator / divisor;
    }

    /// <summary>The factor 1.</summary>
    public static Fraction One { get; } = new(1, 1);

    /// <summary>Above the line, positive.</summary>
    public long Numerator { get; }

    /// <summary>Below the line, positive.</summary>
    public long Denominator { get; }

    /// <summary>The factor times a power of ten.</summary>
    /// <exception cref="OverflowException">A part does not fit in 64 bits.</exception>
    public Fraction TimesPowerOfTen(int power)
    {
        var (numerator, denominator) = (Numerator, Denominator);
        for (; power > 0; power--)
        {
            if (denominator % 10 == 0)
            {
                denominator /= 10;
            }
            else
            {
                numerator = checked(numerator * 10);
            }
        }

        for (; power < 0; power++)
        {
            if (numerator % 10 == 0)
            {
                numerator /= 10;
            }
            else
            {
                denominator = checked(denominator * 10);
            }
        }

        return new Fraction(numerator, denominator);
    }

    /// <summary><c>round(value × this)</c>, half away from zero: the <c>scaled(u)</c> that makes sums of differences telescope.</summary>
    /// <exception cref="OverflowException">The result does not fit in 64 bits.</exception>
    public long Scale(long value)
    {
        if (Denominator == 1)
        {
            return checked(value * Numerator);
        }

        var product = (Int128)value * Numerator;
        var half = (Int128)Denominator / 2;
        // For an odd denominator there is no half; truncation of value ± (d-1)/2 rounds to nearest all the same.
        return checked((long)((product >= 0 ? product + half : product - half) / Denominator));
    }

    /// <summary><c>numerator/denominator</c>.</summary>
    public override string ToString() => $"{Numerator}/{Denominator}";

    private static long GreatestCommonDivisor(long a, long b)
    {
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }

        return a;
    }
}
