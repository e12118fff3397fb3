using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// The mean of the highest windows of a billing month that lie on different days, where some periods may count less than
/// full (Swedish grid tariffs: mean of the three highest hours of different days, night hours weighted half).
/// JSON kind <c>demand-average</c>.
/// </summary>
public sealed class DemandAverageCharge : Charge
{
    private readonly StreamRef _stream;
    private readonly decimal[] _weights;
    private readonly int _count;
    private readonly decimal _price;
    private readonly LineLabel _label;

    internal DemandAverageCharge(ChargeHead head, StreamRef stream, decimal[] weights, int count, decimal price)
        : base(head)
    {
        _stream = stream;
        _weights = weights;
        _count = count;
        _price = price;
        _label = new LineLabel(head.Description, Unit.Kilowatt, head.Currency);
    }

    internal static DemandAverageCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Demand));
        var schedule = context.Schedule(item);
        var window = item.Whole("window", 15, 60) ?? 60;
        if (window is not (15 or 30 or 60))
        {
            item.Report("window", $"{window} minutes is no demand window; write 15, 30 or 60");
        }

        var count = item.Whole("count", 1, 31) ?? 3;
        var price = item.RequiredNumber("price", "the price of a kW and month");
        var weights = Enumerable.Repeat(1m, schedule?.Periods.Count ?? 1).ToArray();
        if (item.Child("weights") is { IsObject: true } child)
        {
            for (var period = 0; period < weights.Length; period++)
            {
                weights[period] = schedule is null ? 1m : child.Number(schedule.Periods[period], 0m, 1m) ?? 1m;
            }

            child.Done();
        }

        item.Done();
        if (item.Problems.Count > before)
        {
            return null;
        }

        var measurand = new Measurand(Quantity.ActiveEnergy, Direction.Import);
        return new DemandAverageCharge(head, context.Binder.Bind(new StreamSpec(measurand, window, Rolling: false), schedule), weights, count, price);
    }

    internal override void Rate(SegmentRun segment)
    {
        var stream = segment.Stream(_stream, false)!;
        var best = new Dictionary<LocalDate, (decimal Kilowatts, Instant At)>();
        foreach (var (at, period, value) in stream.Windows(_stream))
        {
            var kilowatts = BilledUnit.Scale(value, stream.Exponent - 3) * stream.PerHour * _weights[period];
            var day = at.InZone(segment.Plan.Span.Zone).Date;
            if (!best.TryGetValue(day, out var known) || kilowatts > known.Kilowatts)
            {
                best[day] = (kilowatts, at);
            }
        }

        for (var part = 0; part < segment.Plan.PartStarts.Count; part++)
        {
            var (from, to) = (segment.Plan.PartStarts[part], segment.Plan.PartEnd(part));
            var highest = best.Where(day => day.Key >= from && day.Key < to).Select(day => day.Value).OrderByDescending(peak => peak.Kilowatts).ThenBy(peak => peak.At).Take(_count).ToArray();
            if (highest.Length == 0)
            {
                continue;
            }

            var mean = Math.Round(highest.Sum(peak => peak.Kilowatts) / highest.Length, 6, MidpointRounding.AwayFromZero);
            segment.Add(this, _label, mean * segment.Plan.PartMonths[part], _price, 1m, from, to, new AverageTrace(_label, highest, segment.Plan.Span.Zone));
        }
    }

    private sealed class AverageTrace(LineLabel label, (decimal Kilowatts, Instant At)[] peaks, DateTimeZone zone) : LineTrace
    {
        public override string Formula(ChargeLine line)
        {
            var days = peaks.Select(peak => $"{Words.Number(peak.Kilowatts)} kW on {Words.Day(peak.At.InZone(zone).Date)}");
            return $"{Words.Product(line, label.Currency)} (mean of {string.Join(", ", days)})";
        }

        public override IReadOnlyList<Determinant> Determinants(ChargeLine line) =>
            [.. peaks.Select((peak, i) => new Determinant($"peak.{i + 1}.kW", peak.Kilowatts, Unit.Kilowatt, peak.At))];
    }
}
