using NodaTime;

namespace UsageBilling.Metering.Calendars;

/// <summary>
/// Local dates [<see cref="From"/>, <see cref="To"/>) in a zone. Its instants run from the first instant of the day
/// <see cref="From"/> to the first instant of <see cref="To"/>; where a zone skipped a whole day (Apia, 2011-12-30)
/// that day has no instants.
/// </summary>
public readonly record struct LocalPeriod
{
    /// <summary>Makes a period of at least one day.</summary>
    /// <exception cref="ArgumentException"><paramref name="to"/> is not after <paramref name="from"/>.</exception>
    public LocalPeriod(LocalDate from, LocalDate to, DateTimeZone zone)
    {
        if (to <= from)
        {
            throw new ArgumentException($"a period ends after it begins, {to:uuuu-MM-dd} is not after {from:uuuu-MM-dd}", nameof(to));
        }

        From = from;
        To = to;
        Zone = zone;
    }

    /// <summary>First day.</summary>
    public LocalDate From { get; }

    /// <summary>The day after the last.</summary>
    public LocalDate To { get; }

    /// <summary>The service point's zone.</summary>
    public DateTimeZone Zone { get; }

    /// <summary>First instant.</summary>
    public Instant Start => StartOfDay(From, Zone);

    /// <summary>First instant after the period.</summary>
    public Instant End => StartOfDay(To, Zone);

    /// <summary>Calendar days, whatever their lengths.</summary>
    public int Days => Period.DaysBetween(From, To);

    /// <summary>The first instant of a local day; for a day that does not exist, the instant at which it was skipped.</summary>
    public static Instant StartOfDay(LocalDate date, DateTimeZone zone) =>
        zone.ResolveLocal(date.AtMidnight(), mapping => mapping.Count switch
        {
            0 => mapping.LateInterval.Start.InZone(zone),
            _ => mapping.First(),
        }).ToInstant();
}
