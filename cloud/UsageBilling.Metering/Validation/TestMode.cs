namespace UsageBilling.Metering.Validation;

/// <summary>Data taken while the meter was in test mode or reported a fault of its own is no basis for a bill.</summary>
public static class TestMode
{
    /// <summary>Looks at <see cref="DayEvidence.TestMode"/>.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        var slots = day.Evidence.TestMode.ToHashSet();
        return slots.Count == 0
            ? null
            : day.Found(RuleNames.TestMode, SlotRange.Where(day.Slots, slots.Contains), [new("intervals", slots.Count)], 0, Verdict.Fail,
                $"the meter was in test mode or reported a fault in {slots.Count} intervals");
    }
}
