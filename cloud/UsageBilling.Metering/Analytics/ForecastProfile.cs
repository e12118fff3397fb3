using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Analytics;

/// <summary>
/// A period as it will probably have been. What is known stays; every other interval gets the mean of the known intervals of the history at the same local time on the
/// same kind of day (working day, Saturday, Sunday or holiday), else at the same time on any day, else the mean of all.
/// </summary>
public static class ForecastProfile
{
    /// <summary>Weeks of history before the period that a forecast should be given.</summary>
    public const int WeeksOfHistory = 4;

    /// <summary>The whole period, filled; null where the history holds no known interval.</summary>
    /// <param name="history">Intervals from some weeks before the period on, of the same grid; it reaches to the end of the period or less far.</param>
    /// <param name="period">The period.</param>
    /// <param name="until">Intervals that end after this instant are not taken as known, even where they hold something.</param>
    /// <param name="holidays">Local days on which people live as on a Sunday, in the history and in the period.</param>
    public static LoadProfile? Of(LoadProfile history, LocalPeriod period, Instant until, IReadOnlySet<LocalDate> holidays)
    {
        var means = new Means(history, period.Zone, until, holidays);
        if (means.Nothing)
        {
            return null;
        }

        var step = Duration.FromMinutes(history.IntervalMinutes);
        var count = (int)((period.End - period.Start).BclCompatibleTicks / step.BclCompatibleTicks);
        var quantities = new long[count];
        var qualities = new byte[count];
        for (var i = 0; i < count; i++)
        {
            var at = period.Start + (step * i);
            var known = history.IndexOf(at);
            if (at >= history.Start && known < history.Length && history.StartOf(known) == at && at + step <= until && history.IsKnown(known))
            {
                quantities[i] = history.Quantities.Span[known];
                qualities[i] = history.Qualities.IsEmpty ? (byte)IntervalQuality.Measured : history.Qualities.Span[known];
            }
            else
            {
                quantities[i] = means.At(at);
                qualities[i] = (byte)IntervalQuality.Estimated;
            }
        }

        return new LoadProfile(history.Measurand, history.Exponent, period.Start, history.IntervalMinutes, quantities, qualities);
    }

    private sealed class Means
    {
        private readonly Dictionary<(int Kind, long Time), (decimal Sum, int Count)> byKind = [];
        private readonly Dictionary<long, (decimal Sum, int Count)> byTime = [];
        private readonly DateTimeZone zone;
        private readonly IReadOnlySet<LocalDate> holidays;
        private (decimal Sum, int Count) all;

        public Means(LoadProfile history, DateTimeZone zone, Instant until, IReadOnlySet<LocalDate> holidays)
        {
            (this.zone, this.holidays) = (zone, holidays);
            var step = Duration.FromMinutes(history.IntervalMinutes);
            for (var i = 0; i < history.Length; i++)
            {
                var at = history.StartOf(i);
                if (!history.IsKnown(i) || at + step > until)
                {
                    continue;
                }

                var (kind, time) = Key(at);
                var quantity = history.Quantities.Span[i];
                byKind[(kind, time)] = Add(byKind.GetValueOrDefault((kind, time)), quantity);
                byTime[time] = Add(byTime.GetValueOrDefault(time), quantity);
                all = Add(all, quantity);
            }
        }

        public bool Nothing => all.Count == 0;

        public long At(Instant at)
        {
            var key = Key(at);
            var (sum, count) = byKind.TryGetValue(key, out var kind) ? kind : byTime.TryGetValue(key.Time, out var time) ? time : all;
            return (long)decimal.Round(sum / count, 0, MidpointRounding.AwayFromZero);
        }

        private static (decimal, int) Add((decimal Sum, int Count) mean, long quantity) => (mean.Sum + quantity, mean.Count + 1);

        private (int Kind, long Time) Key(Instant at)
        {
            var local = at.InZone(zone).LocalDateTime;
            var kind = holidays.Contains(local.Date) ? 2 : local.DayOfWeek switch { IsoDayOfWeek.Saturday => 1, IsoDayOfWeek.Sunday => 2, _ => 0 };
            return (kind, local.TimeOfDay.TickOfDay);
        }
    }
}
