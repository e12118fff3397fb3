namespace UsageBilling.Metering.Validation;

/// <summary>
/// One value a channel and slot; replacing needs better quality or an editor (Oracle D2, ESPI tests D145 and D146). What nothing explains is kept out and named;
/// what the source itself replaced by something worse is taken and named. The same value twice is no finding: it changes nothing.
/// </summary>
public static class Duplicate
{
    /// <summary>Looks at <see cref="DayEvidence.Conflicts"/> and <see cref="DayEvidence.GaveWay"/>.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        var (conflicts, gaveWay) = (day.Evidence.Conflicts.ToHashSet(), day.Evidence.GaveWay.ToHashSet());
        if (conflicts.Count + gaveWay.Count == 0)
        {
            return null;
        }

        string?[] words =
        [
            gaveWay.Count == 0 ? null : $"{gaveWay.Count} values gave way to a later version of their source that has lesser quality or no value",
            conflicts.Count == 0 ? null : $"{conflicts.Count} times different values were delivered for one interval or instant and nothing says that the later one is better; one was kept",
        ];
        return day.Found(
            RuleNames.Duplicate,
            SlotRange.Where(day.Slots, slot => conflicts.Contains(slot) || gaveWay.Contains(slot)),
            [new("conflicts", conflicts.Count), new("replaced", gaveWay.Count)],
            0,
            Verdict.Suspect,
            string.Join("; ", words.OfType<string>()));
    }
}
