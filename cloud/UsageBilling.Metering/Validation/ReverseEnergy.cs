using System.Collections.Immutable;

namespace UsageBilling.Metering.Validation;

/// <summary>
/// Energy that flows against its channel fails: export seen where no export channel is registered, from a transformer the wrong way round or a generator that nobody knows of, and intervals
/// below zero, whatever they come from, which would lower a bill in silence.
/// </summary>
public static class ReverseEnergy
{
    /// <summary>
    /// Looks at <see cref="DayEvidence.Export"/>, and at the intervals, in each class of channels: of <see cref="DayEvidence.Computed"/> ones only where the day's sum is below zero, since a
    /// difference dips below it where two clocks differ.
    /// </summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        var negative = Negative(day);
        var export = limits.ReverseEnergy && !day.Evidence.ExportRegistered && day.Evidence.Export is > 0 and var advance ? advance : 0;
        if (negative.IsEmpty && export == 0)
        {
            return null;
        }

        var below = negative.Sum(range => Enumerable.Range(range.First, range.Count).Sum(slot => -(decimal)day.Quantities[slot]));
        string[] words =
        [
            .. export == 0 ? (string[])[] : [$"the meter's export register advanced by {day.Amount(export)}, and the point has no channel for export: look at the transformers, or register the channel"],
            .. negative.IsEmpty ? (string[])[] : [$"{negative.Sum(r => r.Count)} intervals are below zero, by {day.Amount(below)}: what flows the other way belongs to a channel of its own, not off this one"],
        ];
        return day.Found(RuleNames.ReverseEnergy, negative, [new("export", export + below)], 0, Verdict.Fail, string.Join("; ", words));
    }

    private static ImmutableArray<SlotRange> Negative(ChannelDay day)
    {
        var negative = SlotRange.Where(day.Slots, slot => day.Quantities[slot] < 0);
        return day.Evidence.Computed && !negative.IsEmpty && Sum(day) >= 0 ? [] : negative;
    }

    private static decimal Sum(ChannelDay day)
    {
        var sum = 0m;
        foreach (var quantity in day.Quantities)
        {
            sum += quantity;
        }

        return sum;
    }
}
