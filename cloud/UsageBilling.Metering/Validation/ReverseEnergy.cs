namespace UsageBilling.Metering.Validation;

/// <summary>Export seen where no export channel is registered fails: a transformer the wrong way round, or a generator that nobody knows of.</summary>
public static class ReverseEnergy
{
    /// <summary>Looks at <see cref="DayEvidence.Export"/>.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits) =>
        !limits.ReverseEnergy || day.Evidence.ExportRegistered || day.Evidence.Export is not { } export || export <= 0
            ? null
            : day.Found(RuleNames.ReverseEnergy, [], [new("export", export)], 0, Verdict.Fail,
                $"the meter's export register advanced by {day.Amount(export)}, and the point has no channel for export: look at the transformers, or register the channel");
}
