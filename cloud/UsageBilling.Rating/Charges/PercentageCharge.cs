using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// A percentage of the rounded amounts of other components: an adjustment, a fuel clause, a discount (negative), or a
/// levy that is itself subject to VAT. One line for each tax class it falls on. JSON kind <c>percentage</c>.
/// </summary>
public sealed class PercentageCharge : Charge
{
    private readonly decimal _percent;
    private readonly ComponentSet _of;
    private readonly LineLabel _label;
    private readonly bool _levy;

    internal PercentageCharge(ChargeHead head, decimal percent, ComponentSet of, bool levy)
        : base(head)
    {
        _percent = percent;
        _of = of;
        _levy = levy;
        _label = new PercentageLabel(head.Description, head.Currency, of.ToString());
    }

    internal override ChargePhase Phase => _levy ? ChargePhase.Levy : ChargePhase.Adjust;

    internal static PercentageCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var percent = item.RequiredNumber("percent", "the percentage, negative for a discount", -1000m, 1000m);
        var kind = ChargeCategory.Read(item, percent < 0m ? ChargeKind.Discount : ChargeKind.Adjustment);
        var head = context.Head(item, kind);
        var of = ComponentSet.Read(item, context);
        item.Done();
        return item.Problems.Count > before ? null : new PercentageCharge(head, percent, of, kind == ChargeKind.Tax);
    }

    internal override void Rate(SegmentRun segment)
    {
        var amount = _of.Sum(segment);
        if (amount != 0m)
        {
            segment.Add(this, _label, amount, _percent, 100m);
        }
    }

    private sealed class PercentageLabel(string description, Currency currency, string of) : LineLabel(description, Unit.One, currency)
    {
        public override string Formula(ChargeLine line) =>
            $"{Words.Number(line.Price)} % of {Words.Money(line.Quantity, Currency)} ({of}) = {Words.Result(line.Exact, line.Amount, Currency)}";
    }
}

/// <summary>The components that a percentage, minimum or maximum looks at: those named by <c>of</c>, or all before it.</summary>
internal sealed class ComponentSet
{
    private readonly HashSet<string>? _ids;

    public ComponentSet(IEnumerable<string>? ids) => _ids = ids is null ? null : [.. ids];

    public static ComponentSet Read(StrictObject item, ChargeContext context, string field = "of")
    {
        if (!item.Has(field))
        {
            item.Ignore(field);
            return new ComponentSet(null);
        }

        var ids = item.Texts(field);
        foreach (var id in ids.Where(id => !context.Ids.Contains(id)))
        {
            item.Report(field, $"\"{id}\" is not the id of a component above this one");
        }

        return new ComponentSet(ids);
    }

    public bool Contains(string component) => _ids is null || _ids.Contains(component);

    /// <summary>Sum of the rounded amounts in this part of the period so far.</summary>
    public decimal Sum(SegmentRun segment)
    {
        var lines = segment.Run.Lines;
        var sum = 0m;
        for (var i = segment.FirstLine; i < lines.Count; i++)
        {
            if (Contains(lines[i].Component))
            {
                sum += lines[i].Amount;
            }
        }

        return sum;
    }

    public override string ToString() => _ids is null ? "all charges above" : string.Join(", ", _ids.Order(StringComparer.Ordinal));
}
