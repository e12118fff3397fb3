using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// A ratchet: a month bills at least a percentage of the highest demand of earlier months: the last so many, the named
/// months of the year (within the last twelve), or both.
/// </summary>
internal sealed class DemandLookback
{
    private readonly decimal _percent;
    private readonly int _months;
    private readonly bool[] _monthsOfYear;

    public DemandLookback(decimal percent, int months, bool[] monthsOfYear)
    {
        _percent = percent;
        _months = months;
        _monthsOfYear = monthsOfYear;
    }

    public static DemandLookback Read(StrictObject item)
    {
        var percent = item.RequiredNumber("percent", "the percentage of the earlier peak, for example 80", 0m, 1000m);
        var months = item.Whole("months", 1, 60) ?? 11;
        var ofYear = new bool[12];
        var any = false;
        foreach (var (value, path) in item.Items("monthsOfYear"))
        {
            if (item.NumberOf(value, "monthsOfYear", 1m, 12m) is { } month && month == decimal.Truncate(month))
            {
                ofYear[(int)month - 1] = true;
                any = true;
            }
            else
            {
                item.Problems.Add(new Problem(path, "must be a month from 1 to 12"));
            }
        }

        if (!any)
        {
            Array.Fill(ofYear, true);
        }

        item.Done();
        return new DemandLookback(percent, months, ofYear);
    }

    /// <summary>The floor for a month, with its reason, or null when no earlier month counts.</summary>
    public (decimal Kilowatts, string Reason)? Floor(ImmutableSortedDictionary<YearMonth, decimal> history, YearMonth month)
    {
        (decimal Kilowatts, string Reason)? floor = null;
        var first = month.OnDayOfMonth(1);
        for (var back = 1; back <= _months; back++)
        {
            var earlier = first.PlusMonths(-back).ToYearMonth();
            if (_monthsOfYear[earlier.Month - 1] && history.TryGetValue(earlier, out var peak) && peak * _percent / 100m is var kilowatts && (floor is null || kilowatts > floor.Value.Kilowatts))
            {
                floor = (kilowatts, $"{Words.Number(_percent)} % of the {Words.Number(peak)} kW of {earlier:uuuu-MM} are the least");
            }
        }

        return floor;
    }
}
