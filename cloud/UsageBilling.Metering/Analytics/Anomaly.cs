using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Analytics;

/// <summary>What kind of thing is unusual.</summary>
public enum AnomalyKind
{
    /// <summary>More than usual was used while the site is closed.</summary>
    OutOfHours,

    /// <summary>From a day on, days use distinctly more or less than the same weekdays before.</summary>
    StepChange,

    /// <summary>Something flows without a pause: a leak.</summary>
    ContinuousFlow,

    /// <summary>The register stands still where it never stood so long: a meter that no longer counts.</summary>
    DeadMeter,
}

/// <summary>A figure behind a finding, in the unit named.</summary>
public sealed record AnomalyFigure(string Name, decimal Value, string Unit);

/// <summary>Something unusual: when, why in words, and the figures that the words rest on.</summary>
public sealed record Anomaly(AnomalyKind Kind, Instant From, Instant To, string Reason, ImmutableArray<AnomalyFigure> Figures);

/// <summary>When a site is open, in its local time; the same on each open day.</summary>
/// <param name="Opens">First moment.</param>
/// <param name="Closes">First moment after; later than <paramref name="Opens"/>.</param>
/// <param name="Days">Days on which it is open at all.</param>
public sealed record OpeningHours(LocalTime Opens, LocalTime Closes, ImmutableArray<IsoDayOfWeek> Days)
{
    /// <summary>Whether a local moment lies in them.</summary>
    public bool Contains(LocalDateTime at) => Days.Contains(at.DayOfWeek) && at.TimeOfDay >= Opens && at.TimeOfDay < Closes;
}

/// <summary>From when on something counts as unusual. A limit that is null switches its rule off.</summary>
public sealed record AnomalyLimits
{
    /// <summary>A day's use while closed, as a multiple of the median of the days before. The default value is 1.5.</summary>
    public decimal OutOfHoursRatio { get; init; } = 1.5m;

    /// <summary>Change of a week against the same weekdays of the two weeks before, as a share of them. The default value is 0.4.</summary>
    public decimal StepShare { get; init; } = 0.4m;

    /// <summary>Hours without a single interval at zero that make a leak. The default value is null: off.</summary>
    public int? ContinuousHours { get; init; }

    /// <summary>Hours at zero that make a dead meter, where it never stood still half as long before. The default value is 72.</summary>
    public int? DeadHours { get; init; } = 72;

    /// <summary>The limits of a channel class: only water flows in draughts, so only there is a flow without pauses a leak; usage events of other kinds may rest for ever.</summary>
    public static AnomalyLimits Of(Measurand measurand) => measurand.Quantity switch
    {
        Quantity.WaterVolume => new() { ContinuousHours = 24, DeadHours = 336 },
        Quantity.GasVolume or Quantity.HeatEnergy => new() { DeadHours = null },
        Quantity.ActiveEnergy when measurand.Direction == Direction.Import => new(),
        _ => new() { DeadHours = null },
    };
}
