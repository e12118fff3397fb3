namespace UsageBilling.Metering.Validation;

/// <summary>Pulses known to be lost, or counted faster than the input allows: the register is a lower bound.</summary>
public static class PulseOverflow
{
    /// <summary>Looks at <see cref="DayEvidence.PulseOverflows"/>.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        var slots = day.Evidence.PulseOverflows.ToHashSet();
        return slots.Count == 0
            ? null
            : day.Found(RuleNames.PulseOverflow, SlotRange.Where(day.Slots, slots.Contains), [new("intervals", slots.Count)], 0, Verdict.Suspect,
                $"pulses were lost in {slots.Count} intervals: the register is a lower bound");
    }
}
