using System.Globalization;
using System.Text.Json;
using UsageBilling.Metering.Formats;
using UsageBilling.Metering.Intervals;
using UsageBilling.Testing;

namespace UsageBilling.Metering.Tests.Formats;

/// <summary>NEM12: what is taken, to the last digit, and what is refused, with its line.</summary>
public class Nem12ReaderTests
{
    private static readonly string[] Day30 = [.. Enumerable.Range(1, 48).Select(i => $"{i}.001")];

    [Fact]
    public void Every_file_with_known_totals_matches_them_to_the_last_digit()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        using var known = JsonDocument.Parse(File.ReadAllText(SharedCases.Path("data", "nem12", "known-totals.json")!));
        var files = 0;
        foreach (var file in known.RootElement.EnumerateObject().Where(f => !f.Name.Contains("/invalid/", StringComparison.Ordinal)))
        {
            var survey = Survey(File.ReadLines(SharedCases.Path("data", file.Name)!));
            Assert.False(survey.Refused, $"{file.Name}: {string.Join(", ", survey.Problems)}");
            var expected = file.Value.EnumerateObject().Where(c => c.Name != "_rec")
                .ToDictionary(c => c.Name, c => (decimal.Parse(c.Value.GetProperty("sum").GetString()!, CultureInfo.InvariantCulture), c.Value.GetProperty("days").GetInt64(), c.Value.GetProperty("values").GetInt64()));
            Assert.Equal(expected, survey.Streams.ToDictionary(s => s.Channel.ToString(), s => (s.Sum, s.Days, s.Intervals)));
            Assert.Empty(survey.Problems);
            files++;
        }

        Assert.True(files > 40, $"only {files} files");
    }

    [Theory]
    [InlineData("Example_NEM12_15min_200_30min_300.csv", 3)]
    [InlineData("Example_NEM12_15min_200_30min_400.csv", 5)]
    [InlineData("Example_NEM12_30min_200_15min_300.csv", 3)]
    [InlineData("Example_NEM12_30min_200_15min_400.csv", 3)]
    [InlineData("Example_NEM12_empty.csv", 2)]
    [InlineData("Example_NEM12_incomplete_interval.csv", 3)]
    [InlineData("Example_NEM12_missing_header.csv", 2)]
    [InlineData("Example_NEM12_powercor.csv", 2)]
    [InlineData("Example_NEM12_powercor_missing_fields.csv", 2)]
    [InlineData("Example_empty_file.csv", 1)]
    public void Invalid_files_are_refused_with_the_line(string name, int line)
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        var survey = Survey(File.ReadLines(SharedCases.Path("data", "nem12", "invalid", name)!));
        Assert.True(survey.Refused);
        Assert.Equal(line, survey.Problems.First(p => p.Refuses).Line);
    }

    [Fact]
    public void A_market_day_is_1440_minutes_of_UTC_plus_10_also_where_clocks_change()
    {
        var run = Assert.Single(Items("300,20241006," + string.Join(',', Day30) + ",A,,,20241007010203,").OfType<SourceRun>());
        Assert.Equal(NodaTime.Instant.FromUtc(2024, 10, 5, 14, 0), run.Start);
        Assert.Equal(48, run.Values.Length);
        Assert.Equal(NodaTime.Instant.FromUtc(2024, 10, 6, 15, 2, 3), run.StatedAt);
    }

    [Fact]
    public void Qualities_of_a_varying_day_come_from_its_400_records()
    {
        var run = Assert.Single(Items(
            "300,20240101," + string.Join(',', Day30) + ",V,,,20240102000000,",
            "400,1,20,F14,76,Fault, and more",
            "400,21,24,A,,",
            "400,25,47,S14,1,",
            "400,48,48,N,,").OfType<SourceRun>());
        Assert.Equal(
            [(0, 20, "F", "14"), (20, 4, "A", null), (24, 23, "S", "14"), (47, 1, "N", null)],
            run.Flags.Select(f => (f.First, f.Count, f.Code, f.Method)));
        Assert.Equal([IntervalQuality.Estimated, IntervalQuality.Measured, IntervalQuality.Estimated, IntervalQuality.Missing], run.Flags.Select(f => f.Quality));
        Assert.Equal("76 Fault", run.Flags[0].Reason);
    }

    [Theory]
    [InlineData("400,1,20,A,,|400,22,48,A,,", 5)]
    [InlineData("400,1,20,A,,|400,20,48,A,,", 5)]
    [InlineData("400,1,48,V,,", 4)]
    [InlineData("400,1,49,A,,", 4)]
    [InlineData("400,1,47,A,,", 4)]
    [InlineData("400,1,48,S1,,", 4)]
    public void Parts_of_a_day_must_cover_it_once(string records, int line)
    {
        var survey = Survey(File12(["300,20240101," + string.Join(',', Day30) + ",V,,,,", .. records.Split('|')]));
        Assert.Equal(line, Assert.Single(survey.Problems).Line);
        Assert.True(survey.Refused);
    }

    [Theory]
    [InlineData("200,NMI,E1,1,,N1,METER,kWh,30,")]
    [InlineData("200,,E1,1,E1,N1,METER,kWh,30,")]
    [InlineData("200,NMI,E1,1,E1,N1,METER,kWh,7,")]
    [InlineData("300,20241301,1")]
    [InlineData("310,what")]
    [InlineData("100,NEM12,202401010000,A,B")]
    public void A_wrong_record_is_refused_at_its_line(string record)
    {
        var survey = Survey(File12(["300,20240101," + string.Join(',', Day30) + ",A,,,,", record]));
        Assert.True(survey.Refused);
        Assert.Equal(4, survey.Problems[0].Line);
    }

    [Theory]
    [InlineData("1.5x")]
    [InlineData("1e999")]
    [InlineData("1e-30")]
    [InlineData("1.23456789e-25")]
    [InlineData("0.12345678901234567890123456789012345")]
    public void A_number_that_cannot_be_kept_exactly_is_refused(string value)
    {
        var survey = Survey(File12(["300,20240101," + string.Join(',', Day30[..^1]) + $",{value},A,,,,"]));
        Assert.Contains("interval 48", Assert.Single(survey.Problems).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_was_cut_off_is_refused_at_its_end()
    {
        var lines = File12(["300,20240101," + string.Join(',', Day30) + ",A,,,,"])[..^1];
        var problem = Assert.Single(Survey(lines).Problems);
        Assert.Equal(3, problem.Line);
        Assert.Contains("cut off", problem.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_two_statements_about_a_day_the_one_updated_last_stands_whatever_their_order()
    {
        var old = "300,20240101," + string.Join(',', Enumerable.Repeat("5", 48)) + ",A,,,20240102000000,";
        var fresh = "300,20240101," + string.Join(',', Enumerable.Repeat("2.5", 48)) + ",F14,,,20240109000000,";
        foreach (var lines in new[] { new[] { old, fresh }, [fresh, old] })
        {
            var survey = Survey(File12(lines));
            var stream = Assert.Single(survey.Streams);
            Assert.Equal((120m, 48, 48, 0, 1), (stream.Sum, stream.Intervals, stream.Duplicates, stream.Gaps, stream.Days));
            Assert.Equal([("F", 48L)], stream.Quality.Select(q => (q.Key, q.Value)));
            var standing = Nem12Reader.Read(File12(lines)).OfType<SourceRun>().Select(survey.Standing).OfType<SourceRun>();
            Assert.Equal(2.5m, Assert.Single(standing).Values[0]);
        }
    }

    [Fact]
    public void Two_values_of_which_nothing_says_which_is_newer_are_named()
    {
        var survey = Survey(File12(
        [
            "300,20240101," + string.Join(',', Enumerable.Repeat("5", 48)) + ",A,,,,",
            "300,20240101,6," + string.Join(',', Enumerable.Repeat("5", 47)) + ",A,,,,",
        ]));
        Assert.False(survey.Refused);
        Assert.Equal(241m, Assert.Single(survey.Streams).Sum);
        Assert.Equal(4, Assert.Single(survey.Problems).Line);
    }

    [Fact]
    public void Days_and_nulls_that_are_missing_are_gaps()
    {
        var stream = Assert.Single(Survey(File12(
        [
            "300,20240101," + string.Join(',', Day30) + ",A,,,,",
            "300,20240103," + string.Join(',', Day30) + ",V,,,,",
            "400,1,2,N,,",
            "400,3,48,A,,",
        ])).Streams);
        Assert.Equal((94, 50, 2), (stream.Intervals, stream.Gaps, stream.Days));
        Assert.Equal([50L], stream.Holes().Select(h => h.Intervals));
    }

    [Fact]
    public void A_null_may_be_written_without_a_value_and_only_a_null()
    {
        var blank = string.Join(',', Enumerable.Repeat(string.Empty, 2).Concat(Day30[2..]));
        var stream = Assert.Single(Survey(File12(["300,20240101," + blank + ",V,,,,", "400,1,2,N,,", "400,3,48,A,,", "300,20240102," + new string(',', 47) + ",N,,,,"])).Streams);
        Assert.Equal((46, 50, 1), (stream.Intervals, stream.Gaps, stream.Days));
        var refused = Assert.Single(Survey(File12(["300,20240101," + blank + ",V,,,,", "400,1,1,N,,", "400,2,48,A,,"])).Problems);
        Assert.Equal((5, true), (refused.Line, refused.Refuses));
        Assert.StartsWith("interval 2 ", refused.Reason, StringComparison.Ordinal);
        Assert.True(Survey(File12(["300,20240101," + blank + ",A,,,,"])).Refused);
    }

    [Fact]
    public void A_value_that_a_later_null_withdraws_is_a_gap()
    {
        var old = "300,20240101," + string.Join(',', Enumerable.Repeat("5", 48)) + ",A,,,20240102000000,";
        var survey = Survey(File12([old, "300,20240101," + string.Join(',', Enumerable.Repeat("0", 48)) + ",V,,,20240109000000,", "400,1,24,A,,", "400,25,48,N,,"]));
        var stream = Assert.Single(survey.Streams);
        Assert.Equal((0m, 24, 24, 48), (stream.Sum, stream.Intervals, stream.Gaps, stream.Duplicates));
        Assert.Equal([24L], stream.Holes().Select(h => h.Intervals));
    }

    [Fact]
    public void A_file_whose_fields_are_all_quoted_is_the_same_file()
    {
        var lines = File12(["300,20240101," + string.Join(',', Day30) + ",V,,,20240102000000,", "400,1,48,S14,0,no answer, sorry"]);
        var quoted = lines.Select((l, i) => i == 3 ? "\"400\",\"1\",\"48\",\"S14\",\"0\",\"no answer, sorry\"" : string.Join(',', l.Split(',').Select(f => $"\"{f}\"")));
        Assert.Equal(Assert.Single(Survey(lines).Streams).Sum, Assert.Single(Survey(quoted).Streams).Sum);
        Assert.Empty(Survey(quoted).Problems);
    }

    [Fact]
    public void A_file_with_any_damage_is_read_or_refused_with_a_line_and_never_more()
    {
        string[] nem12 = File12(["300,20240101," + string.Join(',', Day30) + ",V,,,20240102000000,", "400,1,20,F14,76,", "400,21,48,A,,", "300,20240102," + string.Join(',', Day30) + ",A,,,20240103000000,", "500,O,,20240103000000,"]);
        string[] nem13 = ["100,NEM13,202401010000,A,B", "250,NMI,11,1,11,11,METER,E,0,20240101000000,A,,,100,20240201000000,S61,,,100,kWh,,20240202000000,", "900"];
        var (read, refused) = (0, 0);
        for (var seed = 0; seed < 3_000; seed++)
        {
            var random = new Random(seed);
            var lines = (seed % 4 == 0 ? nem13 : nem12).ToList();
            for (var damage = random.Next(1, 4); damage > 0 && lines.Count > 0; damage--)
            {
                var (line, other) = (random.Next(lines.Count), random.Next(lines.Count));
                var at = random.Next(lines[line].Length + 1);
                switch (random.Next(5))
                {
                    case 0:
                        lines.RemoveAt(line);
                        break;
                    case 1:
                        lines.Insert(line, lines[other]);
                        break;
                    case 2:
                        lines[line] = lines[line].Insert(at, "\",.-e09N V\0"[random.Next(11)].ToString());
                        break;
                    case 3:
                        lines[line] = lines[line].Remove(at, Math.Min(random.Next(4), lines[line].Length - at));
                        break;
                    default:
                        (lines[line], lines[other]) = (lines[other], lines[line]);
                        break;
                }
            }

            var survey = seed % 4 == 0 ? FileSurvey.Of(() => Nem13Reader.Read(lines)) : Survey(lines);
            Assert.True(survey.Refused || survey.Streams.Count > 0, string.Join('|', lines));
            Assert.All(survey.Problems, p => Assert.InRange(p.Line, 1, Math.Max(1, lines.Count)));
            (read, refused) = (read + (survey.Refused ? 0 : 1), refused + (survey.Refused ? 1 : 0));
        }

        Assert.True(read > 300 && refused > 300, $"{read} read, {refused} refused");
    }

    [Fact]
    public void Nulls_of_the_meter_that_was_hung_later_say_nothing_about_the_one_before()
    {
        var (before, after) = (string.Join(',', Enumerable.Repeat("5", 48)), string.Join(',', Enumerable.Repeat("7", 48)));
        string[] lines =
        [
            "100,NEM12,202401100000,MDP,RET",
            "200,NMI,E1,1,E1,N1,OLD,kWh,30,", $"300,20240101,{before},V,,,20240102000000,", "400,1,24,A,,", "400,25,48,N,,",
            "200,NMI,E1,1,E1,N1,NEW,kWh,30,", $"300,20240101,{after},V,,,20240102000500,", "400,1,24,N,,", "400,25,48,A,,",
            "900",
        ];
        var survey = Survey(lines);
        var stream = Assert.Single(survey.Streams);
        Assert.Equal(((24 * 5m) + (24 * 7m), 48, 0), (stream.Sum, stream.Intervals, stream.Gaps));
        var standing = Nem12Reader.Read(lines).OfType<SourceRun>().Select(survey.Standing).OfType<SourceRun>().ToArray();
        Assert.Equal([("OLD", 24), ("NEW", 24)], standing.Select(r => (r.MeterSerial, r.Flags.Where(f => f.Quality == IntervalQuality.Measured).Sum(f => f.Count))));
    }

    [Fact]
    public void A_better_value_that_gives_way_to_a_later_version_of_the_same_file_is_named_and_many_are_counted()
    {
        var old = "300,20240101," + string.Join(',', Enumerable.Repeat("5", 48)) + ",A,,,20240102000000,";
        var survey = Survey(File12([old, "300,20240101," + string.Join(',', Enumerable.Repeat("6", 48)) + ",F14,,,20240109000000,"]));
        Assert.False(survey.Refused);
        Assert.Equal(FileSurvey.MostNamed + 1, survey.Problems.Count);
        Assert.Contains("6 (line 4), updated later and of lesser quality", survey.Problems[0].Reason, StringComparison.Ordinal);
        Assert.Contains("28 more values, up to this line; 48 in all gave way", survey.Problems[^1].Reason, StringComparison.Ordinal);
        Assert.Empty(Survey(File12([old, "300,20240101," + string.Join(',', Enumerable.Repeat("6", 48)) + ",A,,,20240109000000,"])).Problems);
    }

    [Fact]
    public void Of_two_totals_of_one_period_the_one_updated_last_counts_and_overlaps_and_gaps_are_found_in_any_order()
    {
        const string Old = "250,NMI,11,1,11,11,METER,E,0,20240101000000,A,,,100,20240201000000,A,,,100,kWh,,20240202000000,";
        const string Fresh = "250,NMI,11,1,11,11,METER,E,0,20240101000000,A,,,90,20240201000000,A,,,90,kWh,,20240303000000,";
        foreach (var two in new[] { new[] { Old, Fresh }, [Fresh, Old] })
        {
            var survey = Survey13(two);
            var stream = Assert.Single(survey.Streams);
            Assert.Equal((90m, 1, 1, 0), (stream.Sum, stream.Intervals, stream.Duplicates, stream.Gaps));
            Assert.Equal((3, false), (Assert.Single(survey.Problems).Line, survey.Refused));
        }

        const string March = "250,NMI,11,1,11,11,METER,E,0,20240301000000,A,,,100,20240401000000,A,,,7,kWh,,20240402000000,";
        Assert.Equal(1, Assert.Single(Survey13(March, Old).Streams).Gaps);
        Assert.Empty(Survey13(March, Old).Problems);
        var overlap = Assert.Single(Survey13(March, Old.Replace("20240201000000", "20240315000000", StringComparison.Ordinal)).Problems);
        Assert.Equal((3, false), (overlap.Line, overlap.Refuses));
        Assert.Contains("overlaps", overlap.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("E1", "NMI/ActiveEnergy/Import")]
    [InlineData("B1", "NMI/ActiveEnergy/Export")]
    [InlineData("E2", "NMI-2/ActiveEnergy/Import")]
    [InlineData("F1", "NMI-F1/ActiveEnergy/Import")]
    public void A_suffix_says_point_and_direction(string suffix, string channel)
    {
        var lines = File12(["300,20240101," + string.Join(',', Day30) + ",A,,,,"]);
        lines[1] = $"200,NMI,X,1,{suffix},N1,METER,kWh,30,";
        var source = Assert.Single(Survey(lines).Streams).Channel;
        Assert.Equal(channel, new Protocols.ChannelKey(source.Point, source.Measurand!.Value).ToString());
    }

    [Fact]
    public void NEM13_quantities_are_taken_as_stated()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        var files = Directory.GetFiles(SharedCases.Path("data", "nem12", "nem13")!);
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            var lines = File.ReadAllLines(file);
            var survey = FileSurvey.Of(() => Nem13Reader.Read(lines));
            Assert.False(survey.Refused, $"{file}: {string.Join(", ", survey.Problems)}");
            var expected = lines.Where(l => l.StartsWith("250", StringComparison.Ordinal)).Sum(l => decimal.Parse(l.Split(',')[18], CultureInfo.InvariantCulture));
            Assert.Equal(expected, survey.Streams.Sum(s => s.Sum));
        }
    }

    [Fact]
    public void Runs_and_totals_name_the_meter_of_their_record()
    {
        string[] days = ["300,20240101," + string.Join(',', Enumerable.Repeat("1", 48)) + ",A,,,20240102000000,", "300,20240102," + string.Join(',', Enumerable.Repeat("1", 48)) + ",A,,,20240103000000,"];
        Assert.Equal(["METER", "OTHER", null], Items(days[0], "200,NMI,E1,1,E1,N1, OTHER,kWh,30,", days[1], "200,NMI,E2,1,E2,N1,,kWh,30,", days[1]).OfType<SourceRun>().Select(r => r.MeterSerial));
        const string Read = "250,NMI,11,1,11,11,METER,E,0,20240101000000,A,,,100,20240201000000,A,,,100,kWh,,20240202000000,";
        Assert.Equal("METER", Assert.Single(Nem13Reader.Read(["100,NEM13,202401010000,A,B", Read, "900"]).OfType<SourceTotal>()).MeterSerial);
    }

    private static FileSurvey Survey(IEnumerable<string> lines) => FileSurvey.Of(() => Nem12Reader.Read(lines));

    private static FileSurvey Survey13(params string[] records) =>
        FileSurvey.Of(() => Nem13Reader.Read(["100,NEM13,202401010000,A,B", .. records, "900"]));

    private static List<SourceItem> Items(params string[] records) => [.. Nem12Reader.Read(File12(records))];

    private static string[] File12(string[] records) => ["100,NEM12,202401100000,MDP,RET", "200,NMI,E1,1,E1,N1,METER,kWh,30,", .. records, "900"];
}
