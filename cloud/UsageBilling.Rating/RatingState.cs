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
    private readonly RatingState? _earlier;
    private readonly YearMonth _month;
    private readonly decimal _kilowatts;
    private ImmutableSortedDictionary<YearMonth, decimal>? _demand;

    private RatingState(ImmutableSortedDictionary<string, decimal> balances, ImmutableSortedDictionary<YearMonth, decimal> demand)
    {
        Balances = balances;
        _demand = demand;
    }

    /// <summary>A month added to an earlier state; the history is put together when somebody asks for it.</summary>
    private RatingState(RatingState earlier, YearMonth month, decimal kilowatts)
    {
        Balances = earlier.Balances;
        _earlier = earlier;
        _month = month;
        _kilowatts = kilowatts;
    }

    /// <summary>Nothing carried.</summary>
    public static RatingState Empty { get; } =
        new(ImmutableSortedDictionary.Create<string, decimal>(StringComparer.Ordinal), ImmutableSortedDictionary<YearMonth, decimal>.Empty);

    /// <summary>Balances by key; a missing key is zero.</summary>
    public ImmutableSortedDictionary<string, decimal> Balances { get; }

    /// <summary>Highest demand of each past billing month in kW, by the calendar month in which it begins.</summary>
    public ImmutableSortedDictionary<YearMonth, decimal> DemandHistory => _demand ??= Merge();

    /// <summary>The balance of a key, zero when there is none.</summary>
    public decimal this[string key] => Balances.IsEmpty ? 0m : Balances.GetValueOrDefault(key);

    /// <summary>The state with one balance set; zero removes it.</summary>
    public RatingState With(string key, decimal value) =>
        new(value == 0m ? Balances.Remove(key) : Balances.SetItem(key, value), DemandHistory);

    /// <summary>The state with a month's demand: the higher of what is there and what is given.</summary>
    public RatingState WithDemand(YearMonth month, decimal kilowatts) => new(this, month, kilowatts);

    private ImmutableSortedDictionary<YearMonth, decimal> Merge()
    {
        var pending = new List<RatingState>();
        var state = this;
        while (state._demand is null)
        {
            pending.Add(state);
            state = state._earlier!;
        }

        var history = state._demand.ToBuilder();
        foreach (var added in pending)
        {
            if (!history.TryGetValue(added._month, out var known) || known < added._kilowatts)
            {
                history[added._month] = added._kilowatts;
            }
        }

        return history.ToImmutable();
    }

    /// <inheritdoc/>
    public bool Equals(RatingState? other) =>
        ReferenceEquals(this, other)
        || (other is not null && Balances.SequenceEqual(other.Balances) && DemandHistory.SequenceEqual(other.DemandHistory));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as RatingState);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Balances.Count, DemandHistory.Count);
}
