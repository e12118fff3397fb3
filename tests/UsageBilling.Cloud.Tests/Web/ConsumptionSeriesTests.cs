using NodaTime;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Web;

/// <summary>What a chart of consumption shows: local days as long as they are, and how good each quantity is.</summary>
public sealed class ConsumptionSeriesTests
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    private static readonly DateTimeZone LordHowe = DateTimeZoneProviders.Tzdb["Australia/Lord_Howe"];
    private static readonly Measurand Import = new(Quantity.ActiveEnergy, Direction.Import);

    [Theory]
    [InlineData("Europe/Berlin", 2026, 10, 25, 100, 25)]
    [InlineData("Europe/Berlin", 2026, 3, 29, 92, 23)]
    [InlineData("Europe/Berlin", 2026, 6, 1, 96, 24)]
    [InlineData("Australia/Lord_Howe", 2026, 4, 5, 98, 25)]
    [InlineData("Australia/Lord_Howe", 2026, 10, 4, 94, 24)]
    public void A_day_has_a_bar_for_each_interval_and_each_clock_hour_whatever_its_length(string zone, int year, int month, int day, int intervals, int hours)
    {
        var tz = DateTimeZoneProviders.Tzdb[zone];
        var profile = Day(new LocalDate(year, month, day), tz);
        var bars = Series(profile, tz, BarSpan.Interval).Bars;
        Assert.Equal(intervals, bars.Length);
        Assert.Equal(intervals, bars.Select(b => b.Local).Distinct().Count());
        Assert.Equal(hours, Series(profile, tz, BarSpan.Hour).Bars.Length);
        var one = Assert.Single(Series(profile, tz, BarSpan.Day).Bars);
        Assert.Equal(intervals, one.Intervals);
        Assert.Equal(new LocalDate(year, month, day), one.Local.Date);
    }

    [Fact]
    public void The_hour_that_repeats_stands_twice_with_its_own_offset()
    {
        var bars = Series(Day(new LocalDate(2026, 10, 25), Berlin), Berlin, BarSpan.Hour).Bars.Where(b => b.Local.Hour == 2).ToList();
        Assert.Equal([Offset.FromHours(2), Offset.FromHours(1)], bars.Select(b => b.Local.Offset));
        Assert.All(bars, b => Assert.Equal(4, b.Intervals));
    }

    [Fact]
    public void Hours_and_days_add_up_to_the_same_total_as_intervals()
    {
        foreach (var zone in new[] { Berlin, LordHowe })
        {
            var profile = Profile(LocalPeriod.StartOfDay(new LocalDate(2026, 10, 1), zone), 96 * 31, (i, _) => i);
            var totals = Enum.GetValues<BarSpan>().Select(s => Series(profile, zone, s).Total).Distinct();
            Assert.Equal(96m * 31 * ((96 * 31) - 1) / 2 / 1000, Assert.Single(totals));
        }
    }

    [Fact]
    public void Quality_is_told_apart_and_what_has_not_come_yet_is_not_missing()
    {
        var start = Instant.FromUtc(2026, 6, 1, 0, 0);
        IntervalQuality[] qualities = [IntervalQuality.Measured, IntervalQuality.Missing, IntervalQuality.Interpolated, IntervalQuality.Estimated, IntervalQuality.Edited, IntervalQuality.Missing, IntervalQuality.Missing, IntervalQuality.Missing];
        var profile = new LoadProfile(Import, 0, start, 15, new long[] { 1000, 0, 2000, 300, 50, 0, 0, 0 }, qualities.Select(q => (byte)q).ToArray());
        var series = ConsumptionSeries.Of(profile, ReadableUnit.Of(Import), DateTimeZone.Utc, BarSpan.Hour, start + Duration.FromMinutes(107));
        Assert.Equal((1, 1, 2, 1), (series.Measured, series.Interpolated, series.Estimated, series.Missing));
        Assert.Equal(2, series.Awaited); // two whole intervals after the last known one are over
        Assert.Equal(start + Duration.FromMinutes(75), series.LastReading);
        Assert.Equal(new ConsumptionPeak(2m, start + Duration.FromMinutes(30)), series.Peak);
        Assert.Equal((1m, 2m, 0.3m, 1), (series.Bars[0].Measured, series.Bars[0].Interpolated, series.Bars[0].Estimated, series.Bars[0].Missing));
        Assert.Equal(0.05m, series.Bars[1].Total);
        Assert.Equal(0, series.Bars[1].Missing);
    }

    [Fact]
    public void Water_is_shown_in_cubic_metres_whatever_it_is_stored_in()
    {
        var water = new Measurand(Quantity.WaterVolume, Direction.Import);
        var profile = new LoadProfile(water, -3, Instant.FromUtc(2026, 6, 1, 0, 0), 15, new long[] { 10, 20 }, default);
        Assert.Equal(0.03m, ConsumptionSeries.Of(profile, ReadableUnit.Of(water), Berlin, BarSpan.Day, Instant.FromUtc(2026, 6, 2, 0, 0)).Total);
        Assert.Equal("m³", ReadableUnit.Of(water).Symbol);
    }

    [Theory]
    [InlineData("today", "2026-03-29", "2026-03-30", 1)]
    [InlineData("yesterday", "2026-03-28", "2026-03-29", 1)]
    [InlineData("week", "2026-03-23", "2026-03-30", 7)]
    [InlineData("month", "2026-03-01", "2026-04-01", 31)]
    [InlineData("last-month", "2026-02-01", "2026-03-01", 28)]
    [InlineData("nonsense", "2026-03-29", "2026-03-30", 1)]
    public void A_named_range_is_whole_local_days(string name, string from, string to, int days)
    {
        var range = ConsumptionRange.Of(name, null, null, new LocalDate(2026, 3, 29));
        Assert.Equal((from, to, days), (NodaTime.Text.LocalDatePattern.Iso.Format(range.From), NodaTime.Text.LocalDatePattern.Iso.Format(range.To), range.Days));
    }

    [Theory]
    [InlineData("2026-10-02", "2026-10-01")]
    [InlineData("2026-10-01", "2027-10-02")]
    [InlineData("2026-02-30", "2026-03-01")]
    [InlineData(null, null)]
    [InlineData("", "x")]
    [InlineData("9999-12-31", "9999-12-31")]
    public void Dates_that_are_no_range_are_refused(string? first, string? last) => Assert.Null(ConsumptionRange.Dates(first, last));

    private static ConsumptionSeries Series(LoadProfile profile, DateTimeZone zone, BarSpan span) =>
        ConsumptionSeries.Of(profile, ReadableUnit.Of(Import), zone, span, profile.End);

    private static LoadProfile Day(LocalDate day, DateTimeZone zone)
    {
        var (start, end) = (LocalPeriod.StartOfDay(day, zone), LocalPeriod.StartOfDay(day.PlusDays(1), zone));
        return Profile(start, (int)((end - start).TotalMinutes / 15), (_, _) => 10);
    }

    private static LoadProfile Profile(Instant start, int count, Func<int, Instant, long> value) =>
        new(Import, 0, start, 15, Enumerable.Range(0, count).Select(i => value(i, start)).ToArray(), default);
}
