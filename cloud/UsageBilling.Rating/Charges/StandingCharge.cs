using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// A fixed price per day, month or year; months and years by the tariff's proration rule. JSON kind <c>standing</c>.
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
        var price = item.RequiredNumber("price", "the price of one day, month or year");
        if (!item.Has("per"))
        {
            item.Report("per", "is missing; write \"day\", \"month\" or \"year\"");
        }

        var per = item.Choice("per", "month", "day", "month", "year");
        item.Done();
        return item.Problems.Count > before ? null : new StandingCharge(head, price, Unit.Find(per)!);
    }

    internal override void Rate(SegmentRun segment)
    {
        var quantity = _per == Unit.Day ? segment.Plan.Days : _per == Unit.Month ? segment.Plan.Months : segment.Plan.Years;
        segment.Add(this, _label, quantity, _price, 1m);
    }
}
