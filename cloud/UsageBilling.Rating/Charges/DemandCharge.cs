using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// The highest mean power of a billing month, as metered or in windows of 15, 30 or 60 minutes, at any time or by
/// time-of-use period, with tiers, a minimum, a look back at earlier months and more kW for a low power factor. JSON kind
/// <c>demand</c>.
/// </summary>
public sealed class DemandCharge : Charge
{
    private static readonly Measurand Import = new(Quantity.ActiveEnergy, Direction.Import);

    private readonly StreamRef _stream;
    private readonly Schedule? _schedule;
    private readonly PriceLadder[] _ladders;
    private readonly LineLabel[][] _labels;
    private readonly decimal _minimum;
    private readonly QuantityRounding _rounding;
    private readonly DemandLookback? _lookback;
    private readonly string? _billedBy;
    private readonly bool _perDay;
    private readonly Unit _unit;
    private readonly bool _optional;
    private readonly DemandPeriods _periods;
    private readonly DemandPowerFactor? _powerFactor;

    internal DemandCharge(ChargeHead head, StreamRef stream, Schedule? schedule, PriceLadder[] ladders, decimal minimum, QuantityRounding rounding, DemandLookback? lookback, string? billedBy = null, bool perDay = false, Unit? unit = null, bool optional = false, DemandPeriods periods = default, DemandPowerFactor? powerFactor = null)
        : base(head)
    {
        _periods = periods;
        _powerFactor = powerFactor;
        _unit = unit ?? Unit.Kilowatt;
        _optional = optional;
        _billedBy = billedBy;
        _perDay = perDay;
        _stream = stream;
        _schedule = schedule;
        _ladders = ladders;
        _minimum = minimum;
        _rounding = rounding;
        _lookback = lookback;
        _labels = [.. ladders.Select((ladder, period) => ladder.Tiers.Select((_, tier) => Label(period, tier)).ToArray())];
    }

    internal override string? BilledByComponent => _billedBy;

    /// <summary>Whether earlier months count. The history then holds what such components look at, not other peaks.</summary>
    internal bool LooksBack => _lookback is not null;

    /// <summary>How many earlier months count.</summary>
    internal int MonthsBack => _lookback?.Months ?? 0;

    internal static DemandCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Demand));
        var measure = item.Choice("measure", "import", "import", "export", "apparent", "reactive");
        var measurand = Tariffs.Measure.Find(measure)!.Value;
        var unit = measurand.Quantity switch { Quantity.ApparentEnergy => Unit.KilovoltAmpere, Quantity.ReactiveEnergy => Unit.Kilovar, _ => Unit.Kilowatt };
        var schedule = context.Schedule(item);
        var window = item.Whole("window", 5, 60) ?? 0;
        if (window is not (0 or 5 or 10 or 15 or 30 or 60))
        {
            item.Report("window", $"{window} minutes is no demand window; write 5, 10, 15, 30 or 60, or leave it out for the metered interval");
        }

        var rolling = item.Flag("rolling") ?? false;
        var minimum = item.Number("minimum", 0m) ?? 0m;
        var rounding = item.Child("round") is { IsObject: true } round ? QuantityRounding.Read(round) : QuantityRounding.None;
        var lookback = item.Child("lookback") is { IsObject: true } back ? DemandLookback.Read(back) : null;
        var periods = DemandPeriods.Read(item, schedule);
        var ladders = PriceList.Read(item, schedule, periods.Counts);
        var perDay = item.Choice("per", "month", "month", "day") == "day";
        var billedBy = item.Text("billedBy");
        if (billedBy is not null && !context.Ids.Contains(billedBy))
        {
            item.Report("billedBy", $"\"{billedBy}\" is not the id of a component above this one");
        }

        var powerFactor = DemandPowerFactor.Read(item, context, measure);
        item.Done();
        if (item.Problems.Count > before)
        {
            return null;
        }

        var stream = context.Binder.Bind(new StreamSpec(measurand, window, rolling), schedule, monthly: true);
        return new DemandCharge(head, stream, schedule, ladders, minimum, rounding, lookback, billedBy, perDay, unit, periods: periods, powerFactor: powerFactor);
    }

    internal override void Rate(SegmentRun segment)
    {
        if (segment.Stream(_stream, _optional) is not { } stream)
        {
            segment.Add(this, _labels[0][0], 0m, _ladders[0].Tiers[0].Price, 1m, new NotMeteredTrace());
            return;
        }

        for (var part = 0; part < segment.Plan.PartStarts.Count; part++)
        {
            for (var period = 0; period < _ladders.Length; period++)
            {
                if (_periods.Counts(period) && (!_periods.Single || period == Highest(stream, part)))
                {
                    RatePeak(segment, stream, part, period);
                }
            }
        }
    }

    private void RatePeak(SegmentRun segment, StreamResult stream, int part, int period)
    {
        if (stream.Peak(_stream, period, part) is not { } peak)
        {
            return;
        }

        var month = segment.Plan.PartStarts[part].ToYearMonth();
        var metered = Math.Max(0m, BilledUnit.Scale(peak.Value, stream.Exponent - 3) * stream.PerHour);
        var (measured, raisedReason) = _powerFactor?.Apply(segment, part, metered, peak.At, stream.WindowMinutes) ?? (metered, null);
        var own = _lookback?.OwnPeak(month, measured) ?? measured;
        var billed = _rounding.Apply(own);
        var (floor, floorReason) = Floor(segment, month, part);
        if (segment.Tariff.Streams[_stream.Stream].Spec.Measurand == Import && (LooksBack || !segment.Tariff.LooksBack))
        {
            segment.Run.State = segment.Run.State.WithDemand(month, measured);
            OwnHistory.Keep(segment, this, month, measured);
        }

        if (floor > billed)
        {
            billed = floor;
        }
        else
        {
            floorReason = null;
        }

        segment.SetBilledDemand(Id, part, billed);
        var months = _perDay ? segment.Plan.PartDays[part] : segment.Plan.PartMonths[part];
        var ladder = _ladders[period];
        var ends = ladder.Ends(1m, 0m);
        var trace = new DemandTrace(_labels[period][0], metered, raisedReason, billed, peak.At, months, _perDay, stream.WindowMinutes, segment.Plan.Span.Zone, floorReason);
        for (var tier = 0; tier < ladder.Tiers.Count; tier++)
        {
            var kilowatts = PriceLadder.Within(tier, 0m, billed, ends);
            if (kilowatts != 0m && ladder.Tiers[tier].Price != 0m)
            {
                segment.Add(this, _labels[period][tier], kilowatts * months, ladder.Tiers[tier].Price, 1m, segment.Plan.PartStarts[part], segment.Plan.PartEnd(part), trace);
            }
        }
    }

    /// <summary>The period in which the highest demand of the month lies; the earliest of equals.</summary>
    private int Highest(StreamResult stream, int part)
    {
        var (highest, best) = (-1, (Value: 0L, At: Instant.MinValue));
        for (var period = 0; period < _ladders.Length; period++)
        {
            if (_periods.Counts(period) && stream.Peak(_stream, period, part) is { } peak && (highest < 0 || peak.Value > best.Value || (peak.Value == best.Value && peak.At < best.At)))
            {
                (highest, best) = (period, peak);
            }
        }

        return highest;
    }

    private (decimal Kilowatts, string? Reason) Floor(SegmentRun segment, YearMonth month, int part)
    {
        if (_billedBy is not null)
        {
            return (segment.BilledDemand(_billedBy, part), $"the billed demand of {_billedBy} counts");
        }

        var floor = _minimum;
        string? reason = $"the least that is billed is {Words.Number(_minimum)} kW";
        if (_lookback?.Floor(OwnHistory.Of(segment, this), month) is { } found && found.Kilowatts > floor)
        {
            (floor, reason) = found;
        }

        return (floor, reason);
    }

    private LineLabel Label(int period, int tier)
    {
        var text = _schedule is null ? Description : $"{Description}, {_schedule.Labels[period]}";
        var tiered = _ladders[period].Tiers.Count > 1;
        return new LineLabel(tiered ? $"{text}, tier {tier + 1}" : text, _unit, Currency, _schedule?.Periods[period], tiered ? tier + 1 : null);
    }

    private sealed class DemandTrace(LineLabel label, decimal measured, string? raisedReason, decimal billed, Instant at, decimal months, bool perDay, int minutes, DateTimeZone zone, string? floorReason) : LineTrace
    {
        public override string Formula(ChargeLine line)
        {
            var local = at.InZone(zone).LocalDateTime;
            var peak = $"highest demand {Words.Number(measured)} {line.Unit.Symbol}, mean of {minutes} minutes, on {Words.Day(local.Date)} at {local.Hour:00}:{local.Minute:00}{(raisedReason is null ? string.Empty : "; " + raisedReason)}";
            var floor = floorReason is null ? string.Empty : $"; billed {Words.Number(billed)} {line.Unit.Symbol}, for {floorReason}";
            var part = months == 1m ? string.Empty : $"; for {Words.Number(months)} {(perDay ? "days" : "months")}";
            return $"{Words.Product(line, label.Currency)} ({peak}{floor}{part})";
        }

        public override IReadOnlyList<Determinant> Determinants(ChargeLine line) =>
            [new Determinant(label.Period is null ? $"peak.{line.Unit.Symbol}" : $"{label.Period}.peak.{line.Unit.Symbol}", measured, line.Unit, at)];
    }

    /// <summary>A component that is billed where it is metered says so where it is not.</summary>
    private sealed class NotMeteredTrace : LineTrace
    {
        public override string Formula(ChargeLine line) => $"no {line.Unit.Symbol} was metered: nothing is due";
    }
}
