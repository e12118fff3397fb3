using NodaTime;

namespace UsageBilling.Metering.Validation;

/// <summary>abs(meter − reference) ≤ 3 min is fine, more is flagged, above 55 min the day fails (CPUC DASMMD). Readings of a clock that nobody vouched for are flagged too.</summary>
public static class Clock
{
    /// <summary>Looks at <see cref="DayEvidence.ClockOffset"/> and <see cref="DayEvidence.ClockUncertain"/>.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (limits.ClockFineSeconds is not { } fine)
        {
            return null;
        }

        var offset = day.Evidence.ClockOffset ?? Duration.Zero;
        var seconds = Math.Abs(offset.ToInt64Nanoseconds()) / (decimal)NodaConstants.NanosecondsPerSecond;
        if (seconds <= fine)
        {
            var uncertain = day.Evidence.ClockUncertain;
            return uncertain.IsEmpty
                ? null
                : day.Found(RuleNames.Clock, SlotRange.Where(day.Slots, uncertain.Contains), [new("intervals", uncertain.Length)], 0, Verdict.Suspect,
                    $"{uncertain.Length} readings were dated by a clock that nobody vouched for");
        }

        var failed = seconds > limits.ClockFailSeconds;
        var limit = failed ? limits.ClockFailSeconds : fine;
        return day.Found(RuleNames.Clock, [], [new("seconds", seconds)], limit, failed ? Verdict.Fail : Verdict.Suspect, FormattableString.Invariant(
            $"the clock was {seconds:0.#} s {(offset < Duration.Zero ? "behind" : "ahead of")} the reference; {limit} s are allowed"));
    }
}
