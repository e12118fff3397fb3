using System.Text.Json;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Up to a cumulative quantity: a price per unit, or per block where a block that is started counts, and a flat amount
/// that is due as soon as the tier is reached.
/// </summary>
/// <param name="UpTo">Upper end, cumulative; null in the last tier only.</param>
/// <param name="Price">Price of a unit or block.</param>
/// <param name="Flat">Amount due once.</param>
/// <param name="Block">Units in a block; null when single units are priced.</param>
/// <param name="UpToPerKw">Upper end in units per billed kW (hours of use); with <paramref name="UpTo"/>, the lower of both.</param>
public readonly record struct PriceTier(decimal? UpTo, decimal Price, decimal Flat, decimal? Block, decimal? UpToPerKw = null);

/// <summary>Tiers of rising quantities; the last one has no upper end, so that no unit stays unpriced.</summary>
public sealed class PriceLadder
{
    internal PriceLadder(IReadOnlyList<PriceTier> tiers) => Tiers = tiers;

    /// <summary>The tiers, lowest first.</summary>
    public IReadOnlyList<PriceTier> Tiers { get; }

    internal bool PerKilowatt => Tiers.Any(tier => tier.UpToPerKw is not null);

    internal bool IsFlat => Tiers.Count == 1 && Tiers[0].Block is null && Tiers[0].Flat == 0m;

    internal static PriceLadder Single(decimal price) => new([new PriceTier(null, price, 0m, null)]);

    /// <summary>Reads a number (one price for every unit) or a list of tiers.</summary>
    internal static PriceLadder Read(JsonElement value, string path, List<Problem> problems)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            var holder = new NumberAt(path, problems);
            return Single(holder.Read(value));
        }

        var tiers = new List<PriceTier>();
        var count = value.GetArrayLength();
        var index = 0;
        foreach (var element in value.EnumerateArray())
        {
            var item = new StrictObject(element, $"{path}[{index}]", problems);
            index++;
            if (item.IsObject)
            {
                ReadTier(item, tiers, index == count);
            }
        }

        if (count == 0)
        {
            problems.Add(new Problem(path, "has no tier; give at least one with a price"));
        }

        return tiers.Count == 0 ? Single(0m) : new PriceLadder(tiers);
    }

    private static void ReadTier(StrictObject item, List<PriceTier> tiers, bool last)
    {
        var upTo = item.Number("upTo", 0m);
        var perKw = item.Number("upToPerKw", 0m);
        var price = item.Number("price");
        var flat = item.Number("flat");
        var block = item.Number("block", 0.000001m);
        item.Done();
        if (price is null && flat is null && !item.Has("price") && !item.Has("flat"))
        {
            item.Report("price", "is missing; give the price of a unit (0 if it is free) or a flat amount");
        }

        var end = upTo ?? perKw;
        if (last && end is not null)
        {
            item.Report(upTo is null ? "upToPerKw" : "upTo", $"the last tier ends at {end}: what lies above would stay unpriced; leave the end out of the last tier");
        }
        else if (!last && end is null && !item.Has("upTo") && !item.Has("upToPerKw"))
        {
            item.Report("upTo", "is missing; only the last tier has no upper end");
        }
        else if (!last && tiers.Count > 0 && tiers[^1].UpToPerKw == perKw && upTo <= tiers[^1].UpTo)
        {
            item.Report("upTo", $"{upTo} is not above {tiers[^1].UpTo}, the end of the tier before; put tiers in rising order");
        }
        else if (!last && tiers.Count > 0 && perKw < tiers[^1].UpToPerKw)
        {
            item.Report("upToPerKw", $"{perKw} is below {tiers[^1].UpToPerKw}, the end of the tier before; put tiers in rising order");
        }
        else if (!last && tiers.Count > 0 && upTo is null && tiers[^1].UpTo is null && perKw <= tiers[^1].UpToPerKw)
        {
            item.Report("upToPerKw", $"{perKw} is not above {tiers[^1].UpToPerKw}, the end of the tier before; put tiers in rising order");
        }

        tiers.Add(new PriceTier(upTo, price ?? 0m, flat ?? 0m, block, perKw));
    }

    /// <summary>The cumulative upper ends for one period: ends in units times <paramref name="scale"/>, ends per kW times <paramref name="kilowatts"/>.</summary>
    internal decimal[] Ends(decimal scale, decimal kilowatts)
    {
        var ends = new decimal[Tiers.Count];
        var floor = 0m;
        for (var tier = 0; tier < ends.Length - 1; tier++)
        {
            var byUnits = Tiers[tier].UpTo is { } upTo ? upTo * scale : decimal.MaxValue;
            var byPower = Tiers[tier].UpToPerKw is { } perKw ? perKw * kilowatts : decimal.MaxValue;
            floor = Math.Max(floor, Math.Min(byUnits, byPower));
            ends[tier] = floor;
        }

        ends[^1] = decimal.MaxValue;
        return ends;
    }

    /// <summary>The tier that holds a cumulative quantity: the first whose end is not below it.</summary>
    internal static int TierOf(decimal cumulative, ReadOnlySpan<decimal> ends)
    {
        var tier = 0;
        while (cumulative > ends[tier])
        {
            tier++;
        }

        return tier;
    }

    /// <summary>How much of (<paramref name="from"/>, <paramref name="to"/>] lies in a tier.</summary>
    internal static decimal Within(int tier, decimal from, decimal to, ReadOnlySpan<decimal> ends)
    {
        var low = tier == 0 ? decimal.MinValue : ends[tier - 1];
        return Math.Clamp(to, low, ends[tier]) - Math.Clamp(from, low, ends[tier]);
    }

    private readonly struct NumberAt(string path, List<Problem> problems)
    {
        public decimal Read(JsonElement value)
        {
            using var empty = JsonDocument.Parse("{}");
            var reader = new StrictObject(empty.RootElement, path, problems);
            return reader.NumberOf(value, null) ?? 0m;
        }
    }
}
