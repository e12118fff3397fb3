namespace UsageBilling.Metering.Validation;

/// <summary>More than so many days in a row with estimated intervals: somebody has to go and read the meter.</summary>
public static class LongEstimates
{
    /// <summary>Looks at estimated slots of the day and of those before it.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (limits.EstimatedDays is not { } allowed || day.Summarise().EstimatedSlots == 0)
        {
            return null;
        }

        var days = 1;
        for (var date = day.Day.PlusDays(-1); day.History.TryGetValue(date, out var before) && before.EstimatedSlots > 0; date = date.PlusDays(-1))
        {
            days++;
        }

        return days <= allowed
            ? null
            : day.Found(RuleNames.LongEstimates, [], [new("days", days)], allowed, Verdict.Suspect, $"{days} days in a row stand on estimates; {allowed} are allowed");
    }
}
