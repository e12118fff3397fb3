using System.Collections.Immutable;

namespace UsageBilling.Metering.Validation;

/// <summary>Runs every rule on a channel's local day. No rule skips another.</summary>
public static class Validator
{
    private static readonly ImmutableArray<Func<ChannelDay, Thresholds, Finding?>> Rules =
    [
        Clock.Check, Gap.Check, Duplicate.Check, Spike.Check, SumCheck.Check, HighLow.Check, Peak.Check, DemandStep.Check, Zero.Check, Stuck.Check,
        ReverseEnergy.Check, Reactive.Check, Rollover.Check, DeviceFacts.CheckMultiplier, DeviceFacts.CheckUnit, DeviceFacts.CheckIntervalLength,
        DeviceFacts.CheckMeterSerial, PulseOverflow.Check, TestMode.Check, InactiveDevice.Check, LongEstimates.Check,
    ];

    /// <summary>What the rules found, in the order of <see cref="RuleNames.All"/>; empty when the day passed.</summary>
    public static ImmutableArray<Finding> Run(ChannelDay day, Thresholds limits)
    {
        var findings = ImmutableArray.CreateBuilder<Finding>();
        foreach (var rule in Rules)
        {
            if (rule(day, limits) is { } finding)
            {
                findings.Add(finding);
            }
        }

        return findings.ToImmutable();
    }
}
