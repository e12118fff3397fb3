using NodaTime;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Metering.Analytics;

/// <summary>
/// The part of an earlier period that had elapsed when as many local days and as much of the local day had passed as now: the only fair comparison while a period
/// runs. A longer period is cut, a shorter one ends with itself.
/// </summary>
public static class ElapsedPeriod
{
    /// <summary>The instants of the earlier part.</summary>
    /// <param name="current">The running period.</param>
    /// <param name="earlier">The one to compare with; same zone.</param>
    /// <param name="at">Now, in the current period, on the grid of its intervals; later instants stand for its end.</param>
    /// <returns>Empty (start = end) when nothing has elapsed.</returns>
    public static Interval Of(LocalPeriod current, LocalPeriod earlier, Instant at)
    {
        if (at >= current.End)
        {
            return new(earlier.Start, earlier.End);
        }

        if (at <= current.Start)
        {
            return new(earlier.Start, earlier.Start);
        }

        var local = at.InZone(current.Zone).LocalDateTime;
        var day = earlier.From.PlusDays(Period.DaysBetween(current.From, local.Date));
        if (day >= earlier.To)
        {
            return new(earlier.Start, earlier.End);
        }

        // A local time that the earlier day skipped stands for the instant of the gap; one that it has twice, for the first.
        var end = earlier.Zone.ResolveLocal(day + local.TimeOfDay, mapping => mapping.Count switch
        {
            0 => mapping.LateInterval.Start.InZone(earlier.Zone),
            _ => mapping.First(),
        }).ToInstant();
        return new(earlier.Start, Instant.Max(earlier.Start, Instant.Min(end, earlier.End)));
    }
}
