using System.IO.Compression;
using NodaTime;
using UsageBilling.Metering.Formats;
using UsageBilling.Testing;

namespace UsageBilling.Metering.Tests.Formats;

/// <summary>Quantities from CSV.</summary>
public class CsvReaderTests
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    [Fact]
    public void The_household_has_15_duplicates_4_single_gaps_and_a_hole_of_48()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        var lines = Unzip("uk-halfhourly-2012-2014-LCL-like.csv.gz");
        var survey = FileSurvey.Of(() => CsvReader.Read(lines, new CsvOptions("household", StampsAreEnds: true)));
        var stream = Assert.Single(survey.Streams);
        Assert.Equal((22_521, 15, 52), (stream.Intervals, stream.Duplicates, stream.Gaps));
        Assert.Equal([1L, 1, 1, 1, 48], stream.Holes().Select(h => h.Intervals).Order());
        Assert.Equal(5_554.8740002m, stream.Sum);
        Assert.Equal(Instant.FromUtc(2012, 10, 12, 0, 0), stream.From);
        Assert.Empty(survey.Problems);
    }

    [Fact]
    public void Monthly_figures_run_to_the_next_row_and_an_empty_one_closes_them()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        var lines = Unzip("il-electricity-cdd-hdd-billing_monthly.csv.gz");
        var totals = CsvReader.Read(lines, new CsvOptions("house")).OfType<SourceTotal>().ToArray();
        Assert.Equal(26, totals.Length);
        Assert.All(totals.Zip(totals.Skip(1)), pair => Assert.Equal(pair.First.To, pair.Second.From));
        Assert.Equal((Instant.FromUtc(2015, 11, 22, 6, 0), Instant.FromUtc(2018, 1, 20, 6, 0), 21_290.17m), (totals[0].From, totals[^1].To, totals.Sum(t => t.Quantity)));
    }

    [Fact]
    public void The_hour_that_comes_twice_is_told_apart_by_the_order_of_rows()
    {
        string[] lines = ["start,kwh", "2025-10-26 01:00,1", "2025-10-26 02:00,2", "2025-10-26 02:00,3", "2025-10-26 03:00,4"];
        foreach (var file in new[] { lines, [lines[0], .. lines.Skip(1).Reverse()] })
        {
            var runs = CsvReader.Read(file, new CsvOptions("house", Berlin)).OfType<SourceRun>().ToDictionary(r => r.Start, r => r.Values[0]);
            Assert.Equal([1m, 2m, 3m, 4m], Enumerable.Range(0, 4).Select(i => runs[Instant.FromUtc(2025, 10, 25, 23, 0) + Duration.FromHours(i)]));
        }
    }

    [Fact]
    public void A_local_time_that_does_not_exist_is_refused_with_its_line()
    {
        var survey = Survey(new CsvOptions("house", Berlin), "start,kwh", "2026-03-29 01:00,1", "2026-03-29 02:00,2");
        Assert.True(survey.Refused);
        Assert.Equal(3, Assert.Single(survey.Problems).Line);
    }

    [Theory]
    [InlineData("start,kwh", 0)]
    [InlineData("end,kwh", -30)]
    public void The_stamps_column_says_whether_an_interval_begins_or_ends(string header, int minutes)
    {
        var run = CsvReader.Read([header, "2026-01-01T00:30:00Z,.5", "2026-01-01T01:00:00+00:00,1e-3"], new CsvOptions("house")).OfType<SourceRun>().First();
        Assert.Equal(Instant.FromUtc(2026, 1, 1, 0, 30) + Duration.FromMinutes(minutes), run.Start);
        Assert.Equal(0.5m, run.Values[0]);
    }

    [Fact]
    public void Columns_say_direction_and_unit_and_what_says_nothing_is_named()
    {
        var survey = Survey(new CsvOptions("house"), "start;import_kwh;export_wh;temperature", "2026-01-01 00:00;1,5;20;3", "2026-01-01 00:15;2,5;;4", "2026-01-01 00:30;1;1;5");
        Assert.Equal([("kWh", 5.0m, 0L), ("Wh", 21m, 1L)], survey.Streams.Select(s => (s.Channel.Unit, s.Sum, s.Gaps)));
        Assert.Contains("temperature", Assert.Single(survey.Problems).Reason, StringComparison.Ordinal);
        Assert.False(survey.Refused);
    }

    [Theory]
    [InlineData(4, "start,kwh|2026-01-01 00:00,1|2026-01-01 00:30,1|2026-01-01 01:00,x")]
    [InlineData(3, "start,kwh|2026-01-01 00:00,1|30.01.2026 00:30,1")]
    [InlineData(1, "what,kwh|2026-01-01 00:00,1")]
    [InlineData(1, "start,temperature|2026-01-01 00:00,1")]
    [InlineData(1, "start,kwh")]
    [InlineData(4, "start,kwh|2026-01-01 00:00,1|2026-01-01 00:30,1|2026-01-01 01:07,1")]
    public void A_wrong_row_is_refused_with_its_line(int line, string text)
    {
        var survey = Survey(new CsvOptions("house"), text.Split('|'));
        Assert.True(survey.Refused);
        Assert.Contains(survey.Problems, p => p.Refuses && p.Line == line);
    }

    [Theory]
    [InlineData("date")]
    [InlineData("end")]
    public void A_day_that_is_not_there_is_a_gap_in_a_file_of_days_and_not_part_of_its_neighbour(string stamp)
    {
        var survey = Survey(new CsvOptions("house", Berlin), stamp + ",kwh", "2026-03-27,1", "2026-03-28,2", "2026-03-30,4", "2026-03-31,5");
        var stream = Assert.Single(survey.Streams);
        Assert.False(survey.Refused);
        Assert.Equal((stamp == "date" ? 12m : 11m, 1), (stream.Sum, stream.Gaps));
        Assert.Equal(stamp == "date" ? 4 : 3, stream.Days);
    }

    private static FileSurvey Survey(CsvOptions options, params string[] lines) => FileSurvey.Of(() => CsvReader.Read(lines, options));

    private static string[] Unzip(string name)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(SharedCases.Path("data", "profiles", name)!), CompressionMode.Decompress));
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
