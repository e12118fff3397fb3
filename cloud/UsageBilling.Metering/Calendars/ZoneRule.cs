using NodaTime;

namespace UsageBilling.Metering.Calendars;

/// <summary>
/// Which intervals a zone allows. An interval that does not divide every offset straddles local midnight on some day (hourly intervals in
/// Kathmandu, or on Lord Howe's half-hour shifts), and no bill could say to which day it belongs.
/// </summary>
public static class ZoneRule
{
    private static readonly int[] Lengths = [5, 10, 15, 30, 60];

    /// <summary>What is wrong with an interval in a zone over [from, to), in words, or null.</summary>
    public static string? Problem(DateTimeZone zone, int intervalMinutes, Instant from, Instant to)
    {
        foreach (var stretch in zone.GetZoneIntervals(from, to))
        {
            if (stretch.WallOffset.Seconds % (intervalMinutes * 60) != 0)
            {
                return $"{intervalMinutes}-minute intervals do not divide the offset {stretch.WallOffset} that {zone.Id} has "
                    + $"{(stretch.HasStart && stretch.Start > from ? $"from {stretch.Start}" : $"at {from}")}: choose one of {Allowed(zone, from, to)} minutes";
            }
        }

        return null;
    }

    /// <summary>
    /// The longest interval that divides one of <paramref name="intervalMinutes"/> and the offsets that a zone has within some 13 months of a UTC day, so that local days, months and years begin and
    /// end with intervals: 30 for hours in Adelaide. Where none does, what was given.
    /// </summary>
    public static int Longest(DateTimeZone zone, int intervalMinutes, LocalDate day)
    {
        // A whole month sees the same stretch of time, so that its days do not differ.
        var month = UtcDay.StartOf(day.With(DateAdjusters.StartOfMonth));
        var offsets = zone.GetZoneIntervals(month - Duration.FromDays(400), month + Duration.FromDays(431)).Select(s => s.WallOffset.Seconds).Distinct().ToArray();
        return Lengths.Where(minutes => intervalMinutes % minutes == 0 && offsets.All(seconds => seconds % (minutes * 60) == 0)).DefaultIfEmpty(intervalMinutes).Max();
    }

    private static string Allowed(DateTimeZone zone, Instant from, Instant to) =>
        string.Join(", ", Lengths.Where(minutes => zone.GetZoneIntervals(from, to).All(s => s.WallOffset.Seconds % (minutes * 60) == 0)));
}
