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

/// <summary>What a contract adds to a tariff. Never part of the tariff document.</summary>
public sealed record ContractParameters
{
    /// <summary>Nothing added.</summary>
    public static ContractParameters None { get; } = new();

    /// <summary>Contracted capacity in kW, or null.</summary>
    public decimal? ContractedKilowatts { get; init; }

    /// <summary>Customer's tax status. The default value is <see cref="TaxStatus.Standard"/>.</summary>
    public TaxStatus TaxStatus { get; init; }

    /// <summary>Declared event days (critical peaks).</summary>
    public EventDays EventDays { get; init; } = EventDays.None;

    /// <summary>Hours of coincident peaks, by the name of their group in the tariff: the start of each hour.</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<Instant>> CoincidentHours { get; init; } = ImmutableSortedDictionary<string, ImmutableArray<Instant>>.Empty;

    /// <summary>Balances, demand history and use so far with which the period begins: the closing state of the period before.</summary>
    public RatingState Opening { get; init; } = RatingState.Empty;
}
