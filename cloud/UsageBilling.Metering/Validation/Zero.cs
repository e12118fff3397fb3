using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Validation;

/// <summary>No use for too long. Allowed for seasonal supply, outage and disconnection (Elexon CP0789), for as long as they last.</summary>
public static class Zero
{
    /// <summary>Looks for the longest run of zero, which may begin on days before.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (limits.ZeroHours is not { } hours || day.Profile is null)
        {
            return null;
        }

        var runs = SlotRange.Where(day.Slots, slot => IsZero(day, slot));
        if (runs.IsEmpty)
        {
            return null;
        }

        var longest = runs.MaxBy(r => r.Count + (r.First == 0 ? Earlier(day) : 0));
        var minutes = (long)(longest.Count + (longest.First == 0 ? Earlier(day) : 0)) * day.Profile.IntervalMinutes;
        return minutes < hours * 60L
            ? null
            : day.Found(RuleNames.Zero, [longest], [new("hours", minutes / 60m)], hours, Verdict.Suspect, FormattableString.Invariant(
                $"nothing flowed for {minutes / 60m:0.#} hours, and no outage, disconnection or season explains it; {hours} hours are allowed"));
    }

    private static bool IsZero(ChannelDay day, int slot) =>
        day.Quantities[slot] == 0 && !day.Evidence.MayBeZero(slot) && day.QualityOf(slot) is IntervalQuality.Measured or IntervalQuality.Interpolated;

    private static int Earlier(ChannelDay day)
    {
        var slots = 0;
        for (var date = day.Day.PlusDays(-1); day.History.TryGetValue(date, out var before) && before is { Sum: 0, EstimatedSlots: 0, Valid: true, ZeroExplained: false }; date = date.PlusDays(-1))
        {
            slots += before.IntervalMinutes == 0 ? 0 : 1440 / day.Profile!.IntervalMinutes;
        }

        return slots;
    }
}
