using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Validation;

/// <summary>
/// Intervals found against intervals expected; expected = UTC span ÷ interval, so that the days of a clock change are right. Lists each slot. Fails while
/// one is missing; suspect where only the distribution of a known advance is unknown; a note once all are estimated.
/// </summary>
public static class Gap
{
    /// <summary>Looks at the qualities of the slots.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        var (missing, interpolated, estimated) = (Count(day, IntervalQuality.Missing), Count(day, IntervalQuality.Interpolated), Count(day, IntervalQuality.Estimated));
        var expected = Math.Max(0, End(day) - day.Evidence.FirstExpected);
        var found = expected - missing - interpolated - estimated;
        if (found == expected)
        {
            return null;
        }

        return day.Found(
            RuleNames.Gap,
            SlotRange.Where(day.Slots, slot => IsExpected(day, slot) && day.QualityOf(slot) is IntervalQuality.Missing or IntervalQuality.Interpolated or IntervalQuality.Estimated),
            [new("expected", expected), new("found", found), new("missing", missing), new("interpolated", interpolated), new("estimated", estimated)],
            expected,
            missing > 0 ? Verdict.Fail : interpolated > 0 ? Verdict.Suspect : Verdict.Note,
            $"{found} of {expected} intervals were found: {string.Join(", ", Parts(missing, interpolated, estimated))}");
    }

    private static int End(ChannelDay day) => Math.Min(day.Slots, day.Evidence.EndExpected ?? day.Slots);

    private static bool IsExpected(ChannelDay day, int slot) => slot >= day.Evidence.FirstExpected && slot < End(day);

    private static IEnumerable<string> Parts(int missing, int interpolated, int estimated)
    {
        if (missing > 0)
        {
            yield return $"{missing} missing";
        }

        if (interpolated > 0)
        {
            yield return $"{interpolated} known only in sum";
        }

        if (estimated > 0)
        {
            yield return $"{estimated} estimated";
        }
    }

    private static int Count(ChannelDay day, IntervalQuality quality) => Enumerable.Range(0, day.Slots).Count(slot => IsExpected(day, slot) && day.QualityOf(slot) == quality);
}
