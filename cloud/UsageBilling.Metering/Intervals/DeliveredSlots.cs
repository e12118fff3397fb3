using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Intervals;

/// <summary>What kind of statement a delivery is. Stored: values never change meaning.</summary>
public enum StatementKind : byte
{
    /// <summary>Values of a source that names no time of change (CSV, Green Button): dated by their receipt.</summary>
    Receipt = 1,

    /// <summary>Values dated by their source's own time of change (NEM12's UpdateDateTime): a version.</summary>
    Version = 2,

    /// <summary>A version that says that there is no value (NEM12's quality N): slots that are not missing in it are withdrawn; their quantities say nothing.</summary>
    Withdrawal = 3,
}

/// <summary>What somebody delivered of one UTC day; a missing slot was not delivered.</summary>
/// <param name="Intervals">The day as delivered.</param>
/// <param name="StatedAt">When the source stated it: the update time it names, else the receipt.</param>
/// <param name="Kind">Whether that time is the source's own.</param>
/// <param name="Meter">The meter's serial as the source writes it, or empty: a withdrawal speaks of its own meter only.</param>
public sealed record DeliveredIntervals(IntervalDay Intervals, Instant StatedAt, StatementKind Kind = StatementKind.Receipt, string Meter = "");

/// <summary>A quantity over [<paramref name="From"/>, <paramref name="To"/>) whose course in time is not known.</summary>
/// <param name="From">First instant, any.</param>
/// <param name="To">First instant after, later than <paramref name="From"/>.</param>
/// <param name="Quantity">Channel units.</param>
/// <param name="Quality">As delivered; its parts are never better than <see cref="IntervalQuality.Interpolated"/>. A version that is missing withdraws earlier totals of the same span.</param>
/// <param name="StatedAt">When the source stated it.</param>
/// <param name="Versioned">That time is the source's own.</param>
public sealed record DeliveredQuantity(Instant From, Instant To, long Quantity, IntervalQuality Quality, Instant StatedAt, bool Versioned = false);

/// <summary>
/// From everything delivered for a UTC day to its intervals. A function of the set of statements: their order, and how often each came, do not matter.
/// In each slot the source's latest version stands, whatever its quality: the source is the editor. Without versions the better quality stands, then the
/// later receipt, then the larger quantity. A version that says that there is no value takes back earlier versions of the same meter (AEMO, MDFF: UpdateDateTime, quality N).
/// </summary>
public static class DeliveredSlots
{
    /// <summary>The grid of a day of which only totals are known: it divides every offset that a zone has today.</summary>
    public const int TotalsMinutes = 15;

    /// <summary>
    /// The intervals of a day; null when nothing of it was delivered. Its grid is that of the latest version, else of the latest receipt, the finer one of two as late;
    /// statements on another grid are summed or cut to it (see <see cref="AdvanceSpan"/>), a cut part being <see cref="IntervalQuality.Interpolated"/> at best.
    /// Totals are cut in the same way, where several cover an instant the latest version, else the best by quality, then receipt, then the shorter one. A total
    /// does not stand before a version of intervals.
    /// </summary>
    public static IntervalDay? Merge(LocalDate day, IReadOnlyCollection<DeliveredIntervals> statements, IReadOnlyCollection<DeliveredQuantity> totals)
    {
        var start = UtcDay.StartOf(day).ToUnixTimeMilliseconds();
        var touching = totals.Where(t => t.From.ToUnixTimeMilliseconds() < start + NodaConstants.MillisecondsPerDay && t.To.ToUnixTimeMilliseconds() > start).ToArray();
        if (touching.Length == 0 && statements.All(s => s.Kind == StatementKind.Withdrawal))
        {
            return null;
        }

        var minutes = GridOf(statements);
        var best = Standing(statements, minutes);
        if (touching.Length > 0)
        {
            Take(best, Spread(start, minutes, touching), StatementKind.Receipt, Instant.MinValue);
        }

        return new IntervalDay(minutes, [.. best.Select(b => b.Quantity)], [.. best.Select(b => b.Quality)]);
    }

    internal static int GridOf(IReadOnlyCollection<DeliveredIntervals> statements) => statements
        .Where(s => s.Kind != StatementKind.Withdrawal)
        .OrderByDescending(s => s.Kind).ThenByDescending(s => s.StatedAt).ThenBy(s => s.Intervals.IntervalMinutes)
        .FirstOrDefault()?.Intervals.IntervalMinutes ?? TotalsMinutes;

    /// <summary>What stands in each slot, without totals.</summary>
    internal static SlotStatement[] Standing(IReadOnlyCollection<DeliveredIntervals> statements, int minutes)
    {
        var best = new SlotStatement[IntervalDay.SlotsOf(minutes)];
        foreach (var meter in statements.GroupBy(s => s.Kind == StatementKind.Receipt ? null : s.Meter))
        {
            var own = new SlotStatement[best.Length];
            foreach (var statement in meter)
            {
                Take(own, OnGrid(statement.Intervals, minutes), statement.Kind, statement.StatedAt);
            }

            for (var slot = 0; slot < best.Length; slot++)
            {
                if (!own[slot].IsWithdrawn && own[slot].IsBetterThan(best[slot]))
                {
                    best[slot] = own[slot];
                }
            }
        }

        return best;
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

    private static void Take(SlotStatement[] best, IntervalDay day, StatementKind kind, Instant statedAt)
    {
        for (var slot = 0; slot < best.Length; slot++)
        {
            var offered = SlotStatement.Of(day, slot, kind, statedAt);
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
        var ranked = NotWithdrawn(totals)
            .OrderByDescending(t => t.Versioned ? t.StatedAt : Instant.MinValue).ThenByDescending(t => t.Quality).ThenByDescending(t => t.StatedAt).ThenBy(t => t.To - t.From).ThenByDescending(t => t.Quantity).ThenBy(t => t.From)
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

    // A null says of the span that it names, and of no other, that what was said before does not hold.
    private static IEnumerable<DeliveredQuantity> NotWithdrawn(DeliveredQuantity[] totals) => totals.GroupBy(t => (t.From, t.To)).SelectMany(span =>
    {
        var withdrawn = span.Where(t => t.Quality == IntervalQuality.Missing).Select(t => t.StatedAt).DefaultIfEmpty(Instant.MinValue).Max();
        return span.Where(t => t.Quality != IntervalQuality.Missing && (!t.Versioned || t.StatedAt >= withdrawn));
    });
}
