using System.Globalization;
using NodaTime;
using NodaTime.TimeZones;

namespace UsageBilling.Metering.Formats;

/// <summary>A zone's offset and daylight saving rules in a year, as ESPI's <c>LocalTimeParameters</c> states them.</summary>
/// <param name="TzOffset">Seconds of standard time from UTC.</param>
/// <param name="DstOffset">Seconds that daylight saving time adds; 0 where there is none.</param>
/// <param name="StartRule">Eight hexadecimal digits; FFFFFFFF where there is none.</param>
/// <param name="EndRule">The same for its end.</param>
internal sealed record EspiRules(int TzOffset, int DstOffset, string StartRule, string EndRule)
{
    private const string Never = "FFFFFFFF";

    /// <summary>The rules that hold in the year of an instant. Where a zone changes otherwise than once forth and once back, its standard time alone.</summary>
    public static EspiRules Of(DateTimeZone zone, Instant at)
    {
        var standard = zone.GetZoneInterval(at).StandardOffset.Seconds;
        var year = at.InZone(zone).Year;
        var changes = Changes(zone, year);
        var next = Changes(zone, year + 1);
        if (changes.Count != 2 || next.Count != 2 || changes[0].Savings == changes[1].Savings)
        {
            return new EspiRules(standard, 0, Never, Never);
        }

        var (begins, ends) = changes[0].Savings == Offset.Zero ? (1, 0) : (0, 1);
        return new EspiRules(standard, changes[begins].Savings.Seconds, Rule(zone, changes[begins], next[begins]), Rule(zone, changes[ends], next[ends]));
    }

    private static List<ZoneInterval> Changes(DateTimeZone zone, int year) =>
        [.. zone.GetZoneIntervals(zone.AtStartOfDay(new LocalDate(year, 1, 1)).ToInstant(), zone.AtStartOfDay(new LocalDate(year + 1, 1, 1)).ToInstant()).Skip(1)];

    // The clock as it stood before the change; the weekday's number in its month, or the last one, is what both years agree on.
    private static string Rule(DateTimeZone zone, ZoneInterval change, ZoneInterval next)
    {
        var (local, other) = (Before(zone, change.Start), Before(zone, next.Start));
        var last = IsLast(local.Date) && IsLast(other.Date);
        var how = last ? 7 : 2 + ((local.Day - 1) / 7);
        var rule = ((uint)local.Month << 28) | ((uint)how << 25) | ((uint)local.DayOfWeek << 17) | ((uint)local.Hour << 12) | (uint)((local.Minute * 60) + local.Second);
        return rule.ToString("X8", CultureInfo.InvariantCulture);
    }

    private static LocalDateTime Before(DateTimeZone zone, Instant change) => change.WithOffset(zone.GetUtcOffset(change - Duration.Epsilon)).LocalDateTime;

    private static bool IsLast(LocalDate date) => date.PlusDays(7).Month != date.Month;
}
