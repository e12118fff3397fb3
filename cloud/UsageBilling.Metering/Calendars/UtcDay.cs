using NodaTime;

namespace UsageBilling.Metering.Calendars;

/// <summary>UTC days as dates and as numbers since 1970-01-01.</summary>
public static class UtcDay
{
    private static readonly LocalDate Epoch = new(1970, 1, 1);

    /// <summary>The UTC day that an instant lies in.</summary>
    public static LocalDate Of(Instant at) => at.InUtc().Date;

    /// <summary>First instant of a UTC day.</summary>
    public static Instant StartOf(LocalDate day) => Instant.FromUtc(day.Year, day.Month, day.Day, 0, 0);

    /// <summary>Days since 1970-01-01.</summary>
    public static int NumberOf(LocalDate day) => Period.DaysBetween(Epoch, day);

    /// <summary>The date of a number of days since 1970-01-01.</summary>
    public static LocalDate FromNumber(int number) => Epoch.PlusDays(number);
}
