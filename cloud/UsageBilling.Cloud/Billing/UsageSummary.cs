using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Billing;

/// <summary>What a channel carried in a period: per local day, in the unit that people read.</summary>
internal static class UsageSummary
{
    public static ChannelUsage Of(ChannelKey channel, LoadProfile profile, LocalPeriod period)
    {
        var (unit, factor) = Reading(channel.Measurand.Quantity, profile.Exponent);
        var days = new List<DayUsage>(period.Days);
        var slot = 0;
        for (var day = period.From; day < period.To; day = day.PlusDays(1))
        {
            var last = (int)((LocalPeriod.StartOfDay(day.PlusDays(1), period.Zone) - profile.Start).TotalTicks / NodaConstants.TicksPerMinute / profile.IntervalMinutes);
            days.Add(Day(day, profile, slot, last, factor));
            slot = last;
        }

        return new ChannelUsage
        {
            Channel = channel,
            Unit = unit,
            Quantity = days.Sum(d => d.Quantity),
            Days = days,
            Peak = channel.Measurand == new Measurand(Quantity.ActiveEnergy, Direction.Import) ? Peak(profile, factor) : null,
        };
    }

    /// <summary>The unit for people, and how much of it one stored integer is.</summary>
    public static (Unit Unit, decimal Factor) Reading(Quantity quantity, int exponent) => quantity switch
    {
        Quantity.ActiveEnergy or Quantity.HeatEnergy => (Unit.KilowattHour, Power(exponent - 3)),
        Quantity.ReactiveEnergy => (Unit.KilovarHour, Power(exponent - 3)),
        _ => (Unit.BaseOf(quantity), Power(exponent)),
    };

    /// <summary>A power of ten, exactly.</summary>
    public static decimal Power(int exponent)
    {
        var value = 1m;
        for (var i = 0; i < Math.Abs(exponent); i++)
        {
            value = exponent > 0 ? value * 10m : value / 10m;
        }

        return value;
    }

    private static DayUsage Day(LocalDate date, LoadProfile profile, int from, int to, decimal factor)
    {
        long sum = 0;
        foreach (var quantity in profile.Quantities.Span[from..to])
        {
            sum += quantity;
        }

        int estimated = 0, missing = 0;
        if (profile.Qualities.Length > 0)
        {
            foreach (var quality in profile.Qualities.Span[from..to])
            {
                missing += quality == (byte)IntervalQuality.Missing ? 1 : 0;
                estimated += quality is (byte)IntervalQuality.Estimated or (byte)IntervalQuality.Edited ? 1 : 0;
            }
        }

        return new DayUsage(date, sum * factor, to - from, estimated, missing);
    }

    private static PeakDemand? Peak(LoadProfile profile, decimal factor)
    {
        var values = profile.Quantities.Span;
        var at = -1;
        for (var i = 0; i < values.Length; i++)
        {
            if (at < 0 || values[i] > values[at])
            {
                at = i;
            }
        }

        return at < 0 || values[at] <= 0
            ? null
            : new PeakDemand(profile.Start + Duration.FromMinutes((long)at * profile.IntervalMinutes), values[at] * factor * 60m / profile.IntervalMinutes, Unit.Kilowatt);
    }
}
