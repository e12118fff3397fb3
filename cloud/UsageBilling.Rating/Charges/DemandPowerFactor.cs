using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Billed demand by power factor: where cos φ lies below a target, the highest demand counts as kW × target ÷ cos φ (a target
/// of 1 bills kVA). cos φ = kWh ÷ √(kWh² + kvarh²) of the billing month or of the window of the peak, rounded half away from zero.
/// </summary>
internal sealed class DemandPowerFactor(StreamRef active, StreamRef reactive, decimal target, bool ofPeak, int digits)
{
    /// <summary>Reads <c>powerFactor</c> of a demand component; null when there is none.</summary>
    public static DemandPowerFactor? Read(StrictObject item, ChargeContext context, string measure)
    {
        if (item.Child("powerFactor") is not { IsObject: true } rule)
        {
            return null;
        }

        if (measure != "import")
        {
            item.Report("powerFactor", $"raises kW of import; \"{measure}\" is measured: remove one of them");
        }

        var target = rule.RequiredNumber("target", "cos φ from which on the metered kW are billed, for example 0.9", 0.01m, 1m);
        var ofPeak = rule.Choice("of", "month", "month", "peak") == "peak";
        var digits = rule.Whole("digits", 1, 6) ?? 2;
        rule.Done();
        StreamRef Bind(Quantity quantity) => context.Binder.Bind(new StreamSpec(new Measurand(quantity, Direction.Import), 0, Rolling: false), null, monthly: true);
        return new DemandPowerFactor(Bind(Quantity.ActiveEnergy), Bind(Quantity.ReactiveEnergy), target, ofPeak, digits);
    }

    /// <summary>What the highest demand of a billing month counts as, and why; no reason when the power factor is good enough.</summary>
    public (decimal Kilowatts, string? Reason) Apply(SegmentRun segment, int part, decimal kilowatts, Instant peak, int windowMinutes)
    {
        var (kilowattHours, kilovarHours) = (Energy(segment, active, part, peak, windowMinutes), Energy(segment, reactive, part, peak, windowMinutes));
        var apparent = PowerFactorCharge.SquareRoot((kilowattHours * kilowattHours) + (kilovarHours * kilovarHours));
        if (apparent == 0m || kilowatts == 0m)
        {
            return (kilowatts, null);
        }

        // A factor that rounds to nothing counts as the smallest one that can be written.
        var smallest = new decimal(1, 0, 0, false, (byte)digits);
        var factor = Math.Max(smallest, Math.Round(kilowattHours / apparent, digits, MidpointRounding.AwayFromZero));
        if (factor >= target)
        {
            return (kilowatts, null);
        }

        var raised = Math.Round(kilowatts * target / factor, 6, MidpointRounding.AwayFromZero);
        return (raised, $"power factor {Words.Number(factor)} from {Words.Number(kilowattHours)} kWh and {Words.Number(kilovarHours)} kvarh, below {Words.Number(target)}: counts as {Words.Number(raised)} kW");
    }

    private decimal Energy(SegmentRun segment, StreamRef reference, int part, Instant peak, int windowMinutes)
    {
        var stream = segment.Stream(reference, false)!;
        var energy = ofPeak
            ? stream.SumBetween(peak, peak + Duration.FromMinutes(windowMinutes)) ?? throw new RatingInputException("usage", $"comes in intervals of {stream.WindowMinutes} minutes, the power factor of the peak needs {windowMinutes}; give shorter intervals")
            : stream.Sum(reference, 0, part);
        return BilledUnit.Scale(energy, stream.Exponent - 3);
    }
}
