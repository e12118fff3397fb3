using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Analytics;

/// <summary>Finds what is unusual in a load profile. Missing intervals prove nothing: a rule passes over them, or over the day that has them.</summary>
public static class AnomalyFinder
{
    private const int DaysBefore = 28;
    private const int FewestDaysBefore = 7;
    private const decimal EachDayShare = 0.6m;

    /// <summary>All findings, in order of their beginning.</summary>
    /// <param name="profile">Intervals; five weeks or more, so that there is something to compare with.</param>
    /// <param name="zone">The service point's zone.</param>
    /// <param name="limits">From when on something counts as unusual.</param>
    /// <param name="hours">When the site is open; null: never asked, and nothing is out of hours.</param>
    public static ImmutableArray<Anomaly> Find(LoadProfile profile, DateTimeZone zone, AnomalyLimits limits, OpeningHours? hours)
    {
        var unit = LoadUnit.Of(profile.Measurand, profile.Exponent);
        IEnumerable<Anomaly> found =
        [
            .. hours is null ? [] : OutOfHours(profile, zone, limits, hours, unit),
            .. StepChanges(profile, zone, limits, unit),
            .. limits.ContinuousHours is { } flow ? ContinuousFlow(profile, flow, unit) : [],
            .. limits.DeadHours is { } dead ? DeadMeter(profile, dead, unit) : [],
        ];
        return [.. found.OrderBy(a => a.From).ThenBy(a => a.Kind)];
    }

    private static IEnumerable<Anomaly> OutOfHours(LoadProfile profile, DateTimeZone zone, AnomalyLimits limits, OpeningHours hours, LoadUnit unit)
    {
        // Per local day: mean load while closed, so that open and closed days compare, and days of every length.
        var earlier = new Queue<decimal>();
        foreach (var (day, from, to) in profile.Days(zone))
        {
            var (sum, count, complete) = (0m, 0, true);
            for (var i = from; i < to; i++)
            {
                complete &= profile.IsKnown(i);
                if (!hours.Contains(profile.StartOf(i).InZone(zone).LocalDateTime))
                {
                    (sum, count) = (sum + profile.Quantities.Span[i], count + 1);
                }
            }

            if (!complete || count == 0)
            {
                continue;
            }

            var load = profile.PerHour(sum / count);
            if (earlier.Count >= FewestDaysBefore && Median(earlier) is var usual && load > usual * limits.OutOfHoursRatio && load > 0)
            {
                yield return new(
                    AnomalyKind.OutOfHours, profile.StartOf(from), profile.StartOf(to),
                    $"{day:uuuu-MM-dd}: while closed the site drew {unit.PerHour(load)} on average, where the {earlier.Count} days before it drew {unit.PerHour(usual)} (median); the limit is {limits.OutOfHoursRatio:0.##} times that",
                    [Figure("loadWhileClosed", load, unit, rate: true), Figure("usualLoadWhileClosed", usual, unit, rate: true), Figure("usedWhileClosed", sum, unit, rate: false)]);
            }

            earlier.Enqueue(load);
            if (earlier.Count > DaysBefore)
            {
                earlier.Dequeue();
            }
        }
    }

    private static IEnumerable<Anomaly> StepChanges(LoadProfile profile, DateTimeZone zone, AnomalyLimits limits, LoadUnit unit)
    {
        var days = profile.Days(zone)
            .Where(d => Enumerable.Range(d.From, d.To - d.From).All(profile.IsKnown))
            .ToDictionary(d => d.Day, d => (d.From, d.To, Mean: Mean(profile, d.From, d.To)));
        for (var day = days.Count == 0 ? default : days.Keys.Min().PlusDays(14); days.ContainsKey(day) || days.Keys.Any(d => d > day); day = day.PlusDays(1))
        {
            if (Weeks(days, day) is not { } weeks || weeks.Before.Sum() <= 0)
            {
                continue;
            }

            var (before, after) = (weeks.Before.Sum(), weeks.After.Sum());
            var share = (after / before) - 1m;
            // Every weekday moved, and in the same direction: a holiday or a party does not do that.
            var everyDay = weeks.After.Zip(weeks.Before).All(d => share > 0
                ? d.First >= d.Second * (1m + (limits.StepShare * EachDayShare))
                : d.First <= d.Second * (1m - (limits.StepShare * EachDayShare)));
            if (decimal.Abs(share) < limits.StepShare || !everyDay)
            {
                continue;
            }

            var (was, @is) = (profile.PerHour(before / 7m), profile.PerHour(after / 7m));
            yield return new(
                AnomalyKind.StepChange, profile.StartOf(days[day].From), profile.StartOf(days[day.PlusDays(6)].To),
                $"from {day:uuuu-MM-dd} on the mean load is {unit.PerHour(@is)} instead of {unit.PerHour(was)}: {(share > 0 ? "+" : "−")}{decimal.Abs(share) * 100m:0} % against the same weekdays of the two weeks before, on each of seven days; the limit is {limits.StepShare * 100m:0} %",
                [Figure("meanLoad", @is, unit, rate: true), Figure("meanLoadBefore", was, unit, rate: true), new("change", decimal.Round(share * 100m, 1, MidpointRounding.AwayFromZero), "%")]);
            day = day.PlusDays(20);
        }
    }

    private static (decimal[] Before, decimal[] After)? Weeks(Dictionary<LocalDate, (int From, int To, decimal Mean)> days, LocalDate day)
    {
        var (before, after) = (new decimal[7], new decimal[7]);
        for (var i = 0; i < 7; i++)
        {
            if (!days.TryGetValue(day.PlusDays(i), out var now) || !days.TryGetValue(day.PlusDays(i - 7), out var week) || !days.TryGetValue(day.PlusDays(i - 14), out var two))
            {
                return null;
            }

            (before[i], after[i]) = ((week.Mean + two.Mean) / 2m, now.Mean);
        }

        return (before, after);
    }

    private static IEnumerable<Anomaly> ContinuousFlow(LoadProfile profile, int hours, LoadUnit unit)
    {
        foreach (var (from, to) in Runs(profile, quantity => quantity > 0))
        {
            if ((to - from) * (long)profile.IntervalMinutes < hours * 60L)
            {
                continue;
            }

            var least = long.MaxValue;
            for (var i = from; i < to; i++)
            {
                least = Math.Min(least, profile.Quantities.Span[i]);
            }

            var lasted = (to - from) * profile.IntervalMinutes / 60;
            yield return new(
                AnomalyKind.ContinuousFlow, profile.StartOf(from), profile.StartOf(to),
                $"for {lasted} hours something flowed in every interval, never less than {unit.PerHour(profile.PerHour(least))}: about {unit.Amount((decimal)least * (to - from))} were probably lost by a leak; the limit is {hours} hours",
                [new("hours", lasted, "h"), Figure("leastFlow", profile.PerHour(least), unit, rate: true), Figure("lost", (decimal)least * (to - from), unit, rate: false)]);
        }
    }

    private static IEnumerable<Anomaly> DeadMeter(LoadProfile profile, int hours, LoadUnit unit)
    {
        var stood = 0;
        foreach (var (from, to) in Runs(profile, quantity => quantity == 0))
        {
            var used = 0m;
            for (var i = 0; i < from; i++)
            {
                used += profile.Quantities.Span[i];
            }

            var lasted = (to - from) * profile.IntervalMinutes / 60;
            if (lasted >= hours && used > 0 && (to - from) > 2 * stood)
            {
                var usual = profile.PerHour(used / from);
                yield return new(
                    AnomalyKind.DeadMeter, profile.StartOf(from), profile.StartOf(to),
                    $"for {lasted} hours the meter counted nothing although it was read; before, it counted {unit.PerHour(usual)} on average and never stood still for more than {stood * profile.IntervalMinutes / 60m:0.#} hours; the limit is {hours} hours",
                    [new("hours", lasted, "h"), new("longestPauseBefore", stood * profile.IntervalMinutes / 60m, "h"), Figure("meanLoadBefore", usual, unit, rate: true)]);
            }

            stood = Math.Max(stood, to - from);
        }
    }

    // Longest stretches [from, to) of known intervals that all satisfy.
    private static IEnumerable<(int From, int To)> Runs(LoadProfile profile, Func<long, bool> holds)
    {
        var begin = -1;
        for (var i = 0; i <= profile.Length; i++)
        {
            var inside = i < profile.Length && profile.IsKnown(i) && holds(profile.Quantities.Span[i]);
            if (inside && begin < 0)
            {
                begin = i;
            }
            else if (!inside && begin >= 0)
            {
                yield return (begin, i);
                begin = -1;
            }
        }
    }

    private static decimal Mean(LoadProfile profile, int from, int to)
    {
        var sum = 0m;
        for (var i = from; i < to; i++)
        {
            sum += profile.Quantities.Span[i];
        }

        return sum / (to - from);
    }

    private static decimal Median(IEnumerable<decimal> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2m;
    }

    private static AnomalyFigure Figure(string name, decimal stored, LoadUnit unit, bool rate) =>
        new(name, decimal.Round(stored * unit.Factor, 6, MidpointRounding.AwayFromZero), rate ? unit.Rate : unit.Symbol);
}
