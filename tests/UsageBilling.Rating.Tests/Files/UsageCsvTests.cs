using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Rating.Files;

namespace UsageBilling.Rating.Tests.Files;

/// <summary>Usage files: stamps with and without offsets, repeated hours, gaps, and mistakes with their lines.</summary>
public sealed class UsageCsvTests
{
    private static readonly LocalPeriod Day = A.Days("2025-10-26", "2025-10-27");

    [Fact]
    public void Local_stamps_of_an_autumn_day_tell_the_repeated_hour_by_their_order()
    {
        var rows = new List<string> { "start,import_wh" };
        for (var at = Day.Start; at < Day.End; at += Duration.FromMinutes(60))
        {
            rows.Add($"{at.InZone(Day.Zone).LocalDateTime:uuuu-MM-dd'T'HH:mm},100.5");
        }

        var file = UsageCsv.Read(string.Join('\n', rows), "u.csv", Day, new UsageCsvOptions());
        Assert.Empty(file.Problems);
        var profile = Assert.Single(file.Profiles);
        Assert.Equal(25, profile.Length);
        Assert.Equal(100_500_000L, profile.Quantities.Span[3]);
    }

    [Fact]
    public void Quantities_are_exact_to_a_millionth() =>
        Assert.Equal(1_234_567L, Read("start,import_wh\n2025-10-25T22:00Z,1.234567\n2025-10-25T23:00Z,2", gapsAreZero: true).Profiles[0].Quantities.Span[0]);

    [Theory]
    [InlineData("start,import_wh\n2025-10-26T00:00+02:00,1\n2025-10-26T02:00+02:00,1\n2025-10-26T03:00+02:00,1", 3, "are missing")]
    [InlineData("start,import_wh\n2025-10-26T00:00+02:00,1\n2025-10-26T00:00+02:00,1", 3, "is there twice")]
    [InlineData("start,import_wh\n2025-10-26T01:00+02:00,1\n2025-10-26T02:00+02:00,1", 2, "where the period begins")]
    [InlineData("start,import_wh\n2025-10-26T00:00+02:00,1\n2025-10-26T01:00+02:00,1", 3, "where the period ends")]
    [InlineData("start,import_wh\n2025-10-26T01:00+02:00,1\n2025-10-26T00:00+02:00,1", 3, "before the row above")]
    [InlineData("start,import_wh\n2025-10-26T00:00+02:00,x\n2025-10-26T01:00+02:00,1", 2, "is not a quantity")]
    [InlineData("start,import_wh\nyesterday,1\n", 2, "is not a time")]
    [InlineData("start,import_wh\n2025-03-30T02:30,1\n", 2, "does not exist")]
    [InlineData("start,power\n", 1, "is not known")]
    [InlineData("start\n", 1, "has no quantity")]
    [InlineData("", 1, "is empty")]
    [InlineData("start,import_wh\n2025-10-26T00:00Z,1,2\n", 2, "3 cells")]
    [InlineData("start,import_wh\n2025-10-26T00:07Z,1\n2025-10-26T00:22Z,1", 2, "not on the grid")]
    [InlineData("import_wh\n1\n2\n", 1, "--start")]
    public void A_mistake_is_told_with_its_line(string text, int line, string message) =>
        Assert.Contains(Read(text).Problems, problem => problem.Line == line && problem.Message.Contains(message, StringComparison.Ordinal));

    [Theory]
    [InlineData("2025-10-25T22:00:00Z")]
    [InlineData("2025-10-25T22:00:00.000Z")]
    [InlineData("2025-10-26T00:00+02:00")]
    [InlineData("2025-10-26 00:00:00+0200")]
    [InlineData("2025-10-26T00:00:00+02")]
    [InlineData("2025-10-26")]
    public void Stamps_are_read_as_programs_write_them(string stamp) =>
        Assert.Equal(Day.Start, Read($"start,import_wh\n{stamp},1\n2025-10-26T00:15+02:00,1", gapsAreZero: true).Profiles[0].Start);

    [Fact]
    public void Gaps_are_zero_only_when_that_is_said()
    {
        const string text = "start,import_wh\n2025-10-26T00:00+02:00,5\n2025-10-26T01:00+02:00,5\n2025-10-26T05:00+01:00,7";
        var file = UsageCsv.Read(text, "u.csv", Day, new UsageCsvOptions(GapsAreZero: true));
        Assert.Empty(file.Problems);
        Assert.True(file.Profiles[0].Start <= Day.Start && file.Profiles[0].End >= Day.End);
        Assert.Equal(17_000_000L, file.Profiles[0].Quantities.ToArray().Sum());
    }

    [Fact]
    public void A_file_without_stamps_counts_from_its_start()
    {
        var file = UsageCsv.Read("import_wh,export_wh\n1,2\n3,4", "u.csv", Day, new UsageCsvOptions("2025-10-26T00:00", 15, GapsAreZero: true));
        Assert.Empty(file.Problems);
        Assert.Equal(2, file.Profiles.Count);
        Assert.Equal(Day.Start, file.Profiles[0].Start);
        Assert.Equal(15, file.Profiles[1].IntervalMinutes);
    }

    [Theory]
    [InlineData("Asia/Kolkata", "2026-04-04", "2026-04-07", 60, 72)]
    [InlineData("Asia/Kathmandu", "2026-04-04", "2026-04-05", 30, 48)]
    [InlineData("America/St_Johns", "2026-03-07", "2026-03-10", 60, 71)]
    [InlineData("America/St_Johns", "2026-10-31", "2026-11-03", 60, 73)]
    [InlineData("Australia/Adelaide", "2026-04-04", "2026-04-07", 60, 73)]
    public void Hours_of_a_zone_whose_offset_has_half_hours_are_billed(string zoneId, string from, string to, int minutes, int intervals)
    {
        var zone = DateTimeZoneProviders.Tzdb[zoneId];
        var period = A.Days(from, to, zone);
        var rows = Enumerable.Range(0, intervals).Select(i => $"{(period.Start + Duration.FromMinutes((long)i * minutes)).InZone(zone).LocalDateTime:uuuu-MM-dd'T'HH:mm},1000,500");
        var file = UsageCsv.Read("start,import_wh,import_varh\n" + string.Join('\n', rows), "u.csv", period, new UsageCsvOptions());
        Assert.Empty(file.Problems);
        var tariff = A.TariffOf("""{"kind":"usage","id":"e","description":"E","price":1},{"kind":"demand","id":"kva","description":"D","measure":"apparent","price":0}""");
        Assert.Equal(intervals, A.Bill(tariff, period, [.. file.Profiles]).Line("e").Quantity);
        var twoMeters = A.Bill(tariff, period, [.. file.Profiles, file.Profiles[0]]);
        Assert.Equal(2 * intervals, twoMeters.Line("e").Quantity);
    }

    [Fact]
    public void Hours_that_straddle_a_local_midnight_are_refused()
    {
        var period = A.Days("2026-04-04", "2026-04-07", DateTimeZoneProviders.Tzdb["Australia/Lord_Howe"]);
        var file = UsageCsv.Read("start,import_wh\n" + string.Join('\n', Enumerable.Range(0, 80).Select(i => $"{period.Start + Duration.FromHours(i)},1000")), "u.csv", period, new UsageCsvOptions());
        var tariff = A.TariffOf("""{"kind":"usage","id":"e","description":"E","price":1}""");
        Assert.Contains("local midnight of Australia/Lord_Howe", Assert.Throws<Rating.Tariffs.RatingInputException>(() => A.Bill(tariff, period, [.. file.Profiles])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Demand_history_and_series_tell_mistakes_with_their_lines()
    {
        Assert.Equal(3, SmallCsv.ReadDemandHistory("month,kw\n2025-01,5\n2025-01,6", "h.csv", RatingState.Empty).Problems.Single().Line);
        Assert.Equal(5m, SmallCsv.ReadDemandHistory("month,kw\n2025-01,5", "h.csv", RatingState.Empty).State.DemandHistory[new YearMonth(2025, 1)]);
        Assert.Equal(3, SmallCsv.ReadSeries("start,price\n2025-01-01,5\n2024-01-01,6", "s.csv", Day.Zone).Problems.Single().Line);
    }

    private static UsageFile Read(string text, bool gapsAreZero = false) => UsageCsv.Read(text, "u.csv", Day, new UsageCsvOptions(GapsAreZero: gapsAreZero));

    /// <summary>Rows of minutes after midnight; the line that ends the hole, or none.</summary>
    [Theory]
    [InlineData("0,60,120,180", null)]
    [InlineData("0,60,180,240", 4)]
    [InlineData("0,15,30,60,75,90", 5)]
    [InlineData("0,60,120,1560,1620", 5)]
    [InlineData("0,44640,84960", null)]
    public void A_hole_in_interval_prices_is_told_with_its_line(string minutes, int? line)
    {
        var rows = minutes.Split(',').Select(minute => $"{Instant.FromUtc(2025, 1, 1, 0, 0) + Duration.FromMinutes(long.Parse(minute, System.Globalization.CultureInfo.InvariantCulture))},0.1");
        var (series, problems) = SmallCsv.ReadSeries("start,value\n" + string.Join('\n', rows), "prices.csv", DateTimeZone.Utc);
        Assert.Equal(line, problems.SingleOrDefault()?.Line);
        Assert.Equal(line is null, series is not null);
    }

    [Fact]
    public void Prices_may_pass_from_hours_to_quarter_hours_and_the_last_holds_for_its_interval()
    {
        var start = Instant.FromUtc(2025, 9, 30, 0, 0);
        var rows = Enumerable.Range(0, 24).Select(hour => start + Duration.FromHours(hour)).Concat(Enumerable.Range(0, 96).Select(quarter => start + Duration.FromHours(24) + Duration.FromMinutes(15L * quarter)));
        var (series, problems) = SmallCsv.ReadSeries("\"start\",\"value\"\n" + string.Join('\n', rows.Select(at => $"\"{at}\",\"0.1\"")), "prices.csv", DateTimeZone.Utc);
        Assert.Empty(problems);
        Assert.Equal(start + Duration.FromHours(48), series!.End);
        Assert.Null(series.At(start + Duration.FromHours(48)));
    }
}
