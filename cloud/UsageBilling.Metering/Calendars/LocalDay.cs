using NodaTime;

namespace UsageBilling.Metering.Calendars;

/// <summary>
/// Local days as spans of UTC: from the first instant of the date to the first instant of the next. A date that a clock passes twice
/// (St John's, 2010-11-07, left at 00:01 and entered again) begins at its first instant; a date that was skipped has no instants.
/// </summary>
public static class LocalDay
{
    /// <summary>The span of a date; empty for a skipped one.</summary>
    public static Interval Of(LocalDate date, DateTimeZone zone) =>
        new(LocalPeriod.StartOfDay(date, zone), LocalPeriod.StartOfDay(date.PlusDays(1), zone));

    /// <summary>Minutes of a date: 0, 1320, 1380, 1410, 1425, 1440, 1470, 1500…</summary>
    public static int Minutes(LocalDate date, DateTimeZone zone) => checked((int)(Of(date, zone).Duration.ToInt64Nanoseconds() / (60 * NodaConstants.NanosecondsPerSecond)));

    /// <summary>Intervals of a date.</summary>
    /// <exception cref="ArgumentException">The interval does not divide the day: refuse it by <see cref="ZoneRule"/> at configuration.</exception>
    public static int Intervals(LocalDate date, DateTimeZone zone, int intervalMinutes)
    {
        var minutes = Minutes(date, zone);
        return minutes % intervalMinutes == 0
            ? minutes / intervalMinutes
            : throw new ArgumentException($"{date:uuuu-MM-dd} in {zone.Id} has {minutes} minutes, which {intervalMinutes}-minute intervals do not fill", nameof(intervalMinutes));
    }
}
