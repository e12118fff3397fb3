using System.Collections.Immutable;

namespace UsageBilling.Metering.Validation;

/// <summary>
/// Per day: (P1 − P3) / P3 &gt; 1.8, where P1 and P3 are the highest and third-highest interval (CPUC; Oracle D2-INTSPKCHK). A house has such days every week: what the meter
/// usually takes at its peak is no spike (<see cref="Thresholds.SpikeUsual"/>).
/// </summary>
public static class Spike
{
    /// <summary>Looks at valid intervals; needs three of them.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (limits.SpikeRatio is not { } ratio)
        {
            return null;
        }

        var (p1, p2, p3, at, valid) = (0L, 0L, 0L, 0, 0);
        for (var slot = 0; slot < day.Slots; slot++)
        {
            if (!day.IsValid(slot))
            {
                continue;
            }

            valid++;
            var value = day.Quantities[slot];
            if (value > p1)
            {
                (p1, p2, p3, at) = (value, p1, p2, slot);
            }
            else if (value > p2)
            {
                (p2, p3) = (value, p2);
            }
            else if (value > p3)
            {
                p3 = value;
            }
        }

        if (valid < 3 || p1 < day.PerInterval(limits.FloorPerHour) || p1 - p3 <= ratio * p3)
        {
            return null;
        }

        var usual = UsualPeak(day, limits);
        if (p1 <= limits.SpikeUsual * usual)
        {
            return null;
        }

        ImmutableArray<MeasuredValue> measured = usual is { } peak ? [new("p1", p1), new("p3", p3), new("usual", peak)] : [new("p1", p1), new("p3", p3)];
        return day.Found(RuleNames.Spike, [new SlotRange(at, 1)], measured, ratio, Verdict.Suspect, FormattableString.Invariant(
            $"the highest interval, {day.Amount(p1)}, is above the third-highest, {day.Amount(p3)}, by {(p3 == 0 ? "any" : ((p1 - p3) / (decimal)p3).ToString("0.##"))} times it; {ratio} is allowed"));
    }

    private static long? UsualPeak(ChannelDay day, Thresholds limits)
    {
        var (usual, known) = (0L, 0);
        for (var i = 1; i <= limits.SpikeDays; i++)
        {
            if (day.History.TryGetValue(day.Day.PlusDays(-i), out var before) && before.IntervalMinutes == day.Profile!.IntervalMinutes)
            {
                usual = Math.Max(usual, before.SecondPeak);
                known++;
            }
        }

        return 4 * known < 3 * limits.SpikeDays ? null : usual;
    }
}
