using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// How much was used in each period, in billed units: convert, then round, then take off what is free
/// (the first three steps of the order of operations).
/// </summary>
internal sealed class UsageQuantity
{
    private readonly StreamRef _stream;
    private readonly string _measure;
    private readonly GasConversion? _gas;
    private readonly QuantityRounding _rounding;
    private readonly decimal _divideBy;
    private readonly decimal _free;
    private readonly bool _optional;
    private readonly NetMetering? _net;
    private readonly string _usedKey;

    private UsageQuantity(StreamRef stream, string measure, BilledUnit unit, Schedule? schedule, GasConversion? gas, QuantityRounding rounding, decimal divideBy, decimal free, bool optional, NetMetering? net, string component)
    {
        _usedKey = $"used:{component}";
        _net = net;
        _stream = stream;
        _measure = measure;
        Unit = unit;
        Schedule = schedule;
        _gas = gas;
        _rounding = rounding;
        _divideBy = divideBy;
        _free = free;
        _optional = optional;
    }

    public BilledUnit Unit { get; }

    public Schedule? Schedule { get; }

    /// <summary>True when export is taken off import before it is priced.</summary>
    public bool IsNet => _net is not null;

    public static UsageQuantity Of(StreamBinder binder, Measurand measurand, BilledUnit unit, Schedule? schedule, bool optional = false, NetMetering? net = null) =>
        new(binder.Bind(new StreamSpec(measurand, 0, false), schedule), Tariffs.Measure.NameOf(measurand), unit, schedule, null, QuantityRounding.None, 1m, 0m, optional, net, string.Empty);

    public static UsageQuantity Read(StrictObject item, ChargeContext context, string component)
    {
        var measure = item.Choice("measure", "import", [.. Tariffs.Measure.All]);
        var measurand = Tariffs.Measure.Find(measure)!.Value;
        var schedule = context.Schedule(item);
        var gas = item.Child("gas") is { IsObject: true } child ? GasConversion.Read(child, context.Series) : null;
        if (gas is not null && measurand.Quantity != Quantity.GasVolume)
        {
            item.Report("gas", "converts gas volume only; set \"measure\" to \"gas\" or remove it");
        }

        if (gas is { IsDated: true } && schedule is not null)
        {
            item.Report("gas", "with a series cannot be combined with a schedule; use one of them");
        }

        var unit = gas is null ? BilledUnit.Read(item, measurand.Quantity) : GasConversion.ReadUnit(item);
        var rounding = item.Child("round") is { IsObject: true } round ? QuantityRounding.Read(round) : QuantityRounding.None;
        var divideBy = item.Number("divideBy", 0.000001m) ?? 1m;
        var free = item.Number("freeUnits", 0m) ?? 0m;
        var optional = item.Flag("optional") ?? false;
        var net = NetMetering.Read(item, context, component, measure, schedule);
        var stream = context.Binder.Bind(new StreamSpec(measurand, 0, false), schedule);
        return new UsageQuantity(stream, measure, unit, schedule, gas, rounding, divideBy, free, optional, net, component);
    }

    public string DeterminantName(string? period) =>
        period is null ? $"{_measure}.{Unit.Unit.Symbol}" : $"{_measure}.{period}.{Unit.Unit.Symbol}";

    /// <summary>True when some units cost nothing.</summary>
    public bool HasFree => _free != 0m;

    /// <summary>What of a quantity used before was not free.</summary>
    public decimal AfterFree(decimal used, decimal scale) => _free == 0m ? used : Math.Max(0m, used - (_free * scale));

    /// <summary>
    /// Fills one quantity a period; false when the measurand is optional and there is none. Free units are counted over what tiers
    /// are counted over (<paramref name="scale"/> of it); <paramref name="free"/> is what was taken off for them.
    /// </summary>
    public bool Measure(SegmentRun segment, decimal scale, Span<decimal> quantities, out decimal free)
    {
        free = 0m;
        if (segment.Stream(_stream, _optional) is not { } stream)
        {
            return false;
        }

        if (_net is not null)
        {
            _net.Measure(segment, stream, _stream, Unit, quantities);
            return true;
        }

        if (_gas is { IsDated: true })
        {
            quantities[0] = _rounding.Apply(_gas.Convert(segment, stream) / _divideBy);
        }

        for (var period = 0; period < quantities.Length && _gas is not { IsDated: true }; period++)
        {
            quantities[period] = _rounding.Apply(Convert(Unit.From(stream.Sum(_stream, period), stream.Exponent)));
        }

        if (_free != 0m)
        {
            free = TakeOffFree(quantities, Math.Max(0m, (_free * scale) - segment.Run.State[_usedKey]));
        }

        return true;
    }

    /// <summary>
    /// Whether the quantity was used in an order of time: what net metering left over of import was not, for it is a balance of
    /// the whole period; tiers are then shared by the periods' shares.
    /// </summary>
    public bool HasOrder(SegmentRun segment, decimal total) =>
        _net is null || segment.Stream(_stream, false) is { } stream && Unit.From(stream.Total(), stream.Exponent) == total;

    /// <summary>The periods in the order of time, each with the quantity used before the next one begins; sums agree with <paramref name="quantities"/>.</summary>
    public IEnumerable<(int Period, decimal Quantity)> InOrder(SegmentRun segment, ReadOnlySpan<decimal> quantities)
    {
        var stream = segment.Stream(_stream, false)!;
        var left = quantities.ToArray();
        var steps = new List<(int Period, decimal Quantity)>();
        foreach (var (period, sum) in stream.RunsOf(_stream))
        {
            var quantity = Convert(Unit.From(sum, stream.Exponent));
            left[period] -= quantity;
            steps.Add((period, quantity));
        }

        // What rounding and free units changed is put on the last step of each period.
        for (var period = 0; period < left.Length; period++)
        {
            var last = steps.FindLastIndex(step => step.Period == period);
            if (last >= 0 && left[period] != 0m)
            {
                steps[last] = (period, steps[last].Quantity + left[period]);
            }
        }

        return steps;
    }

    private decimal Convert(decimal quantity)
    {
        if (_gas is not null)
        {
            quantity = _gas.Convert(quantity);
        }

        return _divideBy == 1m ? quantity : quantity / _divideBy;
    }

    private static decimal TakeOffFree(Span<decimal> quantities, decimal free)
    {
        var left = free;
        for (var period = 0; period < quantities.Length && left > 0m; period++)
        {
            var taken = Math.Clamp(quantities[period], 0m, left);
            quantities[period] -= taken;
            left -= taken;
        }

        return free - left;
    }
}

/// <summary>Rounding of a quantity before it is priced.</summary>
internal readonly record struct QuantityRounding(int Digits, int Mode)
{
    public static QuantityRounding None { get; } = new(0, 0);

    public static QuantityRounding Read(StrictObject item)
    {
        var digits = item.Whole("digits", 0, 9) ?? 0;
        var mode = item.Choice("mode", "half-up", "half-up", "up", "down") switch { "up" => 2, "down" => 3, _ => 1 };
        item.Done();
        return new QuantityRounding(digits, mode);
    }

    public decimal Apply(decimal quantity) => Mode switch
    {
        0 => quantity,
        1 => Math.Round(quantity, Digits, MidpointRounding.AwayFromZero),
        2 => Math.Round(quantity, Digits, MidpointRounding.ToPositiveInfinity),
        _ => Math.Round(quantity, Digits, MidpointRounding.ToZero),
    };
}
