using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Urdb;

/// <summary>
/// <c>demandratchet</c>, as NREL's bill calculator writes a billed demand: a least kW, a percentage of the peaks of earlier
/// months by the month of the peak, whether the month's own peak counts in full, and which time-of-use demand periods take
/// part. The customer's earlier peaks are no part of a tariff; they come as demand history.
/// </summary>
internal sealed class UrdbRatchet
{
    private readonly HashSet<int>? _included;

    private UrdbRatchet(decimal minimum, DemandLookback lookback, HashSet<int>? included)
    {
        Minimum = minimum;
        Lookback = lookback;
        _included = included;
    }

    public decimal Minimum { get; }

    public DemandLookback Lookback { get; }

    public static UrdbRatchet? Read(UrdbFields fields)
    {
        if (fields.Item.Child(fields.Name("demandratchet")) is not { IsObject: true } item)
        {
            return null;
        }

        var minimum = item.Number("minimum_kw", 0m) ?? 0m;
        var months = item.Whole("lookback_months", 1, 60) ?? 11;
        var percents = Twelve(item, "percent_by_month", value => item.NumberOf(value, "percent_by_month", 0m, 1000m) ?? 0m) ?? new decimal[12];
        var own = Twelve(item, "include_current_month_actual_peak", value => value.ValueKind == System.Text.Json.JsonValueKind.True) ?? Enumerable.Repeat(true, 12).ToArray();
        var periods = item.Has("demand_periods_0based_included")
            ? item.Items("demand_periods_0based_included").Select(period => (int)(item.NumberOf(period.Value, "demand_periods_0based_included", 0m, 1000m) ?? 0m)).ToHashSet()
            : null;
        item.Ignore("demand_periods_0based_included");
        if (item.Items("prior_year_monthly_peaks_kw").Count > 0)
        {
            item.Report("prior_year_monthly_peaks_kw", "are a customer's peaks and no part of a tariff; give them as demand history (--demand-history) and remove them here");
        }

        item.Done();
        return new UrdbRatchet(minimum, new DemandLookback(percents, months, [.. Enumerable.Repeat(true, 12)], own), periods);
    }

    public bool IncludesAll(int periods) => _included is null || Enumerable.Range(0, periods).All(_included.Contains);

    /// <summary>The periods that take part, or those that do not.</summary>
    public DemandPeriods Periods(int count, bool included, bool single) =>
        new(_included is null || count == 1 ? null : [.. Enumerable.Range(0, count).Select(period => _included.Contains(period) == included)], single);

    private static T[]? Twelve<T>(StrictObject item, string field, Func<System.Text.Json.JsonElement, T> read)
    {
        var items = item.Items(field);
        if (items.Count is not (0 or 12))
        {
            item.Report(field, $"has {items.Count} entries; give one for each month");
        }

        return items.Count == 12 ? [.. items.Select(entry => read(entry.Value))] : null;
    }
}

/// <summary>The unit of a demand price: kW or kVA, a month or a day.</summary>
internal readonly record struct UrdbDemandUnit(bool PerDay, bool Apparent)
{
    /// <summary>Reads a unit by any of its field's spellings.</summary>
    public static UrdbDemandUnit Read(UrdbFields fields, params ReadOnlySpan<string> spellings)
    {
        var unit = new UrdbDemandUnit(false, false);
        foreach (var spelling in spellings)
        {
            var text = fields.Unit("kW", [spelling], "kW", "kW daily", "kVA", "kVA daily");
            unit = new UrdbDemandUnit(unit.PerDay || text.EndsWith("daily", StringComparison.Ordinal), unit.Apparent || text.StartsWith("kVA", StringComparison.Ordinal));
        }

        return unit;
    }
}
