using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Prepaid credit: what is left of it (state <c>credit:component</c>, first set by the contract's opening balances) pays the
/// charges above, as far as it goes. JSON kind <c>credit</c>.
/// </summary>
public sealed class CreditCharge : Charge
{
    private readonly ComponentSet _of;
    private readonly LineLabel _label;

    internal CreditCharge(ChargeHead head, ComponentSet of)
        : base(head)
    {
        _of = of;
        _label = new LineLabel(head.Description, Unit.One, head.Currency, note: $"against {of}");
    }

    internal override ChargePhase Phase => ChargePhase.Credit;

    internal static CreditCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Credit));
        context.Accounts[head.Id] = true;
        var of = ComponentSet.Read(item, context);
        item.Done();
        return item.Problems.Count > before ? null : new CreditCharge(head, of);
    }

    internal override void Rate(SegmentRun segment)
    {
        var key = CreditCarryCharge.Key(Id);
        var balance = segment.Run.State[key];
        var used = Math.Min(balance, Math.Max(0m, _of.Sum(segment)));
        if (used > 0m)
        {
            segment.Add(this, _label, -1m, used, 1m);
            segment.Run.State = segment.Run.State.With(key, balance - used);
        }
    }
}
