using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Net billing with money kept: what export earns is not paid at once but kept, and used against named charges of later
/// bills (or of the same one). JSON kind <c>credit-carry</c>. State: <c>credit:component</c>.
/// </summary>
public sealed class CreditCarryCharge : Charge
{
    private readonly ComponentSet _of;
    private readonly ComponentSet _covers;
    private readonly bool _sameMonth;
    private readonly LineLabel _kept;
    private readonly LineLabel _used;

    internal CreditCarryCharge(ChargeHead head, ComponentSet of, ComponentSet covers, bool sameMonth)
        : base(head)
    {
        _of = of;
        _covers = covers;
        _sameMonth = sameMonth;
        _kept = new LineLabel($"{head.Description}, kept for later bills", Unit.One, head.Currency, note: "what export earned on this bill");
        _used = new LineLabel($"{head.Description}, used", Unit.One, head.Currency, note: $"against {covers}");
    }

    internal override ChargePhase Phase => ChargePhase.Adjust;

    internal static string Key(string component) => $"credit:{component}";

    internal static CreditCarryCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Credit));
        var of = ComponentSet.Read(item, context);
        var covers = ComponentSet.Read(item, context, "covers");
        if (!item.Has("of") || !item.Has("covers"))
        {
            item.Report("of", "and \"covers\" are both needed: the export components that earn, and the charges that the credit pays");
        }

        var sameMonth = item.Flag("sameMonth") ?? false;
        item.Done();
        return item.Problems.Count > before ? null : new CreditCarryCharge(head, of, covers, sameMonth);
    }

    internal override void Rate(SegmentRun segment)
    {
        var key = Key(Id);
        var balance = segment.Run.State[key];
        var earned = Math.Max(0m, -_of.Sum(segment));
        var due = Math.Max(0m, _covers.Sum(segment));
        var used = Math.Min(_sameMonth ? balance + earned : balance, due);
        if (earned != 0m)
        {
            segment.Add(this, _kept, 1m, earned, 1m);
        }

        if (used != 0m)
        {
            segment.Add(this, _used, -1m, used, 1m);
        }

        segment.Run.State = segment.Run.State.With(key, balance + earned - used);
    }
}
