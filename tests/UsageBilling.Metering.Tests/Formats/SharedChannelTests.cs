using UsageBilling.Metering.Formats;

namespace UsageBilling.Metering.Tests.Formats;

/// <summary>Two streams of a file never share a channel where only one of them could count.</summary>
public class SharedChannelTests
{
    [Fact]
    public void Meters_whose_names_become_one_point_are_refused_with_both_names_and_lines()
    {
        string[] lines = ["Meter,Start,kWh", "M 1,2026-05-01 00:00,1.1", "M 1,2026-05-01 00:15,1", "M/1,2026-05-02 00:00,2.1", "M/1,2026-05-02 00:15,2"];
        var survey = FileSurvey.Of(() => CsvReader.Read(lines, new CsvOptions("file")));
        var problem = Assert.Single(survey.Problems);
        Assert.Equal((4, true), (problem.Line, survey.Refused));
        Assert.Contains("M 1 kWh in kWh by 15 minutes (line 2) and M/1 kWh in kWh by 15 minutes (line 4) would both be channel M-1/ActiveEnergy/Import", problem.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("E1", "kWh", 15, true)]
    [InlineData("E1", "kWh", 5, true)]
    [InlineData("E1", "MWh", 30, true)]
    [InlineData("Q1", "kWh", 30, true)]
    [InlineData("E2", "kWh", 30, false)]
    [InlineData("Q1", "kvarh", 30, false)]
    [InlineData("B1", "kWh", 15, false)]
    public void A_day_of_a_channel_in_two_streams_is_refused_with_both_lines(string suffix, string unit, int minutes, bool refused)
    {
        var survey = Nem12(Stream("E1", "kWh", 30, "20260501"), Stream(suffix, unit, minutes, "20260501"));
        Assert.Equal(refused, survey.Refused);
        if (refused)
        {
            var problem = Assert.Single(survey.Problems);
            Assert.Equal(5, problem.Line);
            Assert.Contains("NMI E1 in KWH by 30 minutes (line 3)", problem.Reason, StringComparison.Ordinal);
            Assert.Contains($"NMI {suffix} in {unit.ToUpperInvariant()} by {minutes} minutes (line 5)", problem.Reason, StringComparison.Ordinal);
            Assert.Contains("2026-04-30T14:00:00Z", problem.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_interval_length_or_unit_that_changes_from_a_day_on_and_back_is_one_channel()
    {
        var survey = Nem12(Stream("E1", "kWh", 30, "20260501"), Stream("E1", "kWh", 5, "20260502"), Stream("E1", "MWh", 15, "20260503"), Stream("E1", "kWh", 30, "20260504"));
        Assert.False(survey.Refused);
        Assert.Equal(3, survey.Streams.Count);
        Assert.True(Nem12(Stream("E1", "kWh", 30, "20260501"), Stream("E1", "kWh", 5, "20260502"), Stream("E1", "kWh", 30, "20260502")).Refused);
    }

    [Fact]
    public void A_total_over_intervals_that_are_in_the_file_too_is_refused()
    {
        string[] lines = ["start,end,kwh", "2026-05-01 00:00,2026-05-01 01:00,1.5", "2026-05-01 00:00,2026-05-02 00:00,36", "2026-05-02 00:00,2026-05-03 00:00,36"];
        Assert.Equal(3, Assert.Single(FileSurvey.Of(() => CsvReader.Read(lines, new CsvOptions("file"))).Problems).Line);
        lines[2] = lines[3];
        Assert.False(FileSurvey.Of(() => CsvReader.Read(lines[..3], new CsvOptions("file"))).Refused);
    }

    private static string[] Stream(string suffix, string unit, int minutes, string day) =>
        [$"200,NMI,E1,1,{suffix},N1,M,{unit},{minutes},", $"300,{day},{string.Join(',', Enumerable.Repeat("0.5", 1440 / minutes))},A,,,20260520000000,"];

    private static FileSurvey Nem12(params string[][] streams)
    {
        string[] lines = ["100,NEM12,202605200000,MDP,RET", .. streams.SelectMany(s => s), "900"];
        return FileSurvey.Of(() => Nem12Reader.Read(lines));
    }
}
