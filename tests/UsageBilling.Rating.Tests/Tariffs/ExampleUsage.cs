using System.Collections.Concurrent;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests.Tariffs;

/// <summary>One March in Berlin (with a day of 23 hours) of made-up usage, the same for every example.</summary>
internal static class ExampleUsage
{
    private static readonly ConcurrentDictionary<long, LoadProfile[]> ByScale = new();

    public static RatedPeriod Bill(Tariff tariff)
    {
        var period = A.Days("2026-03-01", "2026-04-01");
        var scale = tariff.Code.StartsWith("factory", StringComparison.Ordinal) || tariff.Code == "grid-capacity" ? 40 : tariff.Code.StartsWith("shop", StringComparison.Ordinal) ? 12 : 1;
        var input = A.Input(tariff, period, ByScale.GetOrAdd(scale, _ =>
        [
            Wattage(period, "import", scale),
            A.Profile(period, "export", 15, at => at.Hour is >= 9 and < 17 ? 150L + (at.Day * 10L) : 0L),
            Wattage(period, "reactive", 24),
            A.Profile(period, "water", 60, at => at.Hour is 7 or 19 ? 200L + at.Day : 6L, -3),
            A.Profile(period, "gas", 60, at => at.Hour is >= 5 and < 22 ? 310L : 120L, -3),
            A.Profile(period, "count", 60, at => 40L + at.Hour),
            A.Profile(period, "data", 60, at => 300_000_000L + (at.Hour * 10_000_000L)),
        ]));
        return RatingEngine.Rate(
            input with
            {
                Contract = new ContractParameters
                {
                    ContractedKilowatts = 50m,
                    EventDays = new EventDays([("critical", new LocalDate(2026, 3, 4)), ("critical", new LocalDate(2026, 3, 5))]),
                    Opening = RatingState.Empty.With("credit:prepaid", 5m),
                },
                Series = input.Series.Add("day-ahead", new ValueSeries(Enumerable.Range(0, 31 * 24).Select(hour => (period.Start + Duration.FromHours(hour), ((hour % 24) - 6) * 0.01m)))),
            },
            new RatePlans());
    }

    /// <summary>Watt-hours a quarter hour: a base load, a working day, and a few minutes each day that stand out.</summary>
    private static LoadProfile Wattage(LocalPeriod period, string measure, long scale) => A.Profile(period, measure, 15, at =>
        scale * (45L + (at.Hour is >= 7 and < 21 ? 95L : 0L) + (at.DayOfWeek >= IsoDayOfWeek.Saturday ? 15L : 40L) + (at.Hour == 11 && at.Minute == 30 ? at.Day * 7L : 0L)));
}
