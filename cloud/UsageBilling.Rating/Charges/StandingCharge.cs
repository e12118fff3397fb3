using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// A fixed price per day, month, quarter or year, by the tariff's proration rule, or once per period. JSON kind <c>standing</c>.
/// </summary>
public sealed class StandingCharge : Charge
{
    private readonly decimal _price;
    private readonly Unit _per;
    private readonly LineLabel _label;

    internal StandingCharge(ChargeHead head, decimal price, Unit per)
        : base(head)
    {
        _price = price;
        _per = per;
        _label = new LineLabel(head.Description, per, head.Currency);
    }

    internal static StandingCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Fixed));
        var price = item.RequiredNumber("price", "the price of one day, month, quarter or year");
        if (!item.Has("per"))
        {
            item.Report("per", "is missing; write \"day\", \"month\", \"quarter\", \"year\" or \"period\"");
        }

        var per = item.Choice("per", "month", "day", "month", "quarter", "year", "period");
        item.Done();
        return item.Problems.Count > before ? null : new StandingCharge(head, price, per == "period" ? Unit.One : Unit.Find(per)!);
    }

    internal override void Rate(SegmentRun segment)
    {
        var quantity = _per.Symbol switch
        {
            "day" => segment.Plan.Days,
            "month" => segment.Plan.Months,
            "quarter" => Proration.Quarters(segment.Tariff.Proration, segment.From, segment.To, segment.Plan.AnchorDay),
            "year" => segment.Plan.Years,
            _ => 1m,
        };
        if (quantity != 0m)
        {
            segment.Add(this, _label, quantity, _price, 1m);
        }
    }
}
