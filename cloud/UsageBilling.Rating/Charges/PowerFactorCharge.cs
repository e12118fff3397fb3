using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// A surcharge for a low power factor: for every hundredth by which cos φ of the period lies below the target, a
/// percentage of other components. cos φ = active energy ÷ √(active² + reactive²), to two digits, half away from zero. What
/// the contract agrees takes the place of the tariff's target and percentage. JSON kind <c>power-factor</c>.
/// </summary>
public sealed class PowerFactorCharge : Charge
{
    private readonly StreamRef _active;
    private readonly StreamRef _reactive;
    private readonly decimal? _target;
    private readonly decimal? _percentPerHundredth;
    private readonly ComponentSet _of;
    private readonly LineLabel _label;

    internal PowerFactorCharge(ChargeHead head, StreamBinder binder, decimal? target, decimal? percentPerHundredth, ComponentSet of)
        : base(head)
    {
        _active = binder.Bind(new StreamSpec(new Measurand(Quantity.ActiveEnergy, Direction.Import), 0, Rolling: false), null);
        _reactive = binder.Bind(new StreamSpec(new Measurand(Quantity.ReactiveEnergy, Direction.Import), 0, Rolling: false), null);
        _target = target;
        _percentPerHundredth = percentPerHundredth;
        _of = of;
        _label = new LineLabel(head.Description, Unit.One, head.Currency);
    }

    internal override ChargePhase Phase => ChargePhase.Adjust;

    internal static PowerFactorCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Reactive));
        var target = item.Number("target", 0.01m, 1m);
        var percent = item.Number("percentPerHundredth", 0m, 100m);
        var of = ComponentSet.Read(item, context);
        item.Done();
        return item.Problems.Count > before ? null : new PowerFactorCharge(head, context.Binder, target, percent, of);
    }

    internal override void Rate(SegmentRun segment)
    {
        var rule = segment.Run.Input.Contract.PowerFactor;
        var target = Stated(rule?.Target ?? _target, "target");
        var percentPerHundredth = Stated(rule?.PercentPerHundredth ?? _percentPerHundredth, "percentPerHundredth");
        var (activeStream, reactiveStream) = (segment.Stream(_active, false)!, segment.Stream(_reactive, false)!);
        var active = BilledUnit.Scale(activeStream.Sum(_active, 0), activeStream.Exponent - 3);
        var reactive = BilledUnit.Scale(reactiveStream.Sum(_reactive, 0), reactiveStream.Exponent - 3);
        var apparent = SquareRoot((active * active) + (reactive * reactive));
        if (apparent == 0m)
        {
            return;
        }

        var factor = Math.Round(active / apparent, 2, MidpointRounding.AwayFromZero);
        var percent = (target - factor) * 100m * percentPerHundredth;
        if (percent > 0m && _of.Sum(segment) is var amount and not 0m)
        {
            segment.Add(this, _label, amount, percent, 100m, new PowerFactorTrace(_label, factor, target, active, reactive));
        }
    }

    private decimal Stated(decimal? value, string field) => value
        ?? throw new RatingInputException($"powerFactor.{field}", $"component {Id} bills the power factor and leaves \"{field}\" to the contract; give it there");

    /// <summary>Newton's method on decimals, to the last digit that they hold; exact integers below are not needed here.</summary>
    internal static decimal SquareRoot(decimal value)
    {
        if (value <= 0m)
        {
            return 0m;
        }

        var root = value >= 1m ? value : 1m;
        while (true)
        {
            var next = (root + (value / root)) / 2m;
            if (next >= root)
            {
                return root;
            }

            root = next;
        }
    }

    private sealed class PowerFactorTrace(LineLabel label, decimal factor, decimal target, decimal active, decimal reactive) : LineTrace
    {
        public override string Formula(ChargeLine line) =>
            $"{Words.Number(line.Price)} % of {Words.Money(line.Quantity, label.Currency)} = {Words.Result(line.Exact, line.Amount, label.Currency)} (power factor {Words.Number(factor)} from {Words.Number(active)} kWh and {Words.Number(reactive)} kvarh, target {Words.Number(target)})";

        public override IReadOnlyList<Determinant> Determinants(ChargeLine line) =>
            [new Determinant("import.kWh", active, Unit.KilowattHour, null), new Determinant("reactive.kvarh", reactive, Unit.KilovarHour, null)];
    }
}
