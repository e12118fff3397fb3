namespace UsageBilling.Metering.Validation;

/// <summary>Percent of change against the last valid interval over a threshold (Itron IEE). Falls are compared the other way round, so that 0 is as far from 100 as 100 from 0.</summary>
public static class DemandStep
{
    /// <summary>Looks at valid intervals one after the other; below the floor a change is noise, and the floor stands for less.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (limits.DemandStepPercent is not { } percent || day.Profile is null)
        {
            return null;
        }

        var floor = Math.Max(1, day.PerInterval(limits.FloorPerHour));
        var (last, worst, at, from) = (day.Evidence.LastValid, 0m, -1, 0L);
        for (var slot = 0; slot < day.Slots; slot++)
        {
            if (!day.IsValid(slot))
            {
                continue;
            }

            var value = day.Quantities[slot];
            if (last is { } previous)
            {
                var (low, high) = (Math.Max(floor, Math.Min(previous, value)), Math.Max(previous, value));
                var change = 100 * (high - low) / low;
                (worst, at, from) = change > worst ? (change, slot, previous) : (worst, at, from);
            }

            last = value;
        }

        if (at < 0 || worst <= percent)
        {
            return null;
        }

        return day.Found(
            RuleNames.DemandStep, [new SlotRange(at, 1)], [new("before", from), new("after", day.Quantities[at]), new("percent", Math.Round(worst, 1, MidpointRounding.AwayFromZero))],
            percent, Verdict.Suspect, FormattableString.Invariant(
            $"from {day.Amount(from)} to {day.Amount(day.Quantities[at])} within one interval is a step of {worst:0} %; {percent} % are allowed"));
    }
}
