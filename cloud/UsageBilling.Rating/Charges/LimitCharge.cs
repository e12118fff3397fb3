using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// The least or the most that a period costs: a line lifts or cuts the sum of the components it looks at. Per month it is
/// prorated by the tariff's rule. A minimum "from zero" counts what is due to the customer as nothing, so that it is paid
/// beside the minimum instead of being eaten by it. JSON kinds <c>minimum</c> and <c>maximum</c>.
/// </summary>
public sealed class LimitCharge : Charge
{
    private readonly decimal _amount;
    private readonly bool _minimum;
    private readonly LimitPer _per;
    private readonly ComponentSet _of;
    private readonly bool _fromZero;
    private readonly LineLabel _label;

    internal LimitCharge(ChargeHead head, decimal amount, bool minimum, LimitPer per, ComponentSet of, bool fromZero = false)
        : base(head)
    {
        _fromZero = fromZero;
        _amount = amount;
        _minimum = minimum;
        _per = per;
        _of = of;
        _label = new LineLabel(head.Description, Unit.One, head.Currency, note: $"{(minimum ? "lifts" : "cuts")} {of} to {Words.Money(amount, head.Currency)} a {(per == LimitPer.Cycle ? "billing month" : per.ToString().ToLowerInvariant())}");
    }

    internal override ChargePhase Phase => _minimum ? ChargePhase.Minimum : ChargePhase.Maximum;

    internal static LimitCharge? Read(StrictObject item, ChargeContext context, bool minimum)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, minimum ? ChargeKind.Minimum : ChargeKind.Maximum));
        var amount = item.RequiredNumber("amount", minimum ? "the least that is due" : "the most that is due", 0m);
        var per = item.Choice("per", "month", "month", "day", "year", "cycle", "period") switch
        {
            "day" => LimitPer.Day,
            "year" => LimitPer.Year,
            "cycle" => LimitPer.Cycle,
            "period" => LimitPer.Period,
            _ => LimitPer.Month,
        };
        var of = ComponentSet.Read(item, context);
        var fromZero = minimum && (item.Flag("fromZero") ?? false);
        item.Done();
        return item.Problems.Count > before ? null : new LimitCharge(head, amount, minimum, per, of, fromZero);
    }

    internal override void Rate(SegmentRun segment)
    {
        var key = $"billed:{Id}";
        var part = _of.Sum(segment);
        var sum = segment.Run.State[key] + (_fromZero ? Math.Max(0m, part) : part);
        if (_per is not (LimitPer.Year or LimitPer.Cycle))
        {
            Apply(segment, sum, _amount * (_per switch
            {
                LimitPer.Day => segment.Plan.Days,
                LimitPer.Month => segment.Plan.Months,
                _ => 1m,
            }));
            return;
        }

        // A year or a billing month may be billed in parts: a maximum holds at once against what was billed so far, a
        // minimum when the last part ends; the minimum of a year for as much of the year as was billed.
        var yearsKey = $"years:{Id}";
        var years = segment.Run.State[yearsKey] + segment.Plan.Years;
        var ends = _per == LimitPer.Year ? segment.EndsYear : segment.EndsMonth;
        var share = _minimum && _per == LimitPer.Year ? Math.Min(years, 1m) : 1m;
        var added = !_minimum || ends ? Apply(segment, sum, _amount * share) : 0m;
        segment.Run.State = segment.Run.State.With(key, ends ? 0m : sum + added).With(yearsKey, ends || _per == LimitPer.Cycle ? 0m : years);
    }

    private decimal Apply(SegmentRun segment, decimal sum, decimal limit)
    {
        var difference = segment.Tariff.Currency.Round(limit) - sum;
        if (_minimum ? difference <= 0m : difference >= 0m)
        {
            return 0m;
        }

        // A maximum cuts what this part charges; it does not pay back what earlier parts did.
        difference = _minimum ? difference : Math.Max(difference, -Math.Max(0m, _of.Sum(segment)));
        if (difference != 0m)
        {
            segment.Add(this, _label, difference < 0m ? -1m : 1m, Math.Abs(difference), 1m);
        }

        return difference;
    }
}

/// <summary>What a minimum or maximum is counted over.</summary>
internal enum LimitPer
{
    Month,
    Day,
    Year,
    Cycle,
    Period,
}
