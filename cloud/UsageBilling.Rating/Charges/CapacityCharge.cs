using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Contracted capacity: each contracted kW at a price a month, and each kW that the highest demand lies above it at
/// another. JSON kind <c>capacity</c>.
/// </summary>
public sealed class CapacityCharge : Charge
{
    private readonly StreamRef _stream;
    private readonly decimal _price;
    private readonly decimal _excessPrice;
    private readonly LineLabel _contracted;
    private readonly LineLabel _excess;

    internal CapacityCharge(ChargeHead head, StreamRef stream, decimal price, decimal excessPrice)
        : base(head)
    {
        _stream = stream;
        _price = price;
        _excessPrice = excessPrice;
        _contracted = new LineLabel(head.Description, Unit.Kilowatt, head.Currency, note: "contracted capacity");
        _excess = new LineLabel($"{head.Description}, above contract", Unit.Kilowatt, head.Currency);
    }

    internal static CapacityCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Demand));
        var window = item.Whole("window", 5, 60) ?? 0;
        var price = item.RequiredNumber("price", "the price of a contracted kW and month");
        var excess = item.RequiredNumber("excessPrice", "the price of a kW above the contract (the same price where nothing is special)");
        if (window is not (0 or 5 or 10 or 15 or 30 or 60))
        {
            item.Report("window", $"{window} minutes is no demand window; write 5, 10, 15, 30 or 60");
        }

        item.Done();
        if (item.Problems.Count > before)
        {
            return null;
        }

        var spec = new StreamSpec(new Measurand(Quantity.ActiveEnergy, Direction.Import), window, Rolling: false);
        return new CapacityCharge(head, context.Binder.Bind(spec, null, monthly: true), price, excess);
    }

    internal override void Rate(SegmentRun segment)
    {
        var contracted = segment.Run.Input.Contract.ContractedKilowatts
            ?? throw new RatingInputException("contractedKw", $"component {Id} bills contracted capacity; give the contract's kW");
        var stream = segment.Stream(_stream, false)!;
        for (var part = 0; part < segment.Plan.PartStarts.Count; part++)
        {
            var (from, to, months) = (segment.Plan.PartStarts[part], segment.Plan.PartEnd(part), segment.Plan.PartMonths[part]);
            segment.Add(this, _contracted, contracted * months, _price, 1m, from, to, null);
            if (stream.Peak(_stream, 0, part) is not { } peak)
            {
                continue;
            }

            var measured = BilledUnit.Scale(peak.Value, stream.Exponent - 3) * stream.PerHour;
            if (measured > contracted)
            {
                segment.Add(this, _excess, (measured - contracted) * months, _excessPrice, 1m, from, to, new ExcessTrace(_excess, measured, contracted, peak.At, segment.Plan.Span.Zone));
            }
        }
    }

    private sealed class ExcessTrace(LineLabel label, decimal measured, decimal contracted, Instant at, DateTimeZone zone) : LineTrace
    {
        public override string Formula(ChargeLine line)
        {
            var local = at.InZone(zone).LocalDateTime;
            return $"{Words.Product(line, label.Currency)} (highest demand {Words.Number(measured)} kW on {Words.Day(local.Date)} at {local.Hour:00}:{local.Minute:00}, {Words.Number(contracted)} kW contracted)";
        }

        public override IReadOnlyList<Determinant> Determinants(ChargeLine line) => [new Determinant("peak.kW", measured, Unit.Kilowatt, at)];
    }
}
