using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Estimation;

/// <summary>A register that nobody read at the end of a period: the register before + Σ intervals.</summary>
public static class RegisterEstimate
{
    /// <summary>The display, in counts: rolled over where it would have.</summary>
    /// <param name="before">Display at the beginning.</param>
    /// <param name="intervals">Σ intervals since, in channel units; not negative.</param>
    /// <param name="unitsPerCount">Channel units of one count.</param>
    /// <param name="digits">Digits of the display, 1 to 18.</param>
    public static long AtBoundary(long before, long intervals, Fraction unitsPerCount, int digits)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(intervals);
        var counts = new Fraction(unitsPerCount.Denominator, unitsPerCount.Numerator).Scale(intervals);
        return (long)(((Int128)before + counts) % InstalledRegister.ModulusOf(digits));
    }
}
