using System.Collections.Immutable;
using NodaTime;

namespace UsageBilling.Metering.Estimation;

/// <summary>An estimate of a gap.</summary>
/// <param name="Gap">What it fills.</param>
/// <param name="Method">How.</param>
/// <param name="Quantities">One an interval of the gap; their sum is the gap's advance where that is known, and none is negative.</param>
/// <param name="Sources">Local days it was made from; empty for methods that need none.</param>
/// <param name="Alternate">Name of the channel that it was made from; null for methods that look at the channel alone.</param>
public sealed record Estimate(Gap Gap, EstimationMethod Method, ImmutableArray<long> Quantities, ImmutableArray<LocalDate> Sources, string? Alternate = null);

/// <summary>How far methods reach. Configuration data: see <see cref="Validation.RuleSet"/>.</summary>
public sealed record EstimationLimits
{
    /// <summary>Gaps are filled without being asked. The default value is true.</summary>
    public bool Automatic { get; init; } = true;

    /// <summary>Longest gap that a line fills, in minutes. The default value is 120 (CPUC; IESO 60).</summary>
    public int LinearMinutes { get; init; } = 120;

    /// <summary>How many weeks before and after a day its like days are looked for. The default value is 6.</summary>
    public int LikeDayWeeks { get; init; } = 6;
}

/// <summary>
/// Fills gaps, by the first method that can: check meter or alternate channel, zero where there was no supply, a line, the average of the three nearest like days, the two-week table. Only the
/// estimated intervals are scaled, never below zero, and whole units are shared out by largest remainder: Σ estimate = register advance.
/// </summary>
public static class Estimator
{
    /// <summary>The estimate, or null where no method has what it needs, or the register went backwards.</summary>
    public static Estimate? Fill(Gap gap, EstimationWindow window, EstimationLimits limits) =>
        gap.Advance < 0 || gap.Known.Any(k => k < 0)
            ? null
            : FromAlternate(gap, window, null) ?? (window.IsWithoutSupply(gap.First, gap.Count) ? Nothing(gap) : null) ?? Line(gap, window, limits) ?? Days(gap, window, EstimationMethod.AverageLikeDays, day => LikeDays.Nearest(window, day, limits.LikeDayWeeks))
                ?? Days(gap, window, EstimationMethod.LikeDayTable, day => LikeDays.Table(window, day));

    /// <summary>By one method that a person chose; null where it has not what it needs.</summary>
    public static Estimate? FillBy(EstimationMethod method, Gap gap, EstimationWindow window, EstimationLimits limits) =>
        gap.Advance < 0 || gap.Known.Any(k => k < 0) ? null : method switch
        {
            EstimationMethod.CheckMeter or EstimationMethod.AlternateChannel => FromAlternate(gap, window, method),
            EstimationMethod.Zero => Nothing(gap),
            EstimationMethod.Linear => Line(gap, window, limits with { LinearMinutes = int.MaxValue }),
            EstimationMethod.AverageLikeDays => Days(gap, window, method, day => LikeDays.Nearest(window, day, limits.LikeDayWeeks)),
            EstimationMethod.LikeDayTable => Days(gap, window, method, day => LikeDays.Table(window, day)),
            _ => throw new ArgumentOutOfRangeException(nameof(method), method, "no such method"),
        };

    /// <summary>By the first alternate that has every interval of the gap. Another exponent is another unit of the same quantities: the powers of ten stay exact until units are shared out.</summary>
    private static Estimate? FromAlternate(Gap gap, EstimationWindow window, EstimationMethod? method)
    {
        foreach (var alternate in window.Alternates.Where(a => method is null || a.Method == method))
        {
            if (!Enumerable.Range(gap.First, gap.Count).All(i => EstimationWindow.IsValid(alternate.Profile, i)))
            {
                continue;
            }

            var finer = window.Profile.Exponent - alternate.Profile.Exponent;
            var numerators = alternate.Profile.Quantities.Span.Slice(gap.First, gap.Count).ToArray();
            return Scaled(gap, alternate.Method, Array.ConvertAll(numerators, n => checked(n * TenTo(-finer))), TenTo(finer), []) with { Alternate = alternate.Name };
        }

        return null;
    }

    /// <summary>Without supply nothing flows, unless a register or a reading says otherwise.</summary>
    private static Estimate? Nothing(Gap gap) =>
        gap.Advance is > 0 || gap.Known.Any(k => k > 0) ? null : new Estimate(gap, EstimationMethod.Zero, [.. new long[gap.Count]], []);

    private static long TenTo(int power)
    {
        var value = 1L;
        for (; power > 0; power--)
        {
            value = checked(value * 10);
        }

        return value;
    }

    /// <summary>v_i = a + (b − a) · i / (n + 1), kept as numerators over n + 1.</summary>
    private static Estimate? Line(Gap gap, EstimationWindow window, EstimationLimits limits)
    {
        if ((long)gap.Count * window.Profile.IntervalMinutes > limits.LinearMinutes)
        {
            return null;
        }

        var quantities = window.Profile.Quantities.Span;
        long? before = window.IsValid(gap.First - 1) ? quantities[gap.First - 1] : null;
        long? after = window.IsValid(gap.End) ? quantities[gap.End] : null;
        if ((before ?? after) is not { } a || (after ?? before) is not { } b)
        {
            return null;
        }

        var numerators = new long[gap.Count];
        for (var i = 0; i < gap.Count; i++)
        {
            numerators[i] = checked((a * (gap.Count + 1)) + ((b - a) * (i + 1)));
        }

        return Supplied(gap, window, EstimationMethod.Linear, numerators, gap.Count + 1, []);
    }

    private static Estimate? Days(Gap gap, EstimationWindow window, EstimationMethod method, Func<LocalDate, ImmutableArray<LocalDate>> choose)
    {
        var quantities = window.Profile.Quantities.Span;
        var sources = new Dictionary<LocalDate, int[]>();
        var used = new SortedSet<LocalDate>();
        var (numerators, most) = (new long[gap.Count], 1);
        var counts = new int[gap.Count];
        for (var i = 0; i < gap.Count; i++)
        {
            var day = window.DayOf(gap.First + i);
            if (!sources.TryGetValue(day, out var away))
            {
                var chosen = choose(day);
                used.UnionWith(chosen);
                away = [.. chosen.Select(d => Period.DaysBetween(day, d))];
                sources.Add(day, away);
            }

            if (away.Length == 0)
            {
                return null;
            }

            foreach (var days in away)
            {
                // A day that a clock change made shorter has no such time: the interval beside it stands for it.
                numerators[i] = checked(numerators[i] + quantities[Math.Clamp(window.SameTimeOn(gap.First + i, days), 0, quantities.Length - 1)]);
            }

            counts[i] = away.Length;
            most = LeastCommonMultiple(most, away.Length);
        }

        for (var i = 0; i < gap.Count; i++)
        {
            numerators[i] = checked(numerators[i] * (most / counts[i]));
        }

        return Supplied(gap, window, method, numerators, most, [.. used]);
    }

    /// <summary>What other intervals suggest, but nothing for intervals without supply.</summary>
    private static Estimate Supplied(Gap gap, EstimationWindow window, EstimationMethod method, long[] numerators, long denominator, ImmutableArray<LocalDate> sources)
    {
        for (var i = 0; i < numerators.Length && !window.NoSupply.IsEmpty; i++)
        {
            numerators[i] = window.IsWithoutSupply(gap.First + i, 1) ? 0 : numerators[i];
        }

        return Scaled(gap, method, numerators, denominator, sources);
    }

    private static Estimate Scaled(Gap gap, EstimationMethod method, long[] numerators, long denominator, ImmutableArray<LocalDate> sources)
    {
        var shape = Array.ConvertAll(numerators, n => Math.Max(0, n));
        long[] values;
        if (gap.Advance is { } advance)
        {
            values = LargestRemainder.Distribute(advance, shape);
        }
        else
        {
            var total = shape.Aggregate((Int128)0, (sum, n) => sum + n);
            values = total == 0 ? new long[gap.Count] : LargestRemainder.Distribute(checked((long)((total + (denominator / 2)) / denominator)), shape);
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = Math.Max(values[i], gap.Known[i]);
            }
        }

        return new Estimate(gap, method, [.. values], sources);
    }

    private static int LeastCommonMultiple(int a, int b)
    {
        var (x, y) = (a, b);
        while (y != 0)
        {
            (x, y) = (y, x % y);
        }

        return a / x * b;
    }
}
