using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Faults;

/// <summary>Faults whose size depends on what the class allows, and faults of the device.</summary>
internal static class FaultSize
{
    /// <summary>The floor in counts an interval.</summary>
    public static decimal Floor(ShapedMeter meter, Thresholds limits) =>
        limits.FloorPerHour * meter.IntervalMinutes / 60 * (meter.Exponent == 0 ? 1 : 1_000) / meter.UnitsPerCount;

    public static (LocalDate From, LocalDate[] On)? Inject(
        this Thresholds limits, Fault fault, ShapedMeter meter, Dictionary<LocalDate, DayEvidence> extra, Dictionary<int, ReadingQuality> flags, LocalDate day, int slot,
        Action<(LocalDate, int, long)> edit)
    {
        switch (fault)
        {
            case Fault.WrongRatio:
                return WrongRatio(limits, meter);
            case Fault.Peak:
                return Peak(limits, meter, day, slot);
            case Fault.DemandStep:
                return Step(limits, meter, day, slot);
            case Fault.WrongEdit when limits.SumCheckCounts is { } counts:
                var of = Enumerable.Range(meter.BoundaryOf(day), meter.BoundaryOf(day.PlusDays(1)) - meter.BoundaryOf(day)).Sum(meter.Used);
                var by = Math.Max((counts + 1) * meter.UnitsPerCount, (long)(of * meter.UnitsPerCount * limits.SumCheckShare) + 2) * meter.Random.Next(1, 10);
                edit((UtcDay.Of(meter.At(slot)), slot % meter.PerDay, by));
                return (day, [meter.DayOf(slot)]);
            case Fault.ReactiveNotRead when meter.IsElectricity:
                extra[day] = new DayEvidence { Reactive = 0 };
                return (day, [day]);
            case Fault.PulsesLost:
                flags[slot] = ReadingQuality.PulsesLost;
                return (day, [day]);
            case Fault.MeterFault:
                flags[slot] = ReadingQuality.MeterFault;
                return (day, [day]);
            case Fault.NotInService:
                extra[day] = new DayEvidence { InService = false };
                return (day, [day]);
            case Fault.WrongMultiplier or Fault.WrongUnit or Fault.WrongIntervalLength:
                extra[day] = new DayEvidence { Facts = [new DeviceFact(InjectedFault.RuleOf(fault)!, "as registered", "another")] };
                return (day, [day]);
            default:
                return null;
        }
    }

    /// <summary>From the second day on a sixth, or six times, as much is counted: somebody took the wrong transformers.</summary>
    private static (LocalDate, LocalDate[])? WrongRatio(Thresholds limits, ShapedMeter meter)
    {
        if (limits.HighPercent is null)
        {
            return null;
        }

        var more = meter.Random.Next(2) == 0;
        var from = ShapedMeter.MonthStart.PlusDays(1);
        var first = meter.BoundaryOf(from);
        var used = Enumerable.Range(first, meter.Boundaries - 1 - first).Select(meter.Used).ToArray();
        for (var i = 0; i < used.Length; i++)
        {
            meter.Counts[first + i + 1] = meter.Counts[first + i] + (more ? used[i] * 6 : used[i] / 6);
        }

        return (from, [.. Enumerable.Range(0, 30).Select(i => from.PlusDays(i))]);
    }

    /// <summary>Five intervals at more than the allowed multiple of the highest in the window.</summary>
    private static (LocalDate, LocalDate[])? Peak(Thresholds limits, ShapedMeter meter, LocalDate day, int slot)
    {
        if (limits.PeakRatio is not { } ratio)
        {
            return null;
        }

        var first = meter.BoundaryOf(day.PlusDays(-limits.PeakDays));
        var before = Enumerable.Range(first, meter.BoundaryOf(day) - first).Max(meter.Used);
        Hold(meter, slot, (long)(Math.Max(before * ratio, Floor(meter, limits)) * meter.Random.Next(103, 200) / 100) + 2);
        return (day, [day]);
    }

    private static (LocalDate, LocalDate[])? Step(Thresholds limits, ShapedMeter meter, LocalDate day, int slot)
    {
        if (limits.DemandStepPercent is not { } percent)
        {
            return null;
        }

        Hold(meter, slot, (long)(Math.Max(meter.Used(slot - 1), Math.Max(1, Floor(meter, limits))) * (1 + (percent / 100)) * meter.Random.Next(103, 200) / 100) + 2);
        return (day, [day]);
    }

    private static void Hold(ShapedMeter meter, int slot, long counts)
    {
        for (var i = 0; i < 5; i++)
        {
            meter.Add(slot + i, counts - (counts * i / 100) - meter.Used(slot + i));
        }
    }
}
