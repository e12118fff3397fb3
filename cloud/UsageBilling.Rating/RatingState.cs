using System.Collections.Immutable;
using NodaTime;

namespace UsageBilling.Rating;

/// <summary>
/// What one period hands to the next: balances of credits and use so far by key, and the highest demand of past months.
/// Immutable; equal contents are equal values. Keys are <c>kind:component</c> or <c>kind:component:period</c>, for example
/// <c>credit-kwh:net:peak</c>, <c>credit:net-billing</c>, <c>used:energy</c>, <c>billed:minimum</c>.
/// </summary>
public sealed class RatingState : IEquatable<RatingState>
{
    private RatingState(ImmutableSortedDictionary<string, decimal> balances, ImmutableSortedDictionary<YearMonth, decimal> demand)
    {
        Balances = balances;
        DemandHistory = demand;
    }

    /// <summary>Nothing carried.</summary>
    public static RatingState Empty { get; } =
        new(ImmutableSortedDictionary.Create<string, decimal>(StringComparer.Ordinal), ImmutableSortedDictionary<YearMonth, decimal>.Empty);

    /// <summary>Balances by key; a missing key is zero.</summary>
    public ImmutableSortedDictionary<string, decimal> Balances { get; }

    /// <summary>Highest demand of each past billing month in kW, by the calendar month in which it begins.</summary>
    public ImmutableSortedDictionary<YearMonth, decimal> DemandHistory { get; }

    /// <summary>The balance of a key, zero when there is none.</summary>
    public decimal this[string key] => Balances.GetValueOrDefault(key);

    /// <summary>The state with one balance set; zero removes it.</summary>
    public RatingState With(string key, decimal value) =>
        new(value == 0m ? Balances.Remove(key) : Balances.SetItem(key, value), DemandHistory);

    /// <summary>The state with a month's demand: the higher of what is there and what is given.</summary>
    public RatingState WithDemand(YearMonth month, decimal kilowatts) =>
        DemandHistory.TryGetValue(month, out var known) && known >= kilowatts
            ? this
            : new RatingState(Balances, DemandHistory.SetItem(month, kilowatts));

    /// <inheritdoc/>
    public bool Equals(RatingState? other) =>
        ReferenceEquals(this, other)
        || (other is not null && Balances.SequenceEqual(other.Balances) && DemandHistory.SequenceEqual(other.DemandHistory));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as RatingState);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Balances.Count, DemandHistory.Count);
}
