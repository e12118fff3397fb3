using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Validation;

/// <summary>
/// abs(Σ intervals − Δregister × multiplier) ≤ max(2 × last digit × multiplier, 0.1 %), and Σ time-of-use registers = total (Oracle D2-SUM-CHK; tolerance
/// our own). Passing it never skips another rule (CPUC).
/// </summary>
public static class SumCheck
{
    /// <summary>Looks at <see cref="DayEvidence.Advance"/>; a day with a missing interval is not compared.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (limits.SumCheckCounts is not { } counts || day.Evidence.Advance is not { } advance || day.Summarise() is var summary && HasMissing(day))
        {
            return null;
        }

        decimal Allowed(Fraction units) => Math.Max((decimal)counts * units.Numerator / units.Denominator, limits.SumCheckShare * Math.Abs(advance.Quantity));
        var allowed = Allowed(advance.UnitsPerCount);
        if (Math.Abs((decimal)summary.Sum - advance.Quantity) > allowed)
        {
            return day.Found(RuleNames.SumCheck, [], [new("intervals", summary.Sum), new("register", advance.Quantity)], allowed, Verdict.Fail,
                $"the intervals sum to {day.Amount(summary.Sum)} and the register advanced by {day.Amount(advance.Quantity)}; {day.Amount(allowed)} of difference are allowed");
        }

        var parts = advance.Parts.Aggregate(0L, (sum, part) => checked(sum + part));
        var allowedOfParts = Allowed(advance.UnitsPerPartCount) * advance.Parts.Length;
        return advance.Parts.IsEmpty || Math.Abs((decimal)parts - advance.Quantity) <= allowedOfParts
            ? null
            : day.Found(RuleNames.SumCheck, [], [new("time-of-use", parts), new("register", advance.Quantity)], allowedOfParts, Verdict.Fail,
                $"the time-of-use registers advanced by {day.Amount(parts)} together and the total by {day.Amount(advance.Quantity)}");
    }

    private static bool HasMissing(ChannelDay day)
    {
        for (var slot = 0; slot < day.Slots; slot++)
        {
            if (day.QualityOf(slot) == Intervals.IntervalQuality.Missing)
            {
                return true;
            }
        }

        return false;
    }
}
