using UsageBilling.Protocols;

namespace UsageBilling.Metering.Validation;

/// <summary>Active energy without reactive energy on a whole day, or a power factor of the day outside its limits: P² against limit² · (P² + Q²).</summary>
public static class Reactive
{
    /// <summary>Looks at <see cref="DayEvidence.Reactive"/>; only active energy has a power factor.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (day.Evidence.Reactive is not { } reactive || day.Profile?.Measurand.Quantity != Quantity.ActiveEnergy || (limits.PowerFactorLow is null && limits.PowerFactorHigh is null))
        {
            return null;
        }

        var active = day.Summarise().Sum;
        if (active <= 0)
        {
            return null;
        }

        ReadOnlySpan<MeasuredValue> measured = [new("active", active), new("reactive", reactive)];
        if (reactive == 0)
        {
            return day.Found(RuleNames.Reactive, [], [.. measured], null, Verdict.Suspect, $"{day.Amount(active)} of active energy and no reactive energy at all: is the reactive register read?");
        }

        var square = (decimal)active * active;
        var apparent = square + ((decimal)reactive * reactive);
        var tooLow = limits.PowerFactorLow is { } low && square < low * low * apparent;
        var tooHigh = limits.PowerFactorHigh is { } high && square > high * high * apparent;
        return !tooLow && !tooHigh
            ? null
            : day.Found(RuleNames.Reactive, [], [.. measured], tooLow ? limits.PowerFactorLow : limits.PowerFactorHigh, Verdict.Suspect, FormattableString.Invariant(
                $"{day.Amount(active)} of active and {reactive} of reactive energy are a power factor {(tooLow ? "below" : "above")} {(tooLow ? limits.PowerFactorLow : limits.PowerFactorHigh)}"));
    }
}
