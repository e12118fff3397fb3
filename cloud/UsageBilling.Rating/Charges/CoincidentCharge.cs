using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// The highest demand at hours that are known only later: the peaks of the whole system. The hours come with the
/// contract (<see cref="ContractParameters.CoincidentHours"/>) under the group's name. JSON kind <c>coincident</c>.
/// </summary>
public sealed class CoincidentCharge : Charge
{
    private readonly StreamRef _stream;
    private readonly string _group;
    private readonly PriceLadder _ladder;
    private readonly LineLabel _label;
    private readonly string _source;
    private readonly CoincidentPeriod? _period;

    internal CoincidentCharge(ChargeHead head, StreamBinder binder, string group, PriceLadder ladder, string source, CoincidentPeriod? period = null)
        : base(head)
    {
        _period = period;
        _stream = binder.Bind(new StreamSpec(new Measurand(Quantity.ActiveEnergy, Direction.Import), 60, Rolling: false, Coarser: true), null);
        _group = group;
        _ladder = ladder;
        _source = source;
        _label = new LineLabel(head.Description, Unit.Kilowatt, head.Currency);
    }

    internal static CoincidentCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Demand));
        var group = item.RequiredText("group", "system-peak");
        var price = item.RequiredNumber("price", "the price of a kW");
        item.Done();
        return item.Problems.Count > before ? null : new CoincidentCharge(head, context.Binder, group, PriceLadder.Single(price), $"component {head.Id}");
    }

    /// <summary>Name under which the contract gives the hours.</summary>
    internal string Group => _group;

    internal override void Rate(SegmentRun segment)
    {
        if (!segment.Run.Input.Contract.CoincidentHours.TryGetValue(_group, out var hours))
        {
            throw new RatingInputException($"coincidentHours.{_group}", $"{_source} bills demand at hours that are declared later; give them with the contract (an empty list when none lies in the period)");
        }

        var stream = segment.Stream(_stream, false)!;
        (decimal Kilowatts, Instant At)? best = null;
        foreach (var hour in hours)
        {
            if ((_period is null || _period.Holds(hour.InZone(segment.Plan.Span.Zone).LocalDateTime)) && stream.At(hour) is { } value && BilledUnit.Scale(value, stream.Exponent - 3) * stream.PerHour is var kilowatts && (best is null || kilowatts > best.Value.Kilowatts))
            {
                best = (kilowatts, hour);
            }
        }

        if (best is not { } peak)
        {
            return;
        }

        var ends = _ladder.Ends(1m, 0m);
        for (var tier = 0; tier < _ladder.Tiers.Count; tier++)
        {
            var kilowatts = PriceLadder.Within(tier, 0m, Math.Max(0m, peak.Kilowatts), ends);
            if (kilowatts != 0m)
            {
                segment.Add(this, _label, kilowatts, _ladder.Tiers[tier].Price, 1m, new CoincidentTrace(_label, peak.Kilowatts, peak.At, segment.Plan.Span.Zone));
            }
        }
    }

    private sealed class CoincidentTrace(LineLabel label, decimal kilowatts, Instant at, DateTimeZone zone) : LineTrace
    {
        public override string Formula(ChargeLine line)
        {
            var local = at.InZone(zone).LocalDateTime;
            return $"{Words.Product(line, label.Currency)} (demand in the hour from {Words.Day(local.Date)} {local.Hour:00}:{local.Minute:00}, when the whole system peaked)";
        }

        public override IReadOnlyList<Determinant> Determinants(ChargeLine line) => [new Determinant("import.coincident.kW", kilowatts, Unit.Kilowatt, at)];
    }
}

/// <summary>A period of a schedule of twelve months by 24 local clock hours: peaks in other hours bear another price.</summary>
internal sealed class CoincidentPeriod(int[][] schedule, int period)
{
    public bool Holds(LocalDateTime local) => schedule[local.Month - 1][local.Hour] == period;
}
