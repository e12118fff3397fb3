using System.Collections.Immutable;
using NodaTime;

namespace UsageBilling.Rating.Determinants;

/// <summary>
/// A series of decimal values over time: prices of half hours, monthly calorific values. A value holds from its instant to
/// the next one's, the last until <see cref="End"/> or, without one, for ever.
/// </summary>
public sealed class ValueSeries
{
    private readonly ImmutableArray<Instant> _starts;
    private readonly ImmutableArray<decimal> _values;

    /// <summary>Makes a series from values in order of their instants.</summary>
    /// <exception cref="ArgumentException">Instants do not rise, or there are none.</exception>
    public ValueSeries(IEnumerable<(Instant Start, decimal Value)> values, Instant? end = null)
    {
        var list = values.ToList();
        if (list.Count == 0)
        {
            throw new ArgumentException("a series has at least one value", nameof(values));
        }

        for (var i = 1; i < list.Count; i++)
        {
            if (list[i].Start <= list[i - 1].Start)
            {
                throw new ArgumentException($"value {i} at {list[i].Start} is not after {list[i - 1].Start}", nameof(values));
            }
        }

        _starts = [.. list.Select(item => item.Start)];
        _values = [.. list.Select(item => item.Value)];
        End = end;
    }

    /// <summary>First instant with a value.</summary>
    public Instant Start => _starts[0];

    /// <summary>Where the last value ends, or null.</summary>
    public Instant? End { get; }

    /// <summary>Number of values.</summary>
    public int Count => _starts.Length;

    /// <summary>A series of one value that always holds.</summary>
    public static ValueSeries Constant(decimal value) => new([(Instant.MinValue, value)]);

    /// <summary>Start and value at a position.</summary>
    public (Instant Start, decimal Value) this[int index] => (_starts[index], _values[index]);

    /// <summary>The position whose value holds at an instant, or −1 where none does.</summary>
    public int IndexAt(Instant instant)
    {
        if (instant >= End)
        {
            return -1;
        }

        var index = _starts.BinarySearch(instant);
        return index >= 0 ? index : ~index - 1;
    }

    /// <summary>The value that holds at an instant, or null.</summary>
    public decimal? At(Instant instant) => IndexAt(instant) is >= 0 and var index ? _values[index] : null;
}
