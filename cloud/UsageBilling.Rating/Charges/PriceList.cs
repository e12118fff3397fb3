using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>The fields <c>price</c> (one for every period) and <c>prices</c> (one for each): a ladder a period, none missing.</summary>
internal static class PriceList
{
    /// <summary>Reads the ladders. <paramref name="counts"/>: periods that are billed; others need no price and may have none.</summary>
    public static PriceLadder[] Read(StrictObject item, Schedule? schedule, Func<int, bool>? counts = null)
    {
        if (item.Raw("price") is { } single)
        {
            if (item.Has("prices"))
            {
                item.Report("prices", "stands beside \"price\"; keep one of them");
            }

            item.Ignore("prices");
            return [.. Enumerable.Repeat(PriceLadder.Read(single, item.At("price"), item.Problems), schedule?.Periods.Count ?? 1)];
        }

        if (schedule is null || item.Child("prices") is not { } prices)
        {
            item.Ignore("prices");
            if (!item.Has("schedule") || schedule is not null)
            {
                item.Report(schedule is null ? "price" : "prices", schedule is null
                    ? "is missing; give a number, or tiers in [ ]"
                    : $"is missing; give a price for each of {string.Join(", ", schedule.Periods)}");
            }

            return [PriceLadder.Single(0m)];
        }

        var ladders = new PriceLadder[schedule.Periods.Count];
        for (var period = 0; period < ladders.Length; period++)
        {
            var name = schedule.Periods[period];
            if (counts is not null && !counts(period))
            {
                ladders[period] = PriceLadder.Single(0m);
            }
            else if (prices.Raw(name) is { } value)
            {
                ladders[period] = PriceLadder.Read(value, prices.At(name), item.Problems);
            }
            else
            {
                prices.Report(name, $"is missing; period \"{name}\" of schedule \"{schedule.Name}\" needs a price");
                ladders[period] = PriceLadder.Single(0m);
            }
        }

        prices.Done();
        return ladders;
    }
}
