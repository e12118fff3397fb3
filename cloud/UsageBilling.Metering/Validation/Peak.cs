namespace UsageBilling.Metering.Validation;

/// <summary>Peak against the peak of the same-length window before: ratio over threshold (Itron IEE). Reported on the day of the new peak.</summary>
public static class Peak
{
    /// <summary>Looks at the peaks of <see cref="ChannelDay.History"/>; needs three quarters of the window before.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (limits.PeakRatio is not { } ratio || day.Profile is null)
        {
            return null;
        }

        var today = day.Summarise();
        var (before, known) = (0L, 0);
        for (var i = 1; i <= limits.PeakDays; i++)
        {
            if (day.History.TryGetValue(day.Day.PlusDays(-i), out var summary) && summary.IntervalMinutes == today.IntervalMinutes)
            {
                before = Math.Max(before, summary.Peak);
                known++;
            }
        }

        if (4 * known < 3 * limits.PeakDays || today.Peak < day.PerInterval(limits.FloorPerHour) || today.Peak <= ratio * before)
        {
            return null;
        }

        var at = Enumerable.Range(0, day.Slots).First(slot => day.IsValid(slot) && day.Quantities[slot] == today.Peak);
        return day.Found(RuleNames.Peak, [new SlotRange(at, 1)], [new("peak", today.Peak), new("before", before)], ratio, Verdict.Suspect, FormattableString.Invariant(
            $"the peak of {day.Amount(today.Peak)} is more than {ratio} times the highest of the {limits.PeakDays} days before, {day.Amount(before)}"));
    }
}
