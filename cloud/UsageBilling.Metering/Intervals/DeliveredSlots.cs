using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Intervals;

/// <summary>What somebody delivered of one UTC day; a missing slot was not delivered.</summary>
/// <param name="Intervals">The day as delivered.</param>
/// <param name="StatedAt">When the source stated it: the update time it names, else the receipt.</param>
public sealed record DeliveredIntervals(IntervalDay Intervals, Instant StatedAt);

/// <summary>A quantity over [<paramref name="From"/>, <paramref name="To"/>) whose course in time is not known.</summary>
/// <param name="From">First instant, any.</param>
/// <param name="To">First instant after, later than <paramref name="From"/>.</param>
/// <param name="Quantity">Channel units.</param>
/// <param name="Quality">As delivered; its parts are never better than <see cref="IntervalQuality.Interpolated"/>.</param>
/// <param name="StatedAt">When the source stated it.</param>
public sealed record DeliveredQuantity(Instant From, Instant To, long Quantity, IntervalQuality Quality, Instant StatedAt);

/// <summary>
/// From everything delivered for a UTC day to its intervals. A function of the set of statements: their order, and how often each came, do not matter.
/// In each slot the better quality wins, then the later statement, then the larger quantity.
/// </summary>
public static class DeliveredSlots
{
    /// <summary>The grid of a day of which only totals are known: it divides every offset that a zone has today.</summary>
    public const int TotalsMinutes = 15;

    /// <summary>
    /// The intervals of a day; null when nothing of it was delivered. Its grid is that of the latest statement, the finer one of two as late; statements on
    /// another grid are summed or cut to it (see <see cref="AdvanceSpan"/>), a cut part being <see cref="IntervalQuality.Interpolated"/> at best.
    /// Totals are cut in the same way, where several cover an instant the best by quality, then statement, then the shorter one.
    /// </summary>
    public static IntervalDay? Merge(LocalDate day, IReadOnlyCollection<DeliveredIntervals> statements, IReadOnlyCollection<DeliveredQuantity> totals)
    {
        var start = UtcDay.StartOf(day).ToUnixTimeMilliseconds();
        var touching = totals.Where(t => t.From.ToUnixTimeMilliseconds() < start + NodaConstants.MillisecondsPerDay && t.To.ToUnixTimeMilliseconds() > start).ToArray();
        if (statements.Count == 0 && touching.Length == 0)
        {
            return null;
        }

        var minutes = statements.Count == 0
            ? TotalsMinutes
            : statements.OrderByDescending(s => s.StatedAt).ThenBy(s => s.Intervals.IntervalMinutes).First().Intervals.IntervalMinutes;
        var best = new Candidate[IntervalDay.SlotsOf(minutes)];
        foreach (var statement in statements)
        {
            Take(best, OnGrid(statement.Intervals, minutes), statement.StatedAt);
        }

        if (touching.Length > 0)
        {
            Take(best, Spread(start, minutes, touching), Instant.MinValue);
        }

        return new IntervalDay(minutes, [.. best.Select(b => b.Quantity)], [.. best.Select(b => b.Quality)]);
    }

    /// <summary>
    /// A day on another grid, its sum unchanged: slots that fit whole are summed, others cut in proportion to time. A slot of which a part is missing is
    /// missing, with what is known of it.
    /// </summary>
    public static IntervalDay OnGrid(IntervalDay day, int intervalMinutes)
    {
        if (day.IntervalMinutes == intervalMinutes)
        {
            return day;
        }

        var cells = new SpanCells(0, intervalMinutes);
        var step = day.IntervalMinutes * 60_000L;
        for (var slot = 0; slot < day.Slots; slot++)
        {
            if (day.Qualities[slot] != (byte)IntervalQuality.Missing)
            {
                cells.Add(new AdvanceSpan(slot * step, (slot + 1) * step, day.Quantities[slot], true), slot * step, (slot + 1) * step, (IntervalQuality)day.Qualities[slot]);
            }
        }

        return cells.ToDay();
    }

    private static void Take(Candidate[] best, IntervalDay day, Instant statedAt)
    {
        for (var slot = 0; slot < best.Length; slot++)
        {
            var offered = new Candidate(day.Quantities[slot], day.Qualities[slot], statedAt);
            if (offered.IsBetterThan(best[slot]))
            {
                best[slot] = offered;
            }
        }
    }

    /// <summary>Between two ends of totals the same one is best: each such stretch is cut out of its total, so that neighbours which share a slot add up in it.</summary>
    private static IntervalDay Spread(long start, int minutes, DeliveredQuantity[] totals)
    {
        var end = start + NodaConstants.MillisecondsPerDay;
        var ends = totals.SelectMany(t => new[] { t.From.ToUnixTimeMilliseconds(), t.To.ToUnixTimeMilliseconds() })
            .Append(start).Append(end).Where(e => e >= start && e <= end).Distinct().Order().ToArray();
        var ranked = totals
            .OrderByDescending(t => t.Quality).ThenByDescending(t => t.StatedAt).ThenBy(t => t.To - t.From).ThenByDescending(t => t.Quantity).ThenBy(t => t.From)
            .Select(t => (Span: new AdvanceSpan(t.From.ToUnixTimeMilliseconds(), t.To.ToUnixTimeMilliseconds(), t.Quantity, true), t.Quality)).ToArray();
        var cells = new SpanCells(start, minutes);
        for (var i = 0; i + 1 < ends.Length; i++)
        {
            var (from, to) = (ends[i], ends[i + 1]);
            foreach (var (span, quality) in ranked)
            {
                if (span.FromMs <= from && span.ToMs >= to)
                {
                    cells.Add(span, from, to, quality);
                    break;
                }
            }
        }

        return cells.ToDay();
    }

    private readonly record struct Candidate(long Quantity, byte Quality, Instant StatedAt)
    {
        // Of a slot that is known in part, more is better, whoever says it.
        public bool IsBetterThan(Candidate other) =>
            Quality != other.Quality ? Quality > other.Quality
            : Quality == (byte)IntervalQuality.Missing ? (Int128.Abs(Quantity), Quantity).CompareTo((Int128.Abs(other.Quantity), other.Quantity)) > 0
            : StatedAt != other.StatedAt ? StatedAt > other.StatedAt
            : Quantity > other.Quantity;
    }
}
