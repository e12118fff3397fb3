using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Intervals;

/// <summary>
/// The step from registers to intervals. A slot's quantity is the sum of what its registers advanced in it, so sums over slots telescope: over any run
/// of whole days Σ intervals = Σ over installations of (scaled end − scaled start), over rollovers, exchanges and missing boundaries.
/// </summary>
public static class IntervalStep
{
    /// <summary>
    /// The intervals of one UTC day. <see cref="IntervalQuality.Measured"/>: every boundary in the slot was read, or the channel had no register before or after the part that was.
    /// <see cref="IntervalQuality.Interpolated"/>: an advance that crosses a boundary was cut there in proportion to time.
    /// <see cref="IntervalQuality.Missing"/>: for a part of the slot nothing is known; what is known of the rest still counts.
    /// </summary>
    /// <param name="day">The UTC day.</param>
    /// <param name="intervalMinutes">The channel's interval on that day.</param>
    /// <param name="histories">The channel's installations that touch the day, each with the last point before the day and the first after it.</param>
    /// <param name="begins">When the channel's first installation began.</param>
    /// <param name="ends">When its last installation ended; null: it lasts.</param>
    public static IntervalDay Compute(LocalDate day, int intervalMinutes, IReadOnlyList<RegisterHistory> histories, Instant begins, Instant? ends)
    {
        var slots = IntervalDay.SlotsOf(intervalMinutes);
        var start = UtcDay.StartOf(day).ToUnixTimeMilliseconds();
        var cells = new Cells(start, intervalMinutes * 60_000L, new long[slots], new long[slots], new bool[slots]);
        foreach (var history in histories)
        {
            for (var i = Math.Max(1, history.LastAtOrBefore(UtcDay.StartOf(day)) + 1); i < history.Count; i++)
            {
                var span = history.SpanTo(i);
                if (span.FromMs >= cells.End)
                {
                    break;
                }

                if (span.Known)
                {
                    cells.Add(span);
                }
            }
        }

        return new IntervalDay(intervalMinutes, cells.Quantities, cells.Qualities(begins.ToUnixTimeMilliseconds(), ends?.ToUnixTimeMilliseconds() ?? long.MaxValue));
    }

    /// <summary>
    /// The interval of a channel on a day on which registers of several grids feed it: the shortest that each grid divides, so that every boundary of it
    /// lies on every register's grid (10 and 15 minutes give 30).
    /// </summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static int CommonInterval(IEnumerable<int> intervals)
    {
        var common = intervals.ToArray();
        foreach (var candidate in (ReadOnlySpan<int>)[5, 10, 15, 30, 60])
        {
            if (common.Length > 0 && common.All(i => candidate % i == 0))
            {
                return candidate;
            }
        }

        throw new ArgumentException($"no interval is common to {string.Join(", ", common)} minutes", nameof(intervals));
    }

    private sealed record Cells(long Start, long Step, long[] Quantities, long[] Covered, bool[] Cut)
    {
        public long End => Start + (Step * Quantities.Length);

        public void Add(AdvanceSpan span)
        {
            var from = Math.Max(span.FromMs, Start);
            var to = Math.Min(span.ToMs, End);
            while (from < to)
            {
                var slot = (int)((from - Start) / Step);
                var until = Math.Min(to, Start + ((slot + 1) * Step));
                Quantities[slot] = checked(Quantities[slot] + span.AdvanceUntil(until) - span.AdvanceUntil(from));
                Covered[slot] += until - from;
                Cut[slot] |= from != span.FromMs || until != span.ToMs;
                from = until;
            }
        }

        public byte[] Qualities(long begins, long ends)
        {
            var qualities = new byte[Covered.Length];
            for (var slot = 0; slot < qualities.Length; slot++)
            {
                var from = Start + (slot * Step);
                var needed = Math.Min(from + Step, ends) - Math.Max(from, begins);
                var quality = Covered[slot] <= 0 || Covered[slot] < needed ? IntervalQuality.Missing
                    : Cut[slot] ? IntervalQuality.Interpolated
                    : IntervalQuality.Measured;
                qualities[slot] = (byte)quality;
            }

            return qualities;
        }
    }
}
