using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Peaks of earlier months where several components of a tariff look back, such as one at peak hours and one at all: each is
/// held to its own peaks, not to those of the others. What is given from outside (<see cref="RatingState.DemandHistory"/>)
/// stands for months of which a component has no peak of its own. State: <c>peak:component:2026-01</c>.
/// </summary>
internal static class OwnHistory
{
    private const string AnyPrefix = "peak:";

    public static ImmutableSortedDictionary<YearMonth, decimal> Of(SegmentRun segment, DemandCharge charge)
    {
        var history = segment.Run.State.DemandHistory;
        if (segment.Tariff.LookingBack < 2)
        {
            return history;
        }

        // A balance of zero is not kept: a month of which only others have a peak is one in which this component had none.
        var own = Prefix(charge);
        var kept = history.ToBuilder();
        foreach (var (key, value) in segment.Run.State.Balances.Where(balance => balance.Key.StartsWith(AnyPrefix, StringComparison.Ordinal)))
        {
            var month = Month(key);
            var isOwn = key.StartsWith(own, StringComparison.Ordinal);
            if (isOwn || !segment.Run.State.Balances.ContainsKey(own + YearMonthPattern.Iso.Format(month)))
            {
                kept[month] = isOwn ? value : 0m;
            }
        }

        return kept.ToImmutable();
    }

    /// <summary>Keeps the month's peak, the highest of the component's periods, and forgets months that no longer count.</summary>
    public static void Keep(SegmentRun segment, DemandCharge charge, YearMonth month, decimal kilowatts)
    {
        if (segment.Tariff.LookingBack < 2 || !charge.LooksBack)
        {
            return;
        }

        var prefix = Prefix(charge);
        var key = prefix + YearMonthPattern.Iso.Format(month);
        var state = segment.Run.State.With(key, Math.Max(kilowatts, segment.Run.State[key]));
        var oldest = month.OnDayOfMonth(1).PlusMonths(-charge.MonthsBack).ToYearMonth();
        foreach (var old in state.Balances.Keys.Where(known => known.StartsWith(prefix, StringComparison.Ordinal) && Month(known) < oldest).ToList())
        {
            state = state.With(old, 0m);
        }

        segment.Run.State = state;
    }

    private static string Prefix(DemandCharge charge) => $"{AnyPrefix}{charge.Id}:";

    private static YearMonth Month(string key) =>
        YearMonthPattern.Iso.Parse(key[(key.LastIndexOf(':') + 1)..]) is { Success: true } month ? month.Value : default;
}
