using NodaTime;
using UsageBilling.Metering.Analytics;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Analytics;

public class AnalyticsTests
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    private static readonly System.Collections.Immutable.ImmutableHashSet<LocalDate> NoHolidays = [];

    internal static LoadProfile Profile(LocalDate from, LocalDate to, Func<LocalDateTime, int, long?> quantity, int minutes = 60, Quantity of = Quantity.ActiveEnergy, DateTimeZone? zone = null)
    {
        var period = new LocalPeriod(from, to, zone ?? Berlin);
        var count = (int)((period.End - period.Start).TotalMinutes / minutes);
        var quantities = new long[count];
        var qualities = new byte[count];
        for (var i = 0; i < count; i++)
        {
            var at = (period.Start + Duration.FromMinutes(i * minutes)).InZone(period.Zone).LocalDateTime;
            (quantities[i], qualities[i]) = quantity(at, i) is { } known ? (known, (byte)IntervalQuality.Measured) : (0, (byte)IntervalQuality.Missing);
        }

        return new LoadProfile(new Measurand(of, Direction.Import), of == Quantity.WaterVolume ? -3 : 0, period.Start, minutes, quantities, qualities);
    }

    [Fact]
    public void Base_load_peak_and_load_factor_are_those_of_the_known_intervals()
    {
        // 24 quarter-hours of 100..2400 Wh without the 500 one: 5th percentile by nearest rank of 23 is the 2nd, 200 Wh a quarter = 800 W.
        var profile = Profile(new(2026, 11, 2), new(2026, 11, 3), (_, i) => i >= 24 ? null : i == 4 ? null : (i + 1) * 100, minutes: 15);
        var figures = LoadFigures.Of(profile);
        Assert.Equal(30000 - 500, figures.Total);
        Assert.Equal((23, 73), (figures.Known, figures.Missing));
        Assert.Equal(800m, figures.BaseLoad);
        Assert.Equal(9600m, figures.Peak);
        Assert.Equal(profile.Start + Duration.FromMinutes(23 * 15), figures.PeakAt);
        Assert.Equal(29500m / 23m / 2400m, figures.LoadFactor);
    }

    [Fact]
    public void Where_nothing_is_known_there_are_no_figures_and_where_nothing_flows_there_is_no_load_factor()
    {
        Assert.Equal(new LoadFigures(0, 0, 24, null, null, null, null), LoadFigures.Of(Profile(new(2026, 11, 2), new(2026, 11, 3), (_, _) => null)));
        var still = LoadFigures.Of(Profile(new(2026, 11, 2), new(2026, 11, 3), (_, _) => 0));
        Assert.Equal(0m, still.Peak);
        Assert.Null(still.LoadFactor);
    }

    [Fact]
    public void The_first_of_equal_peaks_is_named() =>
        Assert.Equal(LocalPeriod.StartOfDay(new(2026, 11, 2), Berlin) + Duration.FromHours(3), LoadFigures.Of(Profile(new(2026, 11, 2), new(2026, 11, 3), (at, _) => at.Hour is 3 or 9 ? 50 : 10)).PeakAt);

    [Theory]
    [InlineData("2026-11-01T00:00", "2026-10-01T00:00")]
    [InlineData("2026-11-10T12:15", "2026-10-10T12:15")]
    [InlineData("2026-10-25T12:00", "2026-09-25T12:00")] // 25 hours of a day so far against 24: the same local moment
    [InlineData("2026-03-31T06:00", "2026-03-01T00:00")] // February has no 31st: it ends with itself
    public void Comparison_is_with_the_same_elapsed_part_of_the_local_calendar(string now, string expected)
    {
        var local = NodaTime.Text.LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm").Parse(now).Value;
        var month = new LocalDate(local.Year, local.Month, 1);
        var current = new LocalPeriod(month, month.PlusMonths(1), Berlin);
        var earlier = new LocalPeriod(month.PlusMonths(-1), month, Berlin);
        var elapsed = ElapsedPeriod.Of(current, earlier, local.InZoneLeniently(Berlin).ToInstant());
        Assert.Equal(earlier.Start, elapsed.Start);
        Assert.Equal(expected, elapsed.End.InZone(Berlin).LocalDateTime.ToString("uuuu-MM-dd'T'HH:mm", System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Before_it_begins_nothing_has_elapsed_and_after_its_end_all_has()
    {
        var current = new LocalPeriod(new(2026, 11, 1), new(2026, 12, 1), Berlin);
        var earlier = new LocalPeriod(new(2026, 10, 1), new(2026, 11, 1), Berlin);
        Assert.Equal(Duration.Zero, ElapsedPeriod.Of(current, earlier, current.Start).Duration);
        Assert.Equal(new Interval(earlier.Start, earlier.End), ElapsedPeriod.Of(current, earlier, current.End));
    }

    [Fact]
    public void A_forecast_keeps_what_is_known_and_fills_the_rest_by_kind_of_day_and_local_time()
    {
        // Working days 100 an hour, weekends 10; at 08:00 on working days 500. October has the 25-hour day, the forecast month none.
        static long Usual(LocalDateTime at) => at.DayOfWeek is IsoDayOfWeek.Saturday or IsoDayOfWeek.Sunday ? 10 : at.Hour == 8 ? 500 : 100;
        var november = new LocalPeriod(new(2026, 11, 1), new(2026, 12, 1), Berlin);
        var until = LocalPeriod.StartOfDay(new(2026, 11, 11), Berlin);
        var history = Profile(new(2026, 10, 4), new(2026, 12, 1), (at, _) =>
            at.Date >= new LocalDate(2026, 11, 11) ? null : at.Date == new LocalDate(2026, 11, 5) ? (at.Hour == 3 ? null : 7) : Usual(at));
        var forecast = ForecastProfile.Of(history, november, until, NoHolidays)!;
        Assert.Equal(november.Start, forecast.Start);
        Assert.Equal(30 * 24, forecast.Length);
        Assert.Equal(7, forecast.Quantities.Span[(4 * 24) + 4]); // known, however unusual
        Assert.Equal((byte)IntervalQuality.Measured, forecast.Qualities.Span[(4 * 24) + 4]);
        Assert.Equal((byte)IntervalQuality.Estimated, forecast.Qualities.Span[(4 * 24) + 3]);
        Assert.Equal(100, forecast.Quantities.Span[(4 * 24) + 3]);
        Assert.Equal(10, forecast.Quantities.Span[(13 * 24) + 8]); // Saturday the 14th
        // Working days: 27 known at 08:00, one of them 7 instead of 500.
        Assert.Equal(decimal.Round(((26 * 500m) + 7) / 27, 0, MidpointRounding.AwayFromZero), forecast.Quantities.Span[(15 * 24) + 8]);
    }

    [Fact]
    public void A_holiday_is_expected_like_a_sunday_and_is_no_example_of_a_working_day()
    {
        // 25 December 2026 is a Friday; 8 December, a Tuesday, was a holiday too, and quiet.
        var december = new LocalPeriod(new(2026, 12, 1), new(2027, 1, 1), Berlin);
        var until = LocalPeriod.StartOfDay(new(2026, 12, 21), Berlin);
        var history = Profile(new(2026, 11, 29), new(2027, 1, 1), (at, _) =>
            at.Date >= new LocalDate(2026, 12, 21) ? null : at.Date == new LocalDate(2026, 12, 8) || at.DayOfWeek == IsoDayOfWeek.Sunday ? 10 : at.DayOfWeek == IsoDayOfWeek.Saturday ? 50 : 100);
        long At(int day, LoadProfile forecast) => forecast.Quantities.Span[((day - 1) * 24) + 12];
        var known = ForecastProfile.Of(history, december, until, new HashSet<LocalDate> { new(2026, 12, 8), new(2026, 12, 25) })!;
        Assert.Equal((100, 10, 100, 50), (At(24, known), At(25, known), At(28, known), At(26, known)));
        var unknown = ForecastProfile.Of(history, december, until, NoHolidays)!;
        Assert.Equal((94, 94), (At(24, unknown), At(25, unknown)));
    }

    [Fact]
    public void Without_any_known_interval_there_is_no_forecast_and_without_the_kind_of_day_another_one_stands_in()
    {
        var week = new LocalPeriod(new(2026, 11, 2), new(2026, 11, 9), Berlin);
        Assert.Null(ForecastProfile.Of(Profile(new(2026, 11, 2), new(2026, 11, 9), (_, _) => null), week, week.End, NoHolidays));
        var monday = Profile(new(2026, 11, 2), new(2026, 11, 3), (at, _) => at.Hour);
        var forecast = ForecastProfile.Of(monday, week, week.End, NoHolidays)!;
        Assert.Equal(23, forecast.Quantities.Span[^1]); // Sunday from Monday
        Assert.Equal(7 * (23 * 24 / 2), forecast.Quantities.ToArray().Sum());
    }

    [Fact]
    public void A_heat_map_gives_the_repeated_hour_a_row_and_the_skipped_one_none()
    {
        var autumn = HeatMap.Of(Profile(new(2026, 10, 24), new(2026, 10, 27), (_, i) => i, minutes: 15), Berlin);
        Assert.Equal([24, 25, 24], autumn.GroupBy(c => c.Day).Select(g => g.Count()));
        var sunday = autumn.Where(c => c.Day == new LocalDate(2026, 10, 25)).ToList();
        Assert.Equal(["02:00+02", "02:00+01"], sunday.Where(c => c.Local.Hour == 2).Select(c => c.Local.ToString("HH:mmo<g>", System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal(Enumerable.Range(0, 25), sunday.Select(c => c.Row));
        Assert.Equal(autumn.Sum(c => c.Quantity), Enumerable.Range(0, 73 * 4).Sum());
        var spring = HeatMap.Of(Profile(new(2026, 3, 29), new(2026, 3, 30), (_, _) => 1, minutes: 15), Berlin);
        Assert.Equal(23, spring.Count);
        Assert.DoesNotContain(spring, c => c.Local.Hour == 2);
    }

    [Fact]
    public void An_hour_of_which_nothing_is_known_has_no_quantity()
    {
        var cells = HeatMap.Of(Profile(new(2026, 11, 2), new(2026, 11, 3), (at, _) => at.Hour == 5 ? null : at is { Hour: 6, Minute: 0 } ? null : 3, minutes: 30), Berlin);
        Assert.Equal((null, 0, 2), (cells[5].Quantity, cells[5].Known, cells[5].Missing));
        Assert.Equal((3L, 1, 1), (cells[6].Quantity!.Value, cells[6].Known, cells[6].Missing));
    }
}
