using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating;

/// <summary>How tax applies to a customer.</summary>
public enum TaxStatus
{
    /// <summary>As the tariff's tax classes say.</summary>
    Standard,

    /// <summary>Exempt: category E, rate 0.</summary>
    Exempt,

    /// <summary>The customer accounts for the tax: category AE, rate 0.</summary>
    ReverseCharge,

    /// <summary>Out of scope: category O.</summary>
    OutOfScope,
}

/// <summary>A power-factor rule of a contract; a field that is null is the tariff's.</summary>
/// <param name="Target">cos φ from which on nothing is due, 0.01 to 1.</param>
/// <param name="PercentPerHundredth">Surcharge in percent for each hundredth below the target.</param>
public sealed record PowerFactorRule(decimal? Target, decimal? PercentPerHundredth);

/// <summary>What a contract adds to a tariff. Never part of the tariff document.</summary>
public sealed record ContractParameters
{
    /// <summary>Nothing added.</summary>
    public static ContractParameters None { get; } = new();

    /// <summary>Contracted capacity in kW, or null.</summary>
    public decimal? ContractedKilowatts { get; init; }

    /// <summary>What the contract agrees on the power factor, in place of what the tariff's <c>power-factor</c> components say; null for nothing.</summary>
    public PowerFactorRule? PowerFactor { get; init; }

    /// <summary>Customer's tax status. The default value is <see cref="TaxStatus.Standard"/>.</summary>
    public TaxStatus TaxStatus { get; init; }

    /// <summary>Declared event days (critical peaks).</summary>
    public EventDays EventDays { get; init; } = EventDays.None;

    /// <summary>Hours of coincident peaks, by the name of their group in the tariff: the start of each hour.</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<Instant>> CoincidentHours { get; init; } = ImmutableSortedDictionary<string, ImmutableArray<Instant>>.Empty;

    /// <summary>Balances, demand history and use so far with which the period begins: the closing state of the period before.</summary>
    public RatingState Opening { get; init; } = RatingState.Empty;
}
