using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Stair-step: one amount for the period, that of the lowest step within whose limits every measured quantity stays. The
/// last step has no limits. JSON kind <c>step</c>.
/// </summary>
public sealed class StepCharge : Charge
{
    private readonly (StreamRef Stream, BilledUnit Unit, string Name)[] _measures;
    private readonly (decimal?[] Limits, decimal Amount)[] _steps;
    private readonly LineLabel[] _labels;

    internal StepCharge(ChargeHead head, (StreamRef Stream, BilledUnit Unit, string Name)[] measures, (decimal?[] Limits, decimal Amount)[] steps)
        : base(head)
    {
        _measures = measures;
        _steps = steps;
        _labels = [.. steps.Select((_, step) => new LineLabel($"{head.Description}, step {step + 1}", Unit.One, head.Currency, tier: step + 1, note: Note(step)))];
    }

    internal static StepCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Energy));
        var names = new List<string>();
        var rows = new List<(Dictionary<string, decimal> Limits, decimal Amount)>();
        var items = item.Items("steps");
        foreach (var (value, path) in items)
        {
            var step = new StrictObject(value, path, item.Problems);
            if (step.IsObject)
            {
                rows.Add(ReadStep(step, names, rows.Count == items.Count - 1));
            }
        }

        if (items.Count == 0)
        {
            item.Report("steps", "is missing; give at least one step with an amount");
        }

        item.Done();
        if (item.Problems.Count > before)
        {
            return null;
        }

        var measures = names.ConvertAll(name =>
        {
            var measurand = Measure.Find(name)!.Value;
            return (context.Binder.Bind(new StreamSpec(measurand, 0, Rolling: false), null), DefaultUnit(measurand.Quantity), name);
        });
        return new StepCharge(head, [.. measures], [.. rows.Select(row => (names.Select(name => row.Limits.TryGetValue(name, out var limit) ? limit : (decimal?)null).ToArray(), row.Amount))]);
    }

    private static (Dictionary<string, decimal> Limits, decimal Amount) ReadStep(StrictObject step, List<string> names, bool last)
    {
        var limits = new Dictionary<string, decimal>(StringComparer.Ordinal);
        if (step.Child("limits") is { IsObject: true } child)
        {
            foreach (var name in child.Names)
            {
                if (Measure.Find(name) is null)
                {
                    child.Report(name, $"is not a measure; known: {string.Join(", ", Measure.All)}");
                }

                limits[name] = child.Number(name, 0m) ?? 0m;
                if (!names.Contains(name))
                {
                    names.Add(name);
                }
            }
        }

        if (last == limits.Count > 0)
        {
            step.Report("limits", last ? "the last step has no limits: what lies above would stay unpriced; leave them out" : "is missing; only the last step has no limits");
        }

        var amount = step.RequiredNumber("amount", "what the step costs");
        step.Done();
        return (limits, amount);
    }

    private static BilledUnit DefaultUnit(Quantity quantity) => quantity switch
    {
        Quantity.ActiveEnergy or Quantity.HeatEnergy => new BilledUnit(Unit.KilowattHour, 1_000m),
        Quantity.ReactiveEnergy => new BilledUnit(Unit.KilovarHour, 1_000m),
        _ => new BilledUnit(Unit.BaseOf(quantity), 1m),
    };

    internal override void Rate(SegmentRun segment)
    {
        var quantities = new decimal[_measures.Length];
        for (var i = 0; i < quantities.Length; i++)
        {
            var (reference, unit, _) = _measures[i];
            quantities[i] = segment.Stream(reference, optional: true) is { } stream ? unit.From(stream.Sum(reference, 0), stream.Exponent) : 0m;
        }

        var step = 0;
        while (step < _steps.Length - 1 && !Within(quantities, _steps[step].Limits))
        {
            step++;
        }

        segment.Add(this, _labels[step], 1m, _steps[step].Amount, 1m);
    }

    private static bool Within(decimal[] quantities, decimal?[] limits)
    {
        for (var i = 0; i < quantities.Length; i++)
        {
            if (quantities[i] > limits[i])
            {
                return false;
            }
        }

        return true;
    }

    private string? Note(int step)
    {
        var limits = _measures.Select((measure, i) => _steps[step].Limits[i] is { } limit ? $"{measure.Name} up to {Words.Number(limit)} {Words.Symbol(measure.Unit.Unit)}" : null).OfType<string>().ToList();
        return limits.Count == 0 ? "above the limits of the steps before" : string.Join(", ", limits);
    }
}
