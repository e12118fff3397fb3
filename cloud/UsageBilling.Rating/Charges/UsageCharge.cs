using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>How a ladder prices a quantity.</summary>
public enum TierMode
{
    /// <summary>Each tier prices the part of the quantity that lies in it.</summary>
    Graduated,

    /// <summary>The tier that the whole quantity reaches prices all of it.</summary>
    Volume,
}

/// <summary>What the ends of tiers are counted over.</summary>
public enum TierBasis
{
    /// <summary>The billing period, however long.</summary>
    Period,

    /// <summary>A month: ends grow with the months of the period, by the tariff's proration rule.</summary>
    Month,

    /// <summary>A day: ends are multiplied by the days of the period.</summary>
    Day,

    /// <summary>A year: use since the year began counts (contract: year-to-date use).</summary>
    Year,
}

/// <summary>How tiers that several periods share are filled.</summary>
public enum TierAllocation
{
    /// <summary>Each period gets its share of every tier, by its share of the whole quantity.</summary>
    Proportional,

    /// <summary>In the order of time.</summary>
    Chronological,

    /// <summary>Each period has tiers of its own.</summary>
    PerPeriod,
}

/// <summary>
/// Usage priced per unit: one price, prices by time-of-use period, tiers, or both; energy, water, gas, calls, bytes.
/// JSON kind <c>usage</c>.
/// </summary>
public sealed class UsageCharge : Charge
{
    private readonly UsageQuantity _quantity;
    private readonly PriceLadder[] _ladders;
    private readonly LineLabel[][] _labels;
    private readonly LineLabel[][] _flatLabels;
    private readonly TierMode _mode;
    private readonly TierBasis _basis;
    private readonly TierAllocation _allocation;
    private readonly decimal _priceBase;
    private readonly int _sign;
    private readonly BilledDemand? _demand;
    private readonly string _usedKey;

    internal UsageCharge(ChargeHead head, UsageQuantity quantity, PriceLadder[] ladders, TierMode mode, TierBasis basis, TierAllocation allocation, decimal priceBase, int sign, BilledDemand? demand)
        : base(head)
    {
        _usedKey = $"used:{head.Id}";
        _demand = demand;
        _quantity = quantity;
        _ladders = ladders;
        _mode = mode;
        _basis = basis;
        _allocation = allocation;
        _priceBase = priceBase;
        _sign = sign;
        var words = new UsageLabels(head, quantity, mode, basis);
        _labels = [.. ladders.Select((ladder, period) => ladder.Tiers.Select((_, tier) => words.Of(ladder, period, tier, flat: false)).ToArray())];
        _flatLabels = [.. ladders.Select((ladder, period) => ladder.Tiers.Select((_, tier) => words.Of(ladder, period, tier, flat: true)).ToArray())];
    }

    internal override string? BilledByComponent => _demand?.Component;

    internal static UsageCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var export = item.Text("measure", 80) is "export" && !item.Has("category");
        var kind = ChargeCategory.Read(item, export ? ChargeKind.Export : ChargeKind.Energy);
        var head = context.Head(item, kind);
        var quantity = UsageQuantity.Read(item, context, head.Id);
        var mode = item.Choice("tierMode", "graduated", "graduated", "volume") == "volume" ? TierMode.Volume : TierMode.Graduated;
        var basis = item.Choice("tierBasis", "month", "month", "day", "year", "period") switch
        {
            "day" => TierBasis.Day,
            "year" => TierBasis.Year,
            "period" => TierBasis.Period,
            _ => TierBasis.Month,
        };
        var allocation = item.Choice("tierAllocation", "proportional", "proportional", "chronological", "per-period") switch
        {
            "chronological" => TierAllocation.Chronological,
            "per-period" => TierAllocation.PerPeriod,
            _ => TierAllocation.Proportional,
        };
        if (context.Allocation is { } chosen)
        {
            allocation = chosen;
        }

        var priceBase = item.Number("priceBase", 0.000001m) ?? 1m;
        var credit = item.Flag("credit") ?? false;
        var ladders = PriceList.Read(item, quantity.Schedule);
        if (quantity.IsNet && allocation == TierAllocation.Chronological)
        {
            item.Report("tierAllocation", "net metering balances a whole period, which has no order of time; write \"proportional\" or \"per-period\"");
        }

        var demand = BilledDemand.Read(item, context, ladders.Any(ladder => ladder.PerKilowatt));
        item.Done();
        return item.Problems.Count > before
            ? null
            : new UsageCharge(head, quantity, ladders, mode, basis, allocation, priceBase, credit ? -1 : 1, demand);
    }

    internal override void Rate(SegmentRun segment)
    {
        var periods = _ladders.Length;
        Span<decimal> quantities = stackalloc decimal[periods];
        if (!_quantity.Measure(segment, Scale(segment), quantities, out var free))
        {
            return;
        }

        var total = 0m;
        var tiered = false;
        for (var period = 0; period < periods; period++)
        {
            total += quantities[period];
            tiered |= !_ladders[period].IsFlat;
        }

        var opening = tiered || _quantity.HasFree ? Opening(segment, total + free) : 0m;
        if (!tiered)
        {
            for (var period = 0; period < periods; period++)
            {
                AddUnits(segment, period, 0, quantities[period]);
            }

            return;
        }

        var ends = Ends(segment);
        if (_allocation == TierAllocation.Chronological && periods > 1 && _quantity.HasOrder(segment, total))
        {
            RateChronologically(segment, quantities, total, opening, ends);
            return;
        }

        for (var period = 0; period < periods; period++)
        {
            if (_allocation == TierAllocation.PerPeriod || periods == 1)
            {
                RateLadder(segment, period, quantities[period], quantities[period], periods == 1 ? opening : 0m, ends[period]);
            }
            else
            {
                RateLadder(segment, period, quantities[period], total, opening, ends[period]);
            }
        }
    }

    private decimal[][] Ends(SegmentRun segment)
    {
        var scale = Scale(segment);
        var kilowatts = _demand?.Of(segment) ?? 0m;
        var ends = new decimal[_ladders.Length][];
        for (var period = 0; period < ends.Length; period++)
        {
            ends[period] = period > 0 && ReferenceEquals(_ladders[period], _ladders[period - 1]) ? ends[period - 1] : _ladders[period].Ends(scale, kilowatts);
        }

        return ends;
    }

    /// <summary>
    /// Prices a period's quantity on its ladder at the place of the whole quantity: a tier's part of the whole is
    /// multiplied by the period's share, the last tier reached takes what rounding leaves.
    /// </summary>
    private void RateLadder(SegmentRun segment, int period, decimal quantity, decimal whole, decimal opening, decimal[] ends)
    {
        if (_mode == TierMode.Volume)
        {
            var reached = PriceLadder.TierOf(opening + whole, ends);
            AddUnits(segment, period, reached, quantity);
            AddFlat(segment, period, reached);
            return;
        }

        if (whole == 0m)
        {
            AddUnits(segment, period, PriceLadder.TierOf(opening, ends), quantity);
            return;
        }

        var left = quantity;
        var last = PriceLadder.TierOf(Math.Max(opening, opening + whole), ends);
        for (var tier = 0; tier <= last; tier++)
        {
            var within = PriceLadder.Within(tier, opening, opening + whole, ends);
            if (within == 0m)
            {
                continue;
            }

            var part = tier == last ? left
                : quantity == whole ? within
                : Math.Round(within * quantity / whole, 6, MidpointRounding.AwayFromZero);
            left -= part;
            var begun = Math.Max(0m, opening - (tier == 0 ? 0m : ends[tier - 1]));
            AddUnits(segment, period, tier, part, begun);
            if (begun == 0m)
            {
                AddFlat(segment, period, tier);
            }
        }
    }

    /// <summary>Fills tiers run by run; inside a run the period does not change, so a tier's end cuts it exactly.</summary>
    private void RateChronologically(SegmentRun segment, ReadOnlySpan<decimal> quantities, decimal total, decimal opening, decimal[][] ends)
    {
        var deepest = _ladders.Max(ladder => ladder.Tiers.Count);
        var filled = new decimal[_ladders.Length, deepest];
        var position = opening;
        foreach (var (period, amount) in _quantity.InOrder(segment, quantities))
        {
            if (_mode == TierMode.Volume)
            {
                filled[period, PriceLadder.TierOf(opening + total, ends[period])] += amount;
            }
            else
            {
                for (var tier = 0; tier < ends[period].Length; tier++)
                {
                    filled[period, tier] += PriceLadder.Within(tier, position, position + amount, ends[period]);
                }
            }

            position += amount;
        }

        for (var period = 0; period < _ladders.Length; period++)
        {
            for (var tier = 0; tier < _ladders[period].Tiers.Count; tier++)
            {
                if (filled[period, tier] != 0m)
                {
                    AddUnits(segment, period, tier, filled[period, tier]);
                    AddFlat(segment, period, tier);
                }
            }
        }
    }

    /// <summary>Adds a tier's line; <paramref name="begun"/> is what was used in it before, so that a block begun then is not charged again.</summary>
    private void AddUnits(SegmentRun segment, int period, int tier, decimal quantity, decimal begun = 0m)
    {
        var step = _ladders[period].Tiers[tier];
        if (quantity == 0m)
        {
            return;
        }

        if (step.Block is { } block)
        {
            quantity = Math.Ceiling((begun + quantity) / block) - Math.Ceiling(begun / block);
            if (quantity == 0m)
            {
                return;
            }
        }

        segment.Add(this, _labels[period][tier], quantity * _sign, step.Price, _priceBase);
    }

    private void AddFlat(SegmentRun segment, int period, int tier)
    {
        if (_ladders[period].Tiers[tier].Flat is var flat and not 0m)
        {
            segment.Add(this, _flatLabels[period][tier], _sign, flat, 1m);
        }
    }

    /// <summary>
    /// Where on the ladder this part begins: after what was used so far and was not free. Use is carried on as long as what the
    /// tiers are counted over goes on: to the end of the year (as <see cref="SegmentRun.EndsYear"/> says), or of the period where a
    /// tariff version ends inside it. Ends by month and day are prorated, so that what the contract says of a month holds for that month.
    /// </summary>
    private decimal Opening(SegmentRun segment, decimal used)
    {
        var before = segment.Run.State[_usedKey];
        if (before == 0m && _basis is (TierBasis.Month or TierBasis.Day))
        {
            return 0m;
        }

        var after = _basis switch
        {
            TierBasis.Year => segment.EndsYear ? 0m : before + used,
            TierBasis.Period => segment.To == segment.Run.Input.Period.To ? 0m : before + used,
            _ => segment.EndsMonth ? 0m : before,
        };
        if (after != before)
        {
            segment.Run.State = segment.Run.State.With(_usedKey, after);
        }

        return _quantity.AfterFree(before, Scale(segment));
    }

    private decimal Scale(SegmentRun segment) => _basis switch
    {
        TierBasis.Month => segment.Plan.Months,
        TierBasis.Day => segment.Plan.Days,
        _ => 1m,
    };
}
