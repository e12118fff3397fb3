using NodaTime;
using UsageBilling.Metering.Validation;

namespace UsageBilling.Metering.Tests.Faults;

/// <summary>What can go wrong with a meter in a month.</summary>
internal enum Fault
{
    None,
    DuplicateBatches,
    RegisteredExchange,
    Gap,
    LateWeek,
    LongOutage,
    Spike,
    Stuck,
    Zero,
    Rollover,
    Fall,
    UnregisteredExchange,
    ReversedTransformer,
    ClockStep,
    ConflictingDuplicate,
    WrongRatio,
    Peak,
    DemandStep,
    WrongEdit,
    ReactiveNotRead,
    PulsesLost,
    MeterFault,
    NotInService,
    WrongMultiplier,
    WrongUnit,
    WrongIntervalLength,
}

/// <summary>A fault as it was injected, above the threshold of its rule.</summary>
/// <param name="Kind">What.</param>
/// <param name="Rule">The rule that has to find it; null: nothing must be found.</param>
/// <param name="From">First local day that is not clean.</param>
/// <param name="FoundOn">Days of which one at least must have the finding.</param>
internal sealed record InjectedFault(Fault Kind, string? Rule, LocalDate From, IReadOnlyList<LocalDate> FoundOn)
{
    public static InjectedFault Nothing(Fault kind) => new(kind, null, LocalDate.MaxIsoValue, []);

    public static string? RuleOf(Fault fault) => fault switch
    {
        Fault.Gap or Fault.LateWeek => RuleNames.Gap,
        Fault.LongOutage => RuleNames.LongEstimates,
        Fault.Spike => RuleNames.Spike,
        Fault.Stuck => RuleNames.Stuck,
        Fault.Zero => RuleNames.Zero,
        Fault.Rollover or Fault.Fall => RuleNames.Rollover,
        Fault.UnregisteredExchange => RuleNames.MeterSerial,
        Fault.ReversedTransformer => RuleNames.ReverseEnergy,
        Fault.ClockStep => RuleNames.Clock,
        Fault.ConflictingDuplicate => RuleNames.Duplicate,
        Fault.WrongRatio => RuleNames.HighLow,
        Fault.Peak => RuleNames.Peak,
        Fault.DemandStep => RuleNames.DemandStep,
        Fault.WrongEdit => RuleNames.SumCheck,
        Fault.ReactiveNotRead => RuleNames.Reactive,
        Fault.PulsesLost => RuleNames.PulseOverflow,
        Fault.MeterFault => RuleNames.TestMode,
        Fault.NotInService => RuleNames.InactiveDevice,
        Fault.WrongMultiplier => RuleNames.Multiplier,
        Fault.WrongUnit => RuleNames.Unit,
        Fault.WrongIntervalLength => RuleNames.IntervalLength,
        _ => null,
    };
}
