using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Every interval at the price of its hour, half hour or quarter hour, from a series given beside the tariff:
/// (series × factor + adder) per unit. Prices may be negative. JSON kind <c>dynamic</c>.
/// </summary>
public sealed class DynamicCharge : Charge
{
    private readonly StreamRef _stream;
    private readonly BilledUnit _unit;
    private readonly string _series;
    private readonly decimal _factor;
    private readonly decimal _adder;
    private readonly int _sign;
    private readonly LineLabel _label;

    internal DynamicCharge(ChargeHead head, StreamBinder binder, Measurand measurand, BilledUnit unit, string series, decimal factor, decimal adder, bool credit)
        : base(head)
    {
        _stream = binder.Bind(new StreamSpec(measurand, 0, Rolling: false), null);
        _unit = unit;
        _series = series;
        _factor = factor;
        _adder = adder;
        _sign = credit ? -1 : 1;
        _label = new LineLabel(head.Description, unit.Unit, head.Currency);
    }

    internal static DynamicCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var export = item.Text("measure", 80) == "export";
        var head = context.Head(item, ChargeCategory.Read(item, export ? ChargeKind.Export : ChargeKind.Energy));
        var measurand = Measure.Find(item.Choice("measure", "import", [.. Measure.All]))!.Value;
        var unit = BilledUnit.Read(item, measurand.Quantity);
        var series = item.RequiredText("series", "day-ahead");
        var factor = item.Number("factor") ?? 1m;
        var adder = item.Number("adder") ?? 0m;
        var credit = item.Flag("credit") ?? false;
        context.Series.Add(series);
        item.Done();
        return item.Problems.Count > before ? null : new DynamicCharge(head, context.Binder, measurand, unit, series, factor, adder, credit);
    }

    internal override void Rate(SegmentRun segment)
    {
        var stream = segment.Stream(_stream, false)!;
        var series = segment.Series(_series);
        var (quantity, exact) = (0m, 0m);
        for (var at = segment.Plan.Start; at < segment.Plan.End;)
        {
            var index = series.IndexAt(at);
            if (index < 0)
            {
                throw new RatingInputException($"series {_series}", $"has no price at {at}; extend it over the period");
            }

            var next = index + 1 < series.Count ? series[index + 1].Start : series.End ?? Instant.MaxValue;
            var to = Instant.Min(next, segment.Plan.End);
            if (stream.SumBetween(at, to) is not { } sum)
            {
                throw new RatingInputException($"series {_series}", $"changes at {to}, inside an interval of {stream.WindowMinutes} minutes; give shorter intervals");
            }

            var units = _unit.From(sum, stream.Exponent);
            quantity += units;
            exact += units * ((series[index].Value * _factor) + _adder);
            at = to;
        }

        if (quantity == 0m)
        {
            return;
        }

        // The price of the line is its amount for its quantity, so that quantity × price is exact; it is negative when the market's was.
        segment.Add(this, _label, quantity * _sign, exact, quantity, new DynamicTrace(_label, _series, _factor, _adder));
    }

    private sealed class DynamicTrace(LineLabel label, string series, decimal factor, decimal adder) : LineTrace
    {
        public override string Formula(ChargeLine line)
        {
            var mean = Math.Round(line.Exact / (line.PriceBase == 0m ? 1m : line.PriceBase), 6, MidpointRounding.AwayFromZero);
            var rule = (factor == 1m ? string.Empty : $" × {Words.Number(factor)}") + (adder == 0m ? string.Empty : $" + {Words.Number(adder)}");
            return $"each interval at its price of {series}{rule}: {Words.Number(line.PriceBase)} {line.Unit.Symbol} at {Words.Number(mean)} {label.Currency.Code}/{line.Unit.Symbol} on average = {Words.Result(line.Exact, line.Amount, label.Currency)}";
        }

        public override IReadOnlyList<Determinant> Determinants(ChargeLine line) => [new Determinant($"dynamic.{line.Unit.Symbol}", line.PriceBase, line.Unit, null)];
    }
}
