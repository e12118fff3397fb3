using System.Globalization;
using NodaTime;
using UsageBilling.Metering.Formats;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Formats;

/// <summary>Which column of a CSV file is what was used: never a register's reading, and never one of two without being told which.</summary>
public class CsvColumnTests
{
    [Theory]
    [InlineData("Datum;Zählerstand (kWh)")]
    [InlineData("Datum;Zählerstand kWh")]
    [InlineData("Datum;Zählerstand 1.8.0 [kWh]")]
    [InlineData("Datum;Stand [kWh]")]
    [InlineData("Datum;Z\uFFFDhlerstand kWh")]
    [InlineData("Datum;Verbrauch (kWh, Zählerstand)")]
    [InlineData("Datum;Meterstand kWh")]
    [InlineData("Start;Meter reading kWh")]
    [InlineData("Start;Meter Read (kWh)")]
    [InlineData("Start;MeterReading [kWh]")]
    [InlineData("Reading Date;Cumulative kWh")]
    [InlineData("timestamp;total_energy_kwh")]
    [InlineData("timestamp;read_kwh")]
    [InlineData("timestamp;register_kwh")]
    [InlineData("Horodate;Index (kWh)")]
    public void A_file_with_readings_of_a_register_only_is_refused_at_its_header_with_what_to_do(string header)
    {
        var survey = Survey(new CsvOptions("file"), header, "01.05.2026 00:00;12345,1", "01.05.2026 01:00;12346,3", "01.05.2026 02:00;12347,9");
        var problem = Assert.Single(survey.Problems);
        Assert.Equal((1, true), (problem.Line, problem.Refuses));
        Assert.StartsWith($"\"{header.Split(';')[1]}\" has readings of a register", problem.Reason, StringComparison.Ordinal);
        Assert.Contains("POST /api/v1/reads", problem.Reason, StringComparison.Ordinal);
        Assert.True(Survey(new CsvOptions("file", Columns: [header.Split(';')[1]]), header, "01.05.2026 00:00;12345,1", "01.05.2026 01:00;12346,3").Refused);
    }

    [Fact]
    public void Beside_what_was_used_a_column_of_readings_is_left_aside_by_name()
    {
        var survey = Survey(new CsvOptions("zs"), "Datum;Zählerstand (kWh);Verbrauch (kWh)", "01.05.2026 00:00;12345,1;1,2", "01.05.2026 01:00;12346,3;1,6", "01.05.2026 02:00;12347,9;1,1");
        var stream = Assert.Single(survey.Streams);
        Assert.Equal(("zs", "Verbrauch (kWh)", 3.9m), (stream.Channel.Point, stream.Channel.Register, stream.Sum));
        var note = Assert.Single(survey.Notes);
        Assert.Equal((1, true), (note.Line, note.Reason.StartsWith("\"Zählerstand (kWh)\" has readings of a register and is left aside", StringComparison.Ordinal)));
        Assert.Empty(survey.Problems);
    }

    [Fact]
    public void A_header_behind_other_words_and_a_first_column_without_time_are_found_too()
    {
        var survey = Survey(new CsvOptions("file"), "Report", "Meter,Date,Reading (kWh)", "M1,2026-05-01,12345.1", "M1,2026-05-02,12347");
        Assert.Equal((2, true), (Assert.Single(survey.Problems).Line, survey.Refused));
    }

    [Fact]
    public void Rows_decide_where_a_reading_may_be_that_of_an_interval()
    {
        string[] Rows(string kind) => ["Read Value,Read Type,Read Date and End Time", $"0.5,{kind},14-01-2026 00:30", $"0.25,{kind},14-01-2026 00:00"];
        Assert.Equal(0.75m, Assert.Single(Survey(new CsvOptions("file"), Rows("Active Import Interval (kWh)")).Streams).Sum);
        Assert.True(Survey(new CsvOptions("file"), Rows("24 hr Active Import Register (kWh)")).Refused);
        string[] mixed = ["Value,Type,Start", "0.5,Active Import Interval (kWh),14-01-2026 00:00", "12345,Active Import Register (kWh),14-01-2026 00:30"];
        Assert.Equal(3, Assert.Single(Survey(new CsvOptions("file"), mixed).Problems).Line);
    }

    [Theory]
    [InlineData("time,kwh", 1)]
    [InlineData("time,kwh", -1)]
    [InlineData("time,Verbrauch (kWh)", 1)]
    [InlineData(null, 1)]
    public void Numbers_that_never_fall_are_refused_until_somebody_says_that_they_are_quantities(string? header, int order)
    {
        string[] rows = [.. Enumerable.Range(0, 24).Select(i => $"2026-05-01 {i:00}:00,{(12345.1m + (i * i * 0.1m)).ToString(CultureInfo.InvariantCulture)}")];
        string[] lines = [.. header is null ? Array.Empty<string>() : [header], .. order > 0 ? rows : rows.Reverse()];
        var problem = Assert.Single(Survey(new CsvOptions("file"), lines).Problems);
        var name = header?.Split(',')[1] ?? "value";
        Assert.True(problem.Refuses);
        Assert.Equal(header is null ? 1 : 2, problem.Line);
        Assert.Contains("from 12345.1 to 12398", problem.Reason, StringComparison.Ordinal);
        Assert.Contains($"--column \"{name}\"", problem.Reason, StringComparison.Ordinal);
        Assert.Equal(24, Assert.Single(Survey(new CsvOptions("file", Columns: [name]), lines).Streams).Intervals);
    }

    [Fact]
    public void A_new_meter_shows_after_a_day_and_a_morning_of_sun_is_no_meter()
    {
        string[] Rows(int count, int minutes) => ["start,kwh", .. Enumerable.Range(0, count).Select(i => $"{Instant.FromUtc(2026, 5, 1, 0, 0) + Duration.FromMinutes((long)i * minutes)},{i / 10}.{i % 10}")];
        Assert.True(Survey(new CsvOptions("file"), Rows(60, 30)).Refused);
        Assert.False(Survey(new CsvOptions("file"), Rows(72, 5)).Refused);
        string[] fallen = Rows(60, 30);
        fallen[40] = fallen[40].Split(',')[0] + ",0.1";
        Assert.False(Survey(new CsvOptions("file"), fallen).Refused);
        string[] standby = ["start,kwh", .. Enumerable.Range(0, 24).Select(i => $"2026-05-01 {i:00}:00,0.{1 + (i / 20)}")];
        Assert.False(Survey(new CsvOptions("file"), standby).Refused);
    }

    [Theory]
    [InlineData("Start,Peak kWh,Off Peak kWh")]
    [InlineData("Start,day kwh,night wh")]
    [InlineData("Start,Export kWh,Generation kWh")]
    [InlineData("Start,Peak,Off Peak,Unit", "kWh")]
    public void Two_columns_of_one_quantity_are_refused_with_both_names_until_one_is_chosen(string header, string unit = "")
    {
        string[] lines = [header.Replace(",Peak,Off Peak", ",Peak usage,Off Peak usage", StringComparison.Ordinal), $"2026-05-01 00:00,1.1,0,{unit}".TrimEnd(','), $"2026-05-01 00:15,0,4.8,{unit}".TrimEnd(',')];
        var names = lines[0].Split(',')[1..3];
        var problem = Assert.Single(Survey(new CsvOptions("P0001"), lines).Problems);
        Assert.Equal((1, true), (problem.Line, problem.Refuses));
        Assert.StartsWith($"\"{names[0]}\" and \"{names[1]}\" are not one quantity", problem.Reason, StringComparison.Ordinal);
        Assert.Contains("--column", problem.Reason, StringComparison.Ordinal);
        var chosen = Survey(new CsvOptions("P0001", Columns: [names[1].ToUpperInvariant()]), lines);
        var stream = Assert.Single(chosen.Streams);
        Assert.Equal(("P0001", names[1], 4.8m), (stream.Channel.Point, stream.Channel.Register, stream.Sum));
        Assert.Contains(names[0], Assert.Single(chosen.Problems).Reason, StringComparison.Ordinal);
        Assert.True(Survey(new CsvOptions("P0001", Columns: names), lines).Refused);
    }

    [Theory]
    [InlineData("A+ (kWh)", "A- (kWh)")]
    [InlineData("A+ [kWh]", "A\u2212 [kWh]")]
    [InlineData("+A kWh", "-A kWh")]
    [InlineData("Wirkenergie (A+) kWh", "Wirkenergie (A-) kWh")]
    [InlineData("P+ kWh", "P- kWh")]
    [InlineData("1-0:1.8.0 (kWh)", "1-0:2.8.0 (kWh)")]
    [InlineData("1-1:1.29.0*255 [kWh]", "1-1:2.29.0*255 [kWh]")]
    [InlineData("Bezug kWh", "Netzeinspeisung kWh")]
    [InlineData("afname kWh", "teruglevering kWh")]
    [InlineData("Verbrauch kWh", "R\u00FCcklieferung kWh")]
    [InlineData("Import kWh", "Feed-in kWh")]
    public void Signs_codes_and_words_say_which_way_energy_flows(string import, string export)
    {
        var survey = Survey(new CsvOptions("plus"), $"Date;{import};{export};R+ (kvarh);R- (kvarh)", "2026-05-01 00:00;1.1;0.1;0.2;0.3", "2026-05-01 00:15;1.2;0.1;0.3;0.4");
        Assert.Empty(survey.Problems);
        Assert.Equal(
            [("plus", Quantity.ActiveEnergy, Direction.Import, 2.3m), ("plus", Quantity.ActiveEnergy, Direction.Export, 0.2m), ("plus", Quantity.ReactiveEnergy, Direction.Import, 0.5m), ("plus", Quantity.ReactiveEnergy, Direction.Export, 0.7m)],
            survey.Streams.Select(s => (s.Channel.Point, s.Channel.Measurand!.Value.Quantity, s.Channel.Measurand.Value.Direction, s.Sum)));
    }

    [Fact]
    public void Codes_in_rows_say_it_too_and_two_of_one_direction_are_refused()
    {
        string[] lines = ["OBIS;Zeit;Wert (kWh)", "1-0:1.8.0;2026-05-01 00:00;1.1", "1-0:2.8.0;2026-05-01 00:00;0.1", "1-0:1.8.0;2026-05-01 00:15;1.2", "1-0:2.8.0;2026-05-01 00:15;0.1"];
        Assert.Equal([Direction.Import, Direction.Export], Survey(new CsvOptions("plus"), lines).Streams.Select(s => s.Channel.Measurand!.Value.Direction));
        lines[2] = lines[2].Replace("2.8.0", "1.8.1", StringComparison.Ordinal);
        Assert.Equal(3, Survey(new CsvOptions("plus"), lines).Problems[0].Line);
        string[] dutch = ["datum;afname normaal kWh;afname dal kWh;teruglevering kWh", "2026-05-01 00:00;1.1;0;0.5", "2026-05-01 00:15;1.1;0;0.5"];
        Assert.Contains("\"afname normaal kWh\" and \"afname dal kWh\"", Assert.Single(Survey(new CsvOptions("nl"), dutch).Problems).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_are_chosen_by_their_names_and_an_unknown_name_is_refused()
    {
        string[] lines = ["Start,House,Car,Cost,Export kWh", "2026-05-01 00:00,1.1,2,3,4", "2026-05-01 00:15,1.1,2,3,4"];
        Assert.Equal([2.2m, 8m], Survey(new CsvOptions("file", Columns: ["House", "Export kWh"]), lines).Streams.Select(s => s.Sum));
        var problem = Assert.Single(Survey(new CsvOptions("file", Columns: ["Hause"]), lines).Problems);
        Assert.Equal((1, true), (problem.Line, problem.Refuses));
        Assert.Contains("\"Hause\"", problem.Reason, StringComparison.Ordinal);
        Assert.True(Survey(new CsvOptions("file", Columns: ["Export kWh", "Start"]), lines).Refused);
    }

    private static FileSurvey Survey(CsvOptions options, params string[] lines) => FileSurvey.Of(() => CsvReader.Read(lines, options));
}
