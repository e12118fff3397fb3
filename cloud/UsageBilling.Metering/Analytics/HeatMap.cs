using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Analytics;

/// <summary>
/// One hour of a local day. <see cref="Row"/> counts the hours of the day as they pass: 0 to 22, 23 or 24, so that the hour that repeats in autumn has a row of its own and the one
/// that spring skips leaves none out. <see cref="Quantity"/> is null where nothing is known of it.
/// </summary>
/// <param name="Day">The local day.</param>
/// <param name="Row">The hour's number within the day.</param>
/// <param name="Local">The local time at which it begins, with its offset.</param>
/// <param name="Quantity">Stored units.</param>
/// <param name="Known">Known intervals in it.</param>
/// <param name="Missing">Missing ones.</param>
public sealed record HeatCell(LocalDate Day, int Row, OffsetDateTime Local, long? Quantity, int Known, int Missing);

/// <summary>Day × time.</summary>
public static class HeatMap
{
    /// <summary>The hours of all local days of a profile, in order.</summary>
    public static IReadOnlyList<HeatCell> Of(LoadProfile profile, DateTimeZone zone)
    {
        var cells = new List<HeatCell>();
        var together = 60 / profile.IntervalMinutes;
        foreach (var (day, from, to) in profile.Days(zone))
        {
            for (var first = from; first < to; first += together)
            {
                var (sum, known, missing) = (0L, 0, 0);
                for (var i = first; i < Math.Min(first + together, to); i++)
                {
                    sum = checked(sum + profile.Quantities.Span[i]);
                    (known, missing) = profile.IsKnown(i) ? (known + 1, missing) : (known, missing + 1);
                }

                cells.Add(new HeatCell(day, (first - from) / together, profile.StartOf(first).InZone(zone).ToOffsetDateTime(), known == 0 ? null : sum, known, missing));
            }
        }

        return cells;
    }
}
