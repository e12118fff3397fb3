using System.Collections.Immutable;

namespace UsageBilling.Metering.Validation;

/// <summary>Names of the rules, as stored and shown.</summary>
public static class RuleNames
{
    /// <summary>Clock of the meter or gateway against the reference.</summary>
    public const string Clock = "clock";

    /// <summary>Intervals found against intervals expected.</summary>
    public const string Gap = "gap";

    /// <summary>Two values for one slot, and what replaced what.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>Highest against third-highest interval.</summary>
    public const string Spike = "spike";

    /// <summary>Intervals against registers.</summary>
    public const string SumCheck = "sum-check";

    /// <summary>Average daily use against an earlier period.</summary>
    public const string HighLow = "high-low";

    /// <summary>Peak against the same-length window before.</summary>
    public const string Peak = "peak";

    /// <summary>Interval against the last valid one.</summary>
    public const string DemandStep = "demand-step";

    /// <summary>No use at all.</summary>
    public const string Zero = "zero";

    /// <summary>The same value again and again.</summary>
    public const string Stuck = "stuck";

    /// <summary>Export where no export channel is registered.</summary>
    public const string ReverseEnergy = "reverse-energy";

    /// <summary>Reactive energy against active.</summary>
    public const string Reactive = "reactive";

    /// <summary>Display that passed its highest value, or fell.</summary>
    public const string Rollover = "rollover";

    /// <summary>Multiplier found against registered.</summary>
    public const string Multiplier = "multiplier";

    /// <summary>Unit found against registered.</summary>
    public const string Unit = "unit";

    /// <summary>Interval length found against registered.</summary>
    public const string IntervalLength = "interval-length";

    /// <summary>Meter serial found against registered.</summary>
    public const string MeterSerial = "meter-serial";

    /// <summary>Pulses lost or counted faster than the input allows.</summary>
    public const string PulseOverflow = "pulse-overflow";

    /// <summary>Data taken in test mode.</summary>
    public const string TestMode = "test-mode";

    /// <summary>Data of a device that is not in service.</summary>
    public const string InactiveDevice = "inactive-device";

    /// <summary>Too many days in a row with estimates.</summary>
    public const string LongEstimates = "long-estimates";

    /// <summary>No rule: the day could not be looked at, and the finding says why.</summary>
    public const string NotValidated = "not-validated";

    /// <summary>All of them, in the order in which they run.</summary>
    public static ImmutableArray<string> All { get; } =
    [
        Clock, Gap, Duplicate, Spike, SumCheck, HighLow, Peak, DemandStep, Zero, Stuck, ReverseEnergy, Reactive, Rollover,
        Multiplier, Unit, IntervalLength, MeterSerial, PulseOverflow, TestMode, InactiveDevice, LongEstimates,
    ];
}
