using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// The least or the most that a period costs: a line lifts or cuts the sum of the components it looks at. Per month it is
/// prorated by the tariff's rule. JSON kinds <c>minimum</c> and <c>maximum</c>.
/// </summary>
public sealed class LimitCharge : Charge
{
    private readonly decimal _amount;
    private readonly bool _minimum;
    private readonly LimitPer _per;
    private readonly ComponentSet _of;
    private readonly LineLabel _label;

    internal LimitCharge(ChargeHead head, decimal amount, bool minimum, LimitPer per, ComponentSet of)
        : base(head)
    {
        _amount = amount;
        _minimum = minimum;
        _per = per;
        _of = of;
        _label = new LineLabel(head.Description, Unit.One, head.Currency, note: $"{(minimum ? "lifts" : "cuts")} {of} to {Words.Money(amount, head.Currency)} a {per.ToString().ToLowerInvariant()}");
    }

    internal override ChargePhase Phase => _minimum ? ChargePhase.Minimum : ChargePhase.Maximum;

    internal static LimitCharge? Read(StrictObject item, ChargeContext context, bool minimum)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, minimum ? ChargeKind.Minimum : ChargeKind.Maximum));
        var amount = item.RequiredNumber("amount", minimum ? "the least that is due" : "the most that is due", 0m);
        var per = item.Choice("per", "month", "month", "day", "year", "period") switch
        {
            "day" => LimitPer.Day,
            "year" => LimitPer.Year,
            "period" => LimitPer.Period,
            _ => LimitPer.Month,
        };
        var of = ComponentSet.Read(item, context);
        item.Done();
        return item.Problems.Count > before ? null : new LimitCharge(head, amount, minimum, per, of);
    }

    internal override void Rate(SegmentRun segment)
    {
        var key = $"billed:{Id}";
        var sum = segment.Run.State[key] + _of.Sum(segment);
        if (_per != LimitPer.Year)
        {
            Apply(segment, sum, _amount * (_per switch
            {
                LimitPer.Day => segment.Plan.Days,
                LimitPer.Month => segment.Plan.Months,
                _ => 1m,
            }));
            return;
        }

        // A year's limit is held against the whole year when it ends, and against the part of it that was billed.
        var yearsKey = $"years:{Id}";
        var years = segment.Run.State[yearsKey] + segment.Plan.Years;
        var ends = segment.EndsYear;
        segment.Run.State = segment.Run.State.With(key, ends ? 0m : sum).With(yearsKey, ends ? 0m : years);
        if (ends)
        {
            Apply(segment, sum, _amount * Math.Min(years, 1m));
        }
    }

    private void Apply(SegmentRun segment, decimal sum, decimal limit)
    {
        var difference = segment.Tariff.Currency.Round(limit) - sum;
        if (_minimum ? difference > 0m : difference < 0m)
        {
            segment.Add(this, _label, 1m, difference, 1m);
        }
    }
}

/// <summary>What a minimum or maximum is counted over.</summary>
internal enum LimitPer
{
    Month,
    Day,
    Year,
    Period,
}
