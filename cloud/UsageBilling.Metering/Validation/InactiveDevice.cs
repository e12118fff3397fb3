namespace UsageBilling.Metering.Validation;

/// <summary>Something flowed through a device that is not in service: no supply, or taken down.</summary>
public static class InactiveDevice
{
    /// <summary>Looks at <see cref="DayEvidence.InService"/>.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (day.Evidence.InService || day.Summarise() is not { Sum: not 0 } today)
        {
            return null;
        }

        return day.Found(RuleNames.InactiveDevice, [], [new("sum", today.Sum)], 0, Verdict.Fail, $"{day.Amount(today.Sum)} flowed, and nobody is supplied here");
    }
}
