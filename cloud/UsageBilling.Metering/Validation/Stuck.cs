namespace UsageBilling.Metering.Validation;

/// <summary>The same non-zero value in N intervals or more.</summary>
public static class Stuck
{
    /// <summary>Looks at valid intervals. Values of a few counts of the register are left alone: they repeat by themselves.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (limits.StuckIntervals is not { } intervals || day.Profile is null)
        {
            return null;
        }

        var count = day.Evidence.Advance?.UnitsPerCount is { } units ? (decimal)units.Numerator / units.Denominator : 1;
        var least = limits.StuckLeastCounts * Math.Max(1, count);
        var worst = default(SlotRange);
        for (var slot = 0; slot < day.Slots;)
        {
            var first = slot;
            while (slot < day.Slots && day.IsValid(slot) && day.Quantities[slot] == day.Quantities[first])
            {
                slot++;
            }

            if (slot - first > worst.Count && Math.Abs(day.Quantities[first]) >= least)
            {
                worst = new SlotRange(first, slot - first);
            }

            slot = Math.Max(slot, first + 1);
        }

        return worst.Count < intervals
            ? null
            : day.Found(RuleNames.Stuck, [worst], [new("intervals", worst.Count), new("value", day.Quantities[worst.First])], intervals, Verdict.Suspect,
                $"{worst.Count} intervals in a row have the same value, {day.Amount(day.Quantities[worst.First])}; fewer than {intervals} are expected");
    }
}
