using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Intervals;

/// <summary>A quantity over [<paramref name="From"/>, <paramref name="From"/> + <paramref name="Length"/>) as a source states it.</summary>
/// <param name="From">First instant.</param>
/// <param name="Length">Up to 60 minutes.</param>
/// <param name="Quantity">Channel units.</param>
/// <param name="Quality">Not <see cref="IntervalQuality.Missing"/>.</param>
public readonly record struct StatedInterval(Instant From, Duration Length, long Quantity, IntervalQuality Quality)
{
    /// <summary>First instant after.</summary>
    public Instant To => From + Length;
}

/// <summary>Lays intervals of any start and length on the UTC grid that days are kept in; sums stay the same to the unit.</summary>
public static class GridAlignment
{
    private static readonly int[] Lengths = [60, 30, 15, 10, 5];

    /// <summary>
    /// UTC days of intervals in order of time without overlaps. A day's grid is the largest of 60, 30, 15, 10 and 5 minutes that divides the start and length of
    /// every interval on it, and 5 where none does. An interval of whole five minutes that begins between two of them is moved to the earlier, flagged
    /// <see cref="IntervalQuality.Interpolated"/>. An interval longer than the grid is cut by cumulative rounding, so that each part differs from its share by less
    /// than a unit and they sum exactly; its parts are <see cref="IntervalQuality.Interpolated"/> at best. Shorter ones are summed, as they are.
    /// </summary>
    /// <exception cref="ArgumentException">An interval is empty, longer than 60 minutes, begins before the one before it ends, or is missing.</exception>
    public static IEnumerable<(LocalDate Day, IntervalDay Intervals)> Days(IEnumerable<StatedInterval> intervals)
    {
        List<StatedInterval> open = [];
        LocalDate? day = null;
        var end = Instant.MinValue;
        foreach (var stated in intervals)
        {
            Check(stated, end);
            end = stated.To;
            var interval = OnFive(stated);
            var first = UtcDay.Of(interval.From);
            if (day is { } current && first > current)
            {
                yield return (current, Lay(current, open));
                open.RemoveAll(i => i.To <= UtcDay.StartOf(current.PlusDays(1)));
                if (open.Count > 0 && first > current.PlusDays(1))
                {
                    yield return (current.PlusDays(1), Lay(current.PlusDays(1), open));
                    open.Clear();
                }
            }

            day = first;
            open.Add(interval);
        }

        if (day is { } last)
        {
            yield return (last, Lay(last, open));
            if (open[^1].To > UtcDay.StartOf(last.PlusDays(1)))
            {
                yield return (last.PlusDays(1), Lay(last.PlusDays(1), [open[^1]]));
            }
        }
    }

    /// <summary>A clock that is some seconds late, or boundaries at seven past: the interval is taken to the five minutes that it begins in, whole, so that what follows joins it without a seam.</summary>
    private static StatedInterval OnFive(StatedInterval interval)
    {
        const long Five = 5 * NodaConstants.TicksPerMinute;
        var past = interval.From.ToUnixTimeTicks() % Five;
        return past == 0 || interval.Length.BclCompatibleTicks % Five != 0
            ? interval
            : interval with
            {
                From = interval.From - Duration.FromTicks(past < 0 ? past + Five : past),
                Quality = (IntervalQuality)Math.Min((byte)interval.Quality, (byte)IntervalQuality.Interpolated),
            };
    }

    private static IntervalDay Lay(LocalDate day, List<StatedInterval> intervals)
    {
        var cells = new SpanCells(UtcDay.StartOf(day).ToUnixTimeMilliseconds(), Grid(intervals));
        foreach (var interval in intervals)
        {
            var (from, to) = (interval.From.ToUnixTimeMilliseconds(), interval.To.ToUnixTimeMilliseconds());
            cells.Add(new AdvanceSpan(from, to, interval.Quantity, true), from, to, interval.Quality);
        }

        return cells.ToDay();
    }

    private static int Grid(List<StatedInterval> intervals)
    {
        foreach (var minutes in Lengths)
        {
            var step = minutes * NodaConstants.TicksPerMinute;
            if (intervals.TrueForAll(i => i.From.ToUnixTimeTicks() % step == 0 && i.Length.BclCompatibleTicks % step == 0))
            {
                return minutes;
            }
        }

        return 5;
    }

    private static void Check(StatedInterval interval, Instant end)
    {
        if (interval.Length <= Duration.Zero || interval.Length > Duration.FromHours(1))
        {
            throw new ArgumentException($"interval at {interval.From}: {interval.Length.TotalMinutes} minutes; an interval has up to 60, more is a total");
        }

        if (interval.From < end)
        {
            throw new ArgumentException($"interval at {interval.From} begins before the one before it ends, at {end}");
        }

        if (interval.Quality == IntervalQuality.Missing)
        {
            throw new ArgumentException($"interval at {interval.From} is missing: leave it out");
        }
    }
}
