using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Events;

/// <summary>An event as it is kept.</summary>
public readonly record struct StoredEvent(string Source, string Id, Instant At, decimal Value);

/// <summary>The intervals of one UTC day out of the events that are kept of it. A function of the set of events: no order of arrival shows.</summary>
public static class EventDay
{
    /// <summary>
    /// Aggregates slot by slot. A slot with events is measured. One without is zero and measured where the definition says that nothing means not used, and
    /// the day is closed or a later slot of it has events; otherwise it is missing.
    /// </summary>
    /// <param name="definition">How.</param>
    /// <param name="day">The UTC day.</param>
    /// <param name="events">All events kept of the day, in any order, each once.</param>
    /// <param name="closed">Whether the day has ended for this channel.</param>
    /// <exception cref="OverflowException">A slot's sum leaves the range of 64 bits.</exception>
    public static IntervalDay Compute(UsageDefinition definition, LocalDate day, IEnumerable<StoredEvent> events, bool closed)
    {
        var slots = IntervalDay.SlotsOf(definition.IntervalMinutes);
        var quantities = new long[slots];
        var qualities = new byte[slots];
        var latest = new StoredEvent[slots];
        var start = UtcDay.StartOf(day).ToUnixTimeTicks();
        var step = definition.IntervalMinutes * NodaConstants.TicksPerMinute;
        var last = -1;
        foreach (var e in events)
        {
            var slot = (e.At.ToUnixTimeTicks() - start) / step;
            if (slot < 0 || slot >= slots)
            {
                throw new ArgumentException($"event {e.Id} of {e.Source} at {e.At} is not of {day:uuuu-MM-dd}", nameof(events));
            }

            Add(definition, (int)slot, e, quantities, qualities, latest);
            last = Math.Max(last, (int)slot);
        }

        if (definition.ZeroWhereNothing)
        {
            qualities.AsSpan(0, closed ? slots : last + 1).Fill((byte)IntervalQuality.Measured);
        }

        return new IntervalDay(definition.IntervalMinutes, quantities, qualities);
    }

    private static void Add(UsageDefinition definition, int slot, StoredEvent e, long[] quantities, byte[] qualities, StoredEvent[] latest)
    {
        var first = qualities[slot] == (byte)IntervalQuality.Missing;
        var value = definition.Scaled(e.Value);
        quantities[slot] = definition.Aggregation switch
        {
            UsageAggregation.Sum or UsageAggregation.Count => value <= long.MaxValue - quantities[slot] ? quantities[slot] + value : throw new OverflowException(
                $"the sum of slot {slot} leaves 64 bits at event {e.Id} of {e.Source}: register a type with a larger exponent"),
            UsageAggregation.Max => first ? value : Math.Max(quantities[slot], value),
            _ => first || IsLater(e, latest[slot]) ? value : quantities[slot],
        };
        if (first || IsLater(e, latest[slot]))
        {
            latest[slot] = e;
        }

        qualities[slot] = (byte)IntervalQuality.Measured;
    }

    private static bool IsLater(in StoredEvent a, in StoredEvent b)
    {
        var order = a.At.CompareTo(b.At);
        order = order != 0 ? order : string.CompareOrdinal(a.Source, b.Source);
        return (order != 0 ? order : string.CompareOrdinal(a.Id, b.Id)) > 0;
    }
}
