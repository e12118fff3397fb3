using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Events;

/// <summary>How events of one type become intervals of channels. Never changes once registered: intervals and bills stand on it.</summary>
public sealed record UsageDefinition
{
    /// <summary>Largest quantity of one event, in stored units: nine million such events fit into a slot.</summary>
    public const long MostPerEvent = 1_000_000_000_000;

    /// <summary>CloudEvents <c>type</c>.</summary>
    public required string EventType { get; init; }

    /// <summary>What the channel carries.</summary>
    public required Measurand Measurand { get; init; }

    /// <summary>What the events of a slot make together.</summary>
    public required UsageAggregation Aggregation { get; init; }

    /// <summary>Where an event's value stands; null for <see cref="UsageAggregation.Count"/>.</summary>
    public EventPath? Value { get; init; }

    /// <summary>Where the customer stands: a service point's id, or a name that is mapped to one.</summary>
    public required EventPath Point { get; init; }

    /// <summary>Base units (Wh, s, B, 1) in one unit of the value: 60 where values are minutes.</summary>
    public required long UnitFactor { get; init; }

    /// <summary>Power of ten of one stored unit, in the base unit; −9 to 9.</summary>
    public required int Exponent { get; init; }

    /// <summary>5, 10, 15, 30 or 60.</summary>
    public required int IntervalMinutes { get; init; }

    /// <summary>A slot without events was not used (true), or is not known (false).</summary>
    public required bool ZeroWhereNothing { get; init; }

    /// <summary>First UTC day that events may belong to, and from which a slot without events counts.</summary>
    public required LocalDate From { get; init; }

    /// <summary>The stored quantity of a value that <see cref="EventReading"/> took. Decimal arithmetic is exact here: it drops zeros at most, because the result is whole.</summary>
    /// <exception cref="OverflowException">The value is none that was taken.</exception>
    public long Scaled(decimal value)
    {
        if (Aggregation == UsageAggregation.Count)
        {
            return 1;
        }

        var scaled = value * UnitFactor;
        for (var i = Math.Abs(Exponent); i > 0; i--)
        {
            scaled = Exponent < 0 ? scaled * 10m : scaled / 10m;
        }

        return scaled >= 0 && scaled <= MostPerEvent && decimal.Truncate(scaled) == scaled
            ? (long)scaled
            : throw new OverflowException($"an event of {EventType} cannot have the value {value}");
    }
}
