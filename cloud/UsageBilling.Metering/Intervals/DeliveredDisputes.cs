using NodaTime;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Metering.Intervals;

/// <summary>An interval of which different values were delivered, where that is more than a better value in place of a worse one.</summary>
/// <param name="From">Its first instant.</param>
/// <param name="Minutes">Its length.</param>
/// <param name="GaveWay">True: a better value, or any value at all, gave way to a later version of its source. False: nothing says that the value that stands is the right one.</param>
public readonly record struct DeliveredDispute(Instant From, int Minutes, bool GaveWay);

/// <summary>What is odd about the statements of a day: a function of their set, as <see cref="DeliveredSlots"/> is.</summary>
public static class DeliveredDisputes
{
    /// <summary>
    /// In order of time. Only statements that lie on the day's grid, or are summed to it, are compared; parts of a cut interval are nobody's statement. No dispute: the
    /// same value; better quality in place of worse; a later version of the same quality or better.
    /// </summary>
    public static IEnumerable<DeliveredDispute> Of(LocalDate day, IReadOnlyCollection<DeliveredIntervals> statements)
    {
        if (statements.Count < 2)
        {
            yield break;
        }

        var minutes = DeliveredSlots.GridOf(statements);
        var standing = DeliveredSlots.Standing(statements, minutes);
        var said = statements.Where(s => minutes % s.Intervals.IntervalMinutes == 0)
            .Select(s => (Statement: s, Day: DeliveredSlots.OnGrid(s.Intervals, minutes))).ToArray();
        for (var slot = 0; slot < standing.Length; slot++)
        {
            var (gaveWay, doubtful) = (false, false);
            foreach (var (statement, intervals) in said)
            {
                var other = SlotStatement.Of(intervals, slot, statement.Kind, statement.StatedAt);
                var (way, doubt) = Compare(standing[slot], other);
                (gaveWay, doubtful) = (gaveWay || way, doubtful || doubt);
            }

            if (gaveWay || doubtful)
            {
                yield return new DeliveredDispute(UtcDay.StartOf(day) + Duration.FromMinutes((long)slot * minutes), minutes, gaveWay);
            }
        }
    }

    private static (bool GaveWay, bool Doubtful) Compare(SlotStatement standing, SlotStatement other)
    {
        if (!other.IsValue || (standing.IsValue && standing.Quantity == other.Quantity))
        {
            return (false, false);
        }

        // Where no value stands although one was delivered, it was withdrawn.
        var gaveWay = !standing.IsValue || (standing.Kind == StatementKind.Version && other.Quality > standing.Quality);
        var asGood = other.Quality == standing.Quality && (standing.Kind == StatementKind.Receipt || (other.Kind == standing.Kind && other.StatedAt == standing.StatedAt));
        var notTaken = other.Kind == StatementKind.Receipt && other.StatedAt > standing.StatedAt;
        return (gaveWay, !gaveWay && (asGood || notTaken));
    }
}
