using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Analytics;

/// <summary>How analytics look into a load profile.</summary>
internal static class ProfileSlots
{
    public static bool IsKnown(this LoadProfile profile, int i) => profile.Qualities.IsEmpty || profile.Qualities.Span[i] != (byte)IntervalQuality.Missing;

    public static Instant StartOf(this LoadProfile profile, int i) => profile.Start + Duration.FromMinutes((long)i * profile.IntervalMinutes);

    /// <summary>A quantity of an interval as a rate per hour, in stored units.</summary>
    public static decimal PerHour(this LoadProfile profile, decimal quantity) => quantity * 60m / profile.IntervalMinutes;

    /// <summary>The first interval that begins at or after an instant, within the profile.</summary>
    public static int IndexOf(this LoadProfile profile, Instant at)
    {
        var step = profile.IntervalMinutes * NodaConstants.TicksPerMinute;
        var ticks = (at - profile.Start).BclCompatibleTicks;
        var index = ticks <= 0 ? 0 : (ticks + step - 1) / step;
        return (int)Math.Min(index, profile.Length);
    }

    /// <summary>The intervals [from, to) of local days, cut at the profile's ends.</summary>
    public static IEnumerable<(LocalDate Day, int From, int To)> Days(this LoadProfile profile, DateTimeZone zone)
    {
        if (profile.Length == 0)
        {
            yield break;
        }

        var last = profile.StartOf(profile.Length - 1).InZone(zone).Date;
        for (var day = profile.Start.InZone(zone).Date; day <= last; day = day.PlusDays(1))
        {
            var span = Calendars.LocalDay.Of(day, zone);
            var (from, to) = (profile.IndexOf(span.Start), profile.IndexOf(span.End));
            if (to > from)
            {
                yield return (day, from, to);
            }
        }
    }
}
