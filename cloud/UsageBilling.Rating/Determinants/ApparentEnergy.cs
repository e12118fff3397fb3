using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Rating.Determinants;

/// <summary>
/// Apparent energy of an interval or demand window from its active and reactive energy: √(active² + reactive²), the exact
/// integer square root rounded to the nearest unit of the profiles (no tie is possible). A window's sums come first, so that
/// kVA of 30 minutes are those of the mean powers. Reactive energy is the imported one.
/// </summary>
public static class ApparentEnergy
{
    internal static Measurand Measurand { get; } = new(Quantity.ApparentEnergy, Direction.Import);

    /// <summary>Active and reactive import on one grid; null where one of them was not metered.</summary>
    internal static (LoadProfile Active, LoadProfile Reactive)? PartsOf(IReadOnlyList<LoadProfile> profiles)
    {
        var active = UsageStreams.Combine(profiles, new Measurand(Quantity.ActiveEnergy, Direction.Import));
        var reactive = UsageStreams.Combine(profiles, new Measurand(Quantity.ReactiveEnergy, Direction.Import));
        return active is null || reactive is null ? null : ProfileSum.OnOneGrid(active, reactive);
    }

    internal static long[] Of(ReadOnlySpan<long> active, ReadOnlySpan<long> reactive)
    {
        var apparent = new long[active.Length];
        for (var i = 0; i < apparent.Length; i++)
        {
            apparent[i] = checked((long)Hypotenuse(Math.Abs((decimal)active[i]), Math.Abs((decimal)reactive[i])));
        }

        return apparent;
    }

    /// <summary>√(a² + b²) of whole numbers below 2⁶³, to the nearest whole number.</summary>
    public static ulong Hypotenuse(decimal a, decimal b)
    {
        var square = ((UInt128)a * (UInt128)a) + ((UInt128)b * (UInt128)b);
        var (root, bit) = (UInt128.Zero, UInt128.One << 126);
        while (bit > square)
        {
            bit >>= 2;
        }

        // Digit by digit in base four: what is left of the square when the largest root below it is found.
        var left = square;
        for (; bit != UInt128.Zero; bit >>= 2)
        {
            if (left >= root + bit)
            {
                left -= root + bit;
                root = (root >> 1) + bit;
            }
            else
            {
                root >>= 1;
            }
        }

        // (r + ½)² = r² + r + ¼: the next root is nearer as soon as more than r is left.
        return (ulong)(left > root ? root + UInt128.One : root);
    }
}
