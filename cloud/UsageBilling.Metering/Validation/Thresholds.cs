namespace UsageBilling.Metering.Validation;

/// <summary>
/// The limits of one channel class. Configuration data: see <see cref="RuleSet"/>. Where a limit is null the rule is off for the class; the defaults are
/// those of the formulas' sources, and the class document says what differs.
/// </summary>
public sealed record Thresholds
{
    /// <summary>Up to this many seconds a clock is fine. The default value is 180 (CPUC DASMMD).</summary>
    public int? ClockFineSeconds { get; init; } = 180;

    /// <summary>Beyond this many seconds the day fails. The default value is 3,300.</summary>
    public int ClockFailSeconds { get; init; } = 3_300;

    /// <summary>Least highest interval that spike, peak and demand step look at, in base units per hour (W, m³/h): what is below is noise. The default value is 0.</summary>
    public decimal FloorPerHour { get; init; }

    /// <summary>Spike: (P1 − P3) / P3 above this. The default value is 1.8 (CPUC).</summary>
    public decimal? SpikeRatio { get; init; } = 1.8m;

    /// <summary>
    /// Spike: P1 also above this many times the usual peak, the highest second-highest interval of the days before (a spike is one interval, so earlier ones do not raise it).
    /// The default value is 1.5; null: any P1 will do. Where less than three quarters of the days are known, the floor alone decides.
    /// </summary>
    public decimal? SpikeUsual { get; init; } = 1.5m;

    /// <summary>Spike: days that the usual peak is taken of. The default value is 28: whole weeks.</summary>
    public int SpikeDays { get; init; } = 28;

    /// <summary>Sum check: this many last digits of the register, times multiplier, are allowed. The default value is 2.</summary>
    public int? SumCheckCounts { get; init; } = 2;

    /// <summary>Sum check: or this share of the advance, where that is more. The default value is 0.001.</summary>
    public decimal SumCheckShare { get; init; } = 0.001m;

    /// <summary>High: average daily use above this percentage of the earlier period. The default value is 200.</summary>
    public decimal? HighPercent { get; init; } = 200;

    /// <summary>Low: average daily use below this percentage of the earlier period. The default value is 50.</summary>
    public decimal? LowPercent { get; init; } = 50;

    /// <summary>Days of the periods that high/low compares. The default value is 28: whole weeks.</summary>
    public int HighLowDays { get; init; } = 28;

    /// <summary>Peak above this many times the peak of the window before. The default value is 3.</summary>
    public decimal? PeakRatio { get; init; } = 3;

    /// <summary>Days of the window. The default value is 14.</summary>
    public int PeakDays { get; init; } = 14;

    /// <summary>Demand step: percent of change against the last valid interval. The default value is 1,000.</summary>
    public decimal? DemandStepPercent { get; init; } = 1_000;

    /// <summary>Zero: this many hours without use. The default value is 24.</summary>
    public int? ZeroHours { get; init; } = 24;

    /// <summary>Stuck: the same non-zero value in this many intervals. The default value is 8.</summary>
    public int? StuckIntervals { get; init; } = 8;

    /// <summary>Stuck: values of fewer counts of the register are too coarse to tell. The default value is 20.</summary>
    public int StuckLeastCounts { get; init; } = 20;

    /// <summary>True: export where no export channel is registered fails. The default value is true.</summary>
    public bool ReverseEnergy { get; init; } = true;

    /// <summary>Reactive: power factor of the day below this. The default value is 0.5.</summary>
    public decimal? PowerFactorLow { get; init; } = 0.5m;

    /// <summary>Reactive: power factor of the day above this. The default value is null: 1 is allowed, unless reactive energy is zero.</summary>
    public decimal? PowerFactorHigh { get; init; }

    /// <summary>Too long on estimates: more than this many days in a row. The default value is 7.</summary>
    public int? EstimatedDays { get; init; } = 7;
}
