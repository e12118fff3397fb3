using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// A ratchet: a month bills at least a percentage of the highest demand of earlier months: the last so many, of these only
/// the named months of the year. The percentage may depend on the month in which the peak lies.
/// </summary>
internal sealed class DemandLookback
{
    private readonly decimal[] _percentByMonth;
    private readonly int _months;
    private readonly bool[] _monthsOfYear;
    private readonly bool[] _ownPeakMonths;

    public DemandLookback(decimal[] percentByMonth, int months, bool[] monthsOfYear, bool[] ownPeakMonths)
    {
        _percentByMonth = percentByMonth;
        _months = months;
        _monthsOfYear = monthsOfYear;
        _ownPeakMonths = ownPeakMonths;
    }

    public static DemandLookback Read(StrictObject item)
    {
        var percents = new decimal[12];
        var list = item.Items("percentByMonth");
        if (list.Count == 0)
        {
            Array.Fill(percents, item.RequiredNumber("percent", "the percentage of the earlier peak, for example 80", 0m, 1000m));
        }
        else if (list.Count != 12)
        {
            item.Report("percentByMonth", $"has {list.Count} numbers; give one for each month of the year in which a peak may lie");
        }
        else
        {
            percents = [.. list.Select(entry => item.NumberOf(entry.Value, "percentByMonth", 0m, 1000m) ?? 0m)];
        }

        var months = item.Whole("months", 1, 60) ?? 11;
        var ofYear = ReadMonths(item, "monthsOfYear");
        var own = ReadMonths(item, "ownPeakMonths");
        item.Done(", percent");
        return new DemandLookback(percents, months, ofYear, own);
    }

    private static bool[] ReadMonths(StrictObject item, string field)
    {
        var chosen = new bool[12];
        if (!item.Has(field))
        {
            item.Ignore(field);
            Array.Fill(chosen, true);
            return chosen;
        }

        foreach (var (value, path) in item.Items(field))
        {
            if (item.NumberOf(value, field, 1m, 12m) is { } month && month == decimal.Truncate(month))
            {
                chosen[(int)month - 1] = true;
            }
            else
            {
                item.Problems.Add(new Problem(path, "must be a month from 1 to 12"));
            }
        }

        return chosen;
    }

    /// <summary>What a month's own peak counts for: itself, or in months whose own peak does not count, its percentage.</summary>
    public decimal OwnPeak(YearMonth month, decimal measured) =>
        _ownPeakMonths[month.Month - 1] ? measured : measured * _percentByMonth[month.Month - 1] / 100m;

    /// <summary>How many months back count.</summary>
    public int Months => _months;

    /// <summary>The floor for a month, with its reason, or null when no earlier month counts.</summary>
    public (decimal Kilowatts, string Reason)? Floor(ImmutableSortedDictionary<YearMonth, decimal> history, YearMonth month)
    {
        (decimal Kilowatts, string Reason)? floor = null;
        var first = month.OnDayOfMonth(1);
        for (var back = 1; back <= _months; back++)
        {
            var earlier = first.PlusMonths(-back).ToYearMonth();
            if (_monthsOfYear[earlier.Month - 1] && history.TryGetValue(earlier, out var peak) && peak * _percentByMonth[earlier.Month - 1] / 100m is var kilowatts && (floor is null || kilowatts > floor.Value.Kilowatts))
            {
                floor = (kilowatts, $"{Words.Number(_percentByMonth[earlier.Month - 1])} % of the {Words.Number(peak)} kW of {earlier:uuuu-MM} are the least");
            }
        }

        return floor;
    }
}
