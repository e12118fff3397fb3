using System.Globalization;
using NodaTime;
using UsageBilling.Metering.Formats;

namespace UsageBilling.Metering.Tests.Formats;

/// <summary>CSV as portals of utilities write it: what is certain is taken, the rest refused with what to do.</summary>
public class CsvPortalTests
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    public static TheoryData<string, string, string> Portals => new()
    {
        {
            "words before the header, dates and inclusive ends in columns of their own, money beside (United States)",
            "Name,A CUSTOMER|Address,1 MAIN ST|Service,Service 1||TYPE,DATE,START TIME,END TIME,USAGE,UNITS,COST,NOTES|Electric usage,2026-01-01,00:00,00:59,0.5,kWh,$0.10,|Electric usage,2026-01-01,01:00,01:59,0.25,kWh,$0.10,",
            "file Electric usage kWh 60 min: 0.75 in 2 from 2026-01-01T00:00:00Z"
        },
        {
            "a range in one field, quoted (California)",
            "\"Energy Usage Information\"|\"For location: A STREET\"|\"Meter Number: 1\"||\"Energy consumption time period \",\"Usage(Real energy in kilowatt-hours)\",\"Reading quality\"|\"2026-01-01 00:00:00 to 2026-01-01 01:00:00\",\"0.2\",\"\"|\"2026-01-01 01:00:00 to 2026-01-01 02:00:00\",\"0.3\",\"\"",
            "file Usage(Real energy in kilowatt-hours) kWh 60 min: 0.5 in 2 from 2026-01-01T00:00:00Z"
        },
        {
            "clock of twelve hours, minutes, both directions and their difference (San Diego)",
            "Name,X|Meter Number,Date,Start Time,Duration,Consumption,Generation,Net|0123,1/13/2026,11:45 PM,15,0.1,0.2,-0.1|0123,1/14/2026,12:00 AM,15,0.3,0.1,0.2",
            "0123 Consumption kWh 15 min: 0.4 in 2 from 2026-01-13T23:45:00Z|0123 Generation kWh 15 min: 0.3 in 2 from 2026-01-13T23:45:00Z"
        },
        {
            "surplus in rows of its own, meters with an apostrophe (Texas)",
            "ESIID,USAGE_DATE,REVISION_DATE,USAGE_START_TIME,USAGE_END_TIME,USAGE_KWH,ESTIMATED_ACTUAL,CONSUMPTION_SURPLUSGENERATION|'1044,01/31/2026,02/01/2026 03:04:05, 23:45, 00:00,0.1,A,Consumption|'1044,01/31/2026,02/01/2026 03:04:05, 23:45, 00:00,0.7,E,Surplus Generation",
            "1044 Consumption kWh 15 min: 0.1 in 1 from 2026-01-31T23:45:00Z|1044 Surplus Generation kWh 15 min: 0.7 in 1 from 2026-01-31T23:45:00Z"
        },
        {
            "spaces behind commas, offsets, money (Great Britain)",
            "Consumption (kwh), Estimated Cost Inc. Tax (p), Standing Charge Inc. Tax (p), Start, End|0.5, 1.2, , 2026-07-01T00:00:00+01:00, 2026-07-01T00:30:00+01:00|0.25, 1.2, , 2026-07-01T00:30:00+01:00, 2026-07-01T01:00:00+01:00",
            "file Consumption (kwh) kWh 30 min: 0.75 in 2 from 2026-06-30T23:00:00Z"
        },
        {
            "newest first, times are ends, unit in the kind (Ireland)",
            "MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time|100,0001,0.5,Active Import Interval (kWh),14-01-2026 00:30|100,0001,0.25,Active Import Interval (kWh),14-01-2026 00:00|100,0001,0.1,Active Export Interval (kWh),14-01-2026 00:00",
            "100 Active Import Interval (kWh) kWh 30 min: 0.75 in 2 from 2026-01-13T23:30:00Z|100 Active Export Interval (kWh) kWh 30 min: 0.1 in 1 from 2026-01-13T23:30:00Z"
        },
        {
            "accents, decimal comma, unit by row, days first shown by the file (Denmark)",
            "MålepunktsID;Fra_dato;Til_dato;Mængde;Måleenhed;Kvalitet;Type|5713;12-01-2026 23:00:00;13-01-2026 00:00:00;0,120;KWH;Målt;Tidsserie|5713;13-01-2026 00:00:00;13-01-2026 01:00:00;1,5;KWH;Målt;Tidsserie",
            "5713 Tidsserie kWh 60 min: 1.620 in 2 from 2026-01-12T23:00:00Z"
        },
        {
            "ISO duration, comma (Finland)",
            "Mittauspisteen tunnus;Tuotteen tyyppi;Resoluutio;Yksikkötyyppi;Lukeman tyyppi;Alkuaika;Määrä;Laatu|64;8716867000030;PT1H;kWh;BN01;2026-01-01T22:00:00Z;0,120000;OK|64;8716867000030;PT1H;kWh;BN01;2026-01-01T23:00:00Z;1,2;OK",
            "64 8716867000030 kWh 60 min: 1.320000 in 2 from 2026-01-01T22:00:00Z"
        },
        {
            "dotted dates, thousands, a sum at the end (Germany, Austria)",
            "sep=;|Datum;Zeit von;Zeit bis;Verbrauch [kWh]|31.12.2026;23:30;23:45;1.234,5|31.12.2026;23:45;00:00;0,5|Summe;;;1.235,0",
            "file Verbrauch [kWh] kWh 15 min: 1235.0 in 2 from 2026-12-31T23:30:00Z"
        },
        {
            "header in quotes, tabs, groups by spaces",
            "\"von\"\t\"bis\"\t\"Bezug (Wh)\"|2026-01-01 00:00\t2026-01-01 00:15\t\"1 234,5\"|2026-01-01 00:15\t2026-01-01 00:30\t12",
            "file Bezug (Wh) Wh 15 min: 1246.5 in 2 from 2026-01-01T00:00:00Z"
        },
        {
            "UTC by the column's name",
            "timestamp (UTC),energyConsumption (kWh)|2026-07-01 00:30,0.5|2026-07-01 01:00,0.25",
            "file energyConsumption (kWh) kWh 30 min: 0.75 in 2 from 2026-07-01T00:30:00Z"
        },
        {
            "gas by its column, litres of water",
            "date,time,gas (m³),water (L)|01-Jan-2026,0:00,1.5,20|01-Jan-2026,1:00,1.5,30",
            "file gas (m³) m³ 60 min: 3.0 in 2 from 2026-01-01T00:00:00Z|file water (L) L 60 min: 50 in 2 from 2026-01-01T00:00:00Z"
        },
        {
            "months whose ends are their last days",
            "start date,end date,usage (kWh)|1/1/2026,1/31/2026,310|2/1/2026,2/28/2026,280",
            "file usage (kWh) kWh totals: 590 in 2 from 2026-01-01T00:00:00Z to 2026-03-01T00:00:00Z"
        },
    };

    [Theory]
    [MemberData(nameof(Portals))]
    public void A_file_of_a_portal_is_taken_as_it_is(string what, string file, string expected)
    {
        var survey = Survey(new CsvOptions("file"), file.Split('|'));
        Assert.False(survey.Refused, $"{what}: {string.Join(", ", survey.Problems)}");
        Assert.Equal(expected.Split('|'), survey.Streams.Select(s => string.Create(CultureInfo.InvariantCulture,
            $"{s.Channel.Id} {s.Channel.Register} {s.Channel.Unit} {(s.Channel.IntervalMinutes is { } m ? $"{m} min" : "totals")}: {s.Sum} in {s.Intervals} from {s.From}{(s.Channel.IntervalMinutes is null ? $" to {s.To}" : string.Empty)}")));
    }

    [Theory]
    [InlineData("date,time,kwh|05/06/2026,00:00,1.5|05/06/2026,00:30,1.5", 2, "--dates dmy")]
    [InlineData("start,kwh|13/01/2026 00:00,1.5|01/13/2026 00:30,1.5", 3, "write all dates alike")]
    [InlineData("start;kwh|2026-01-01 00:00;1,234|2026-01-01 00:30;2,345", 2, "--decimal")]
    [InlineData("start;kwh|2026-01-01 00:00;1,5|2026-01-01 00:30;1.5", 3, "as decimal sign")]
    [InlineData("start;kwh|2026-01-01 00:00;1,5|2026-01-01 00:30;12.34,5", 3, "not a number")]
    [InlineData("start,end,kwh|2026-01-01,2026-02-01,310", 2, "last day or the day after")]
    [InlineData("start,kwh|2026-01-01 00:00,\"1", 2, "quote")]
    [InlineData("start,type,kwh|2026-01-01 00:00,heat pump,1|2026-01-01 00:00,household,2|2026-01-01 00:30,heat pump,1", 3, "make a file of each")]
    [InlineData("s\0t\0a\0r\0t\0,\0k\0w\0h", 1, "UTF-16")]
    [InlineData("start,end,kwh|2026-01-01 00:00:00,2026-01-01 00:00:30,1", 2, "whole minutes")]
    public void What_cannot_be_decided_is_refused_with_line_and_what_to_do(string file, int line, string reason)
    {
        var survey = Survey(new CsvOptions("file"), file.Split('|'));
        Assert.True(survey.Refused);
        var problem = survey.Problems.First(p => p.Refuses);
        Assert.Equal(line, problem.Line);
        Assert.Contains(reason, problem.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_with_any_damage_is_read_or_refused_with_a_line_and_never_more()
    {
        var files = Portals.Select(p => p.Data.Item2.Split('|')).ToArray();
        var (read, refused) = (0, 0);
        for (var seed = 0; seed < 4_000; seed++)
        {
            var random = new Random(seed);
            var lines = files[seed % files.Length].ToList();
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
                        lines[line] = lines[line].Insert(at, "\";,\t.:-/ 0\u00E4\uFFFD\0"[random.Next(13)].ToString());
                        break;
                    case 3:
                        lines[line] = lines[line].Remove(at, Math.Min(random.Next(4), lines[line].Length - at));
                        break;
                    default:
                        lines[line] = lines[line][..at];
                        break;
                }
            }

            var survey = Survey(new CsvOptions("file", seed % 2 == 0 ? Berlin : null), [.. lines]);
            Assert.True(survey.Refused || survey.Streams.Count > 0, string.Join('|', lines));
            Assert.All(survey.Problems, p => Assert.InRange(p.Line, 1, Math.Max(1, lines.Count)));
            (read, refused) = (read + (survey.Refused ? 0 : 1), refused + (survey.Refused ? 1 : 0));
        }

        Assert.True(read > 400 && refused > 400, $"{read} read, {refused} refused");
    }

    [Fact]
    public void The_order_of_day_and_month_is_decided_by_the_whole_file_or_by_whoever_imports_it()
    {
        // The tenth row is the first that shows it.
        string[] late = ["start,kwh", .. Enumerable.Range(5, 10).Select(d => $"01/{d:00}/2026 00:00,1.5"), "01/14/2026 00:30,1"];
        Assert.Equal(Instant.FromUtc(2026, 1, 5, 0, 0), Assert.Single(Survey(new CsvOptions("file"), late).Streams).From);

        // Half-hours of 1 to 12 of a month: days follow each other in one order only.
        string[] month = ["start,kwh", .. Enumerable.Range(0, 12 * 48).Select(i => $"{1 + (i / 48):00}/03/2026 {i / 2 % 24:00}:{i % 2 * 30:00},1.5")];
        var survey = Survey(new CsvOptions("file"), month);
        Assert.Equal((12, 0), (Assert.Single(survey.Streams).Days, survey.Streams.Single().Gaps));
        Assert.Contains("day first", Assert.Single(survey.Notes).Reason, StringComparison.Ordinal);

        // Months of a year look like days of January in the other order: nothing is guessed.
        string[] year = ["date,kwh", .. Enumerable.Range(1, 12).Select(m => $"01/{m:00}/2026,310.5"), "01/01/2027,"];
        Assert.True(Survey(new CsvOptions("file"), year).Refused);
        Assert.Equal(12 * 310.5m, Assert.Single(Survey(new CsvOptions("file", Dates: CsvDateOrder.DayFirst), year).Streams).Sum);
        Assert.Equal(1234m + 2345m, Assert.Single(Survey(new CsvOptions("file", Decimal: '.'), "start;kwh", "2026-01-01 00:00;1,234", "2026-01-01 00:30;2,345").Streams).Sum);
        Assert.Equal(1.234m + 2.345m, Assert.Single(Survey(new CsvOptions("file", Decimal: ','), "start;kwh", "2026-01-01 00:00;1,234", "2026-01-01 00:30;2,345").Streams).Sum);
    }

    [Theory]
    [InlineData(24, "time")]
    [InlineData(48, "time")]
    [InlineData(96, "time")]
    [InlineData(48, "end")]
    [InlineData(48, "range")]
    [InlineData(24, "HE")]
    [InlineData(48, "Interval ")]
    public void A_row_a_day_has_a_column_for_each_interval(int slots, string names)
    {
        var minutes = 1440 / slots;
        var header = Enumerable.Range(0, slots).Select(i => names switch
        {
            "time" => Clock(i * minutes),
            "end" => Clock((i + 1) * minutes % 1440),
            "range" => $"{Clock(i * minutes)} - {Clock((i + 1) * minutes)}",
            _ => $"{names}{i + 1}",
        });
        string Row(string date, decimal value) => $"12,{date},{string.Join(',', Enumerable.Range(0, slots).Select(i => (value + i).ToString(CultureInfo.InvariantCulture)))},total";
        var survey = Survey(new CsvOptions("file", DateTimeZoneProviders.Tzdb["Europe/London"]), $"MPAN,Date,{string.Join(',', header)},Total kWh", Row("13/01/2026", 0.5m), Row("14/01/2026", 1.5m));
        var stream = Assert.Single(survey.Streams);
        Assert.Equal(("12", minutes, 2 * slots, 0L, Instant.FromUtc(2026, 1, 13, 0, 0)), (stream.Channel.Id, stream.Channel.IntervalMinutes, stream.Intervals, stream.Gaps, stream.From));
        Assert.Equal((slots * 2m) + (slots * (slots - 1m)), stream.Sum);
    }

    [Fact]
    public void Days_on_which_clocks_change_keep_to_the_clock_or_to_what_elapsed_and_are_never_guessed()
    {
        string[] Wide(int columns, string date, Func<int, string> cell) => [$"date,{string.Join(',', Enumerable.Range(1, columns).Select(i => $"h{i}"))}", $"{date},{string.Join(',', Enumerable.Range(0, columns).Select(cell))}"];
        var options = new CsvOptions("file", Berlin);

        // By the clock: the hour that does not exist is blank. By what elapsed: the last one is.
        var wall = Survey(options, Wide(24, "2026-03-29", i => i == 2 ? "" : "1.5"));
        var elapsed = Survey(options, Wide(24, "2026-03-29", i => i == 23 ? "" : "1.5"));
        Assert.All([wall, elapsed], s => Assert.Equal((23, 0L), (Assert.Single(s.Streams).Intervals, s.Streams.Single().Gaps)));
        Assert.Contains("does not exist", Assert.Single(Survey(options, Wide(24, "2026-03-29", _ => "1.5")).Problems).Reason, StringComparison.Ordinal);
        Assert.Contains("came twice", Assert.Single(Survey(options, Wide(24, "2026-10-25", _ => "1.5")).Problems).Reason, StringComparison.Ordinal);
        Assert.Equal(25, Assert.Single(Survey(options, Wide(25, "2026-10-25", _ => "1.5")).Streams).Intervals);
        Assert.Equal(24, Assert.Single(Survey(options, Wide(25, "2026-10-26", i => i == 24 ? "" : "1.5")).Streams).Intervals);
        Assert.True(Survey(options, Wide(25, "2026-10-26", _ => "1.5")).Refused);
        Assert.Equal(24, Assert.Single(Survey(new CsvOptions("file"), Wide(24, "2026-10-25", _ => "1.5")).Streams).Intervals);
    }

    [Fact]
    public void Lines_that_are_no_rows_are_left_aside_by_name()
    {
        var survey = Survey(new CsvOptions("file"), "Report", "", "start,kwh", "2026-01-01 00:00,1.5", ",", "start,kwh", "2026-01-01 00:30,1.5", "Total,3.0", "* values are not final");
        Assert.Equal(3.0m, Assert.Single(survey.Streams).Sum);
        Assert.Empty(survey.Problems);
        Assert.Equal([1, 6, 8, 9], survey.Notes.Select(n => n.Line));
        Assert.True(Survey(new CsvOptions("file"), "start,kwh", "2026-01-01 00:00,1", "yesterday,1", "2026-01-01 00:30,1").Refused);
    }

    [Fact]
    public void Times_that_look_like_ends_are_noted()
    {
        string[] rows = [.. Enumerable.Range(1, 48).Select(i => Instant.FromUtc(2026, 1, 1, 0, 0) + Duration.FromMinutes(30L * i)).Select(at => $"{at.InUtc():uuuu-MM-dd HH:mm},1.5")];
        Assert.Contains("--stamps end", Assert.Single(Survey(new CsvOptions("file"), ["timestamp,kwh", .. rows]).Notes).Reason, StringComparison.Ordinal);
        Assert.Empty(Survey(new CsvOptions("file"), ["start,kwh", .. rows]).Notes);
        Assert.Empty(Survey(new CsvOptions("file", StampsAreEnds: true), ["timestamp,kwh", .. rows]).Notes);
    }

    [Fact]
    public void Start_and_end_in_local_time_keep_the_hour_that_comes_twice()
    {
        string[] lines = ["von;bis;kWh", "25.10.2026 01:00;25.10.2026 02:00;1,5", "25.10.2026 02:00;25.10.2026 03:00;2", "25.10.2026 02:00;25.10.2026 03:00;3", "25.10.2026 03:00;25.10.2026 04:00;4"];
        var runs = CsvReader.Read(lines, new CsvOptions("house", Berlin)).OfType<SourceRun>().ToDictionary(r => r.Start, r => r.Values[0]);
        Assert.Equal([1.5m, 2m, 3m, 4m], Enumerable.Range(0, 4).Select(i => runs[Instant.FromUtc(2026, 10, 24, 23, 0) + Duration.FromHours(i)]));
    }

    [Fact]
    public void In_spring_an_interval_ends_where_the_clocks_are_put_forward_and_rows_without_a_value_say_nothing()
    {
        string[] ends = ["end;kWh", "29.03.2026 01:00;1,5", "29.03.2026 02:00;2", "29.03.2026 04:00;3"];
        Assert.Equal([22, 23, 24], CsvReader.Read(ends, new CsvOptions("house", Berlin, IntervalMinutes: 60)).OfType<SourceRun>().Select(r => (int)(r.Start - Instant.FromUtc(2026, 3, 28, 1, 0)).TotalHours));
        string[] starts = ["start;kWh", "29.03.2026 01:00;1,5", "29.03.2026 02:00;", "29.03.2026 03:00;3"];
        var stream = Assert.Single(Survey(new CsvOptions("house", Berlin), starts).Streams);
        Assert.Equal((2, 0L, 4.5m), (stream.Intervals, stream.Gaps, stream.Sum));
        starts[2] = "29.03.2026 02:00;1";
        Assert.Equal(3, Assert.Single(Survey(new CsvOptions("house", Berlin), starts).Problems).Line);
    }

    private static string Clock(int minutes) => $"{minutes / 60:00}:{minutes % 60:00}";

    private static FileSurvey Survey(CsvOptions options, params string[] lines) => FileSurvey.Of(() => CsvReader.Read(lines, options));
}
