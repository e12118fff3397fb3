namespace UsageBilling.Metering.Validation;

/// <summary>How much of a quantity a finding puts in question: what would be billed otherwise if it is right.</summary>
public static class InQuestion
{
    /// <summary>
    /// Channel units, not negative. Spike: P1 − P3. Peak: peak − three times the earlier one is not known to be wrong, so all above the earlier one. Demand step: the step.
    /// Sum check: the difference. High/low: average − earlier average, for each day of the period. Zero and gaps of which nothing is known: what the days before had
    /// on average in as many intervals. Reverse energy: the export, and what is below zero. Everything else: what the slots named carry, or the day where none is.
    /// </summary>
    public static decimal Of(Finding finding, ChannelDay day, Thresholds limits) => Math.Abs(finding.Rule switch
    {
        RuleNames.Spike => Figure(finding, "p1") - Figure(finding, "p3"),
        RuleNames.Peak => Figure(finding, "peak") - Figure(finding, "before"),
        RuleNames.DemandStep => Figure(finding, "after") - Figure(finding, "before"),
        RuleNames.SumCheck => Sum(finding) - Figure(finding, "register"),
        RuleNames.HighLow => (Figure(finding, "average") - Figure(finding, "before")) * limits.HighLowDays,
        RuleNames.ReverseEnergy => Figure(finding, "export"),
        RuleNames.Zero => Usual(day, finding.Slots.Sum(s => s.Count)),
        RuleNames.Gap when Carried(finding, day) == 0 => Usual(day, finding.Slots.Sum(s => s.Count)),
        _ => Carried(finding, day),
    });

    private static decimal Sum(Finding finding) => finding.Measured.First().Value;

    private static decimal Figure(Finding finding, string name) => finding.Measured.First(m => m.Name == name).Value;

    private static decimal Carried(Finding finding, ChannelDay day)
    {
        var sum = 0m;
        foreach (var range in finding.Slots.IsEmpty && day.Slots > 0 ? [new SlotRange(0, day.Slots)] : finding.Slots)
        {
            for (var slot = range.First; slot < Math.Min(range.End, day.Slots); slot++)
            {
                sum += day.Quantities[slot];
            }
        }

        return sum;
    }

    private static decimal Usual(ChannelDay day, int slots)
    {
        var (sum, days) = (0m, 0);
        for (var i = 1; i <= 28; i++)
        {
            if (day.History.TryGetValue(day.Day.PlusDays(-i), out var before) && before is { Valid: true, Sum: > 0 })
            {
                (sum, days) = (sum + before.Sum, days + 1);
            }
        }

        return days == 0 || day.Slots == 0 ? 0 : Math.Round(sum / days * slots / day.Slots, 3, MidpointRounding.AwayFromZero);
    }
}
