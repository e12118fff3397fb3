namespace UsageBilling.Metering.Validation;

/// <summary>
/// One value a channel and slot; replacing needs better quality or an editor (Oracle D2, ESPI tests D145 and D146). The same value twice is no finding: it
/// changes nothing.
/// </summary>
public static class Duplicate
{
    /// <summary>Looks at <see cref="DayEvidence.Conflicts"/> and <see cref="DayEvidence.WrongReplacements"/>.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        var (conflicts, wrong) = (day.Evidence.Conflicts.ToHashSet(), day.Evidence.WrongReplacements.ToHashSet());
        if (conflicts.Count + wrong.Count == 0)
        {
            return null;
        }

        return day.Found(
            RuleNames.Duplicate,
            SlotRange.Where(day.Slots, slot => conflicts.Contains(slot) || wrong.Contains(slot)),
            [new("conflicts", conflicts.Count), new("replaced", wrong.Count)],
            0,
            wrong.Count > 0 ? Verdict.Fail : Verdict.Suspect,
            wrong.Count > 0
                ? $"{wrong.Count} values were replaced by others of no better quality and by nobody's edit"
                : $"{conflicts.Count} times two different values were delivered for one instant; the better, nearer or larger one was kept");
    }
}
