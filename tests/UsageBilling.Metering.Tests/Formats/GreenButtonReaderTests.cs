using System.Globalization;
using System.Xml;
using UsageBilling.Metering.Formats;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.Metering.Tests.Formats;

/// <summary>Green Button (ESPI) feeds.</summary>
public class GreenButtonReaderTests
{
    [Theory]
    [InlineData("hourlyForMonthNov.xml", 1, "Wh", 721, "2213810", 30)]
    [InlineData("hourlyForMonthMar.xml", 1, "Wh", 743, "2278213", 31)]
    [InlineData("hourlyForMonthFeb.xml", 1, "Wh", 672, "2078726", 28)]
    [InlineData("15minLP_15Days.xml", 1, "Wh", 1340, "1397734", 14)]
    [InlineData("1hrLP_32DaysFiveUsagePoints_M.xml", 5, "Wh", 768, "25326468", 32)]
    [InlineData("BatchFeedThreeUsagePoints_M.xml", 4, "Wh", 96, "14635", 2)]
    [InlineData("12MonthlyUpdates.xml", 1, "Wh", 366, "48348966", 366)]
    [InlineData("1dayLP_365Days.xml", 1, "Wh", 366, "23990671", 366)]
    [InlineData("MonthlyOnlyElectricData.xml", 1, "Wh", 14, "9567000", 401)]
    [InlineData("Gas.xml", 1, "therm", 13, "1074.821", 380)]
    [InlineData("Water.xml", 1, "US gal", 2, "29866000", 34)]
    [InlineData("Electric.xml", 1, "Wh", 2, "5965053", 41)]
    public void Published_samples_match_their_sums(string name, int streams, string unit, long intervals, string sum, long days)
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        var survey = Survey(() => File.OpenRead(SharedCases.Path("data", "greenbutton", name)!));
        Assert.False(survey.Refused);
        Assert.Empty(survey.Problems);
        Assert.Equal(streams, survey.Streams.Count);
        var first = survey.Streams.First();
        Assert.Equal((unit, intervals, decimal.Parse(sum, CultureInfo.InvariantCulture), days, 0L, 0L), (first.Channel.Unit, first.Intervals, first.Sum, first.Days, first.Gaps, first.Duplicates));
    }

    [Fact]
    public void A_year_whose_clocks_were_changed_at_the_wrong_hour_is_taken_whole_with_each_defect_named()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        var survey = Survey(() => File.OpenRead(SharedCases.Path("data", "greenbutton", "Coastal_Single_Family_Jan_1_2011_to_Jan_1_2012.xml")!));
        Assert.False(survey.Refused);
        var stream = Assert.Single(survey.Streams);
        Assert.Equal((8760L, 6_562_977m, 0L, 0L, 365L), (stream.Intervals, stream.Sum, stream.Gaps, stream.Duplicates, stream.Days));
        Assert.Equal(17, stream.Quality["interpolated"]);
        (int Line, string Words)[] expected =
        [
            (12090, "lasts 7200 s"), (12146, "a second reading begins at 2011-03-13T17:00:00Z"), (12146, "no reading begins at 2011-03-13T10:00:00Z"),
            (52130, "lasts 0 s"), (52137, "a second reading begins at 2011-11-06T09:00:00Z"), (52193, "no reading begins at 2011-11-06T17:00:00Z"),
            (10062, "its last reading ends at 2011-04-01T07:00:00Z"), (15270, "before the block in front of it says it ends"), (51271, "its last reading ends at 2011-12-01T08:00:00Z"),
            (12090, "daylight saving time begins"), (52130, "daylight saving time ends"),
        ];
        Assert.All(expected, e => Assert.Contains(survey.Problems, p => p.Line == e.Line && p.Reason.Contains(e.Words, StringComparison.Ordinal)));
        Assert.Equal(11, survey.Problems.Count);
    }

    [Fact]
    public void Reading_types_say_multiplier_unit_direction_and_qualities_are_kept()
    {
        var items = Read(Feed("<flowDirection>19</flowDirection><intervalLength>900</intervalLength><powerOfTenMultiplier>-3</powerOfTenMultiplier><uom>72</uom>",
            Reading(0, 900, -1234, 8) + Reading(900, 900, 7) + Reading(1800, 900, 8, 7)));
        var runs = items.OfType<SourceRun>().ToArray();
        Assert.Equal([-1.234m, 0.007m, 0.008m], runs.Select(r => r.Values[0]));
        Assert.Equal([IntervalQuality.Estimated, IntervalQuality.Measured, IntervalQuality.Edited], runs.Select(r => r.Flags[0].Quality));
        Assert.Equal(new Measurand(Quantity.ActiveEnergy, Direction.Export), runs[0].Channel.Measurand);
        Assert.Empty(items.OfType<SourceProblem>());
    }

    [Fact]
    public void A_long_reading_that_nothing_explains_is_spread_and_keeps_its_sum()
    {
        var items = Read(Feed("<intervalLength>900</intervalLength><uom>72</uom>", Reading(0, 2700, 100) + Reading(2700, 900, 5)));
        Assert.Equal([33m, 33m, 34m, 5m], items.OfType<SourceRun>().Select(r => r.Values[0]));
        Assert.Equal(3, items.OfType<SourceRun>().Count(r => r.Flags[0].Quality == IntervalQuality.Interpolated));
        Assert.Contains(items.OfType<SourceProblem>(), p => p.Reason.Contains("spread over its 3 intervals", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("<feed xmlns='http://www.w3.org/2005/Atom'><entry></feed>")]
    [InlineData("<feed xmlns='http://www.w3.org/2005/Atom'></feed>")]
    [InlineData("not xml")]
    public void What_is_no_feed_is_refused(string xml)
    {
        var survey = Survey(() => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(xml)));
        Assert.True(survey.Refused);
        Assert.True(survey.Problems[0].Line >= 1);
    }

    [Fact]
    public void A_reading_without_a_whole_number_is_refused_with_its_line()
    {
        var items = Read(Feed("<intervalLength>900</intervalLength><uom>72</uom>", "\n" + Reading(0, 900, 1).Replace("<value>1<", "<value>1.5<", StringComparison.Ordinal)));
        Assert.Equal(2, Assert.Single(items.OfType<SourceProblem>(), p => p.Refuses).Line);
    }

    [Theory]
    [InlineData("", 1, Quantity.GasVolume)]
    [InlineData("", 2, Quantity.WaterVolume)]
    [InlineData("<commodity>7</commodity>", 0, Quantity.GasVolume)]
    [InlineData("<commodity>9</commodity>", 1, Quantity.WaterVolume)]
    [InlineData("<commodity>10</commodity>", 2, null)]
    [InlineData("", 0, null)]
    public void Cubic_metres_are_of_what_the_commodity_says_or_else_the_service(string commodity, int service, Quantity? quantity)
    {
        var xml = Feed($"{commodity}<intervalLength>900</intervalLength><uom>42</uom>", Reading(0, 900, 5)).Replace("<kind>0<", $"<kind>{service}<", StringComparison.Ordinal);
        Assert.Equal(quantity, Assert.Single(Read(xml).OfType<SourceRun>()).Channel.Measurand?.Quantity);
    }

    [Fact]
    public void Of_two_reading_types_without_links_neither_is_taken_for_the_only_one()
    {
        var xml = Feed("<intervalLength>900</intervalLength><uom>72</uom>", Reading(0, 900, 5))
            .Replace("<link rel='self' href='ReadingType/1'/>", string.Empty, StringComparison.Ordinal)
            .Replace("</feed>", "<entry><content><ReadingType xmlns='http://naesb.org/espi'><uom>73</uom></ReadingType></content></entry></feed>", StringComparison.Ordinal);
        Assert.Contains(Read(xml).OfType<SourceProblem>(), p => p.Refuses && p.Reason.StartsWith("nothing says", StringComparison.Ordinal));
    }

    [Fact]
    public void A_repeated_interval_counts_once_also_where_the_feed_states_its_own_local_time()
    {
        var time = Entry("LocalTimeParameters/1", "LocalTimeParameters", "<LocalTimeParameters xmlns='http://naesb.org/espi'><dstEndRule>B40E2000</dstEndRule><dstOffset>3600</dstOffset><dstStartRule>360E2000</dstStartRule><tzOffset>-18000</tzOffset></LocalTimeParameters>", null);
        var xml = Feed("<intervalLength>900</intervalLength><uom>72</uom>", Reading(0, 900, 5) + Reading(900, 900, 7) + Reading(0, 900, 5))
            .Replace("</feed>", time + "</feed>", StringComparison.Ordinal);
        var survey = Survey(() => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(xml)));
        var stream = Assert.Single(survey.Streams);
        Assert.Equal((12m, 2, 1), (stream.Sum, stream.Intervals, stream.Duplicates));
        Assert.Equal(2, Read(xml).OfType<SourceRun>().Select(survey.Standing).OfType<SourceRun>().Select(r => r.Start).Distinct().Count());
        Assert.Single(survey.Streams);
    }

    [Fact]
    public void A_feed_with_any_damage_is_read_or_refused_with_a_line_and_never_more()
    {
        var whole = Feed(
            "<accumulationBehaviour>4</accumulationBehaviour><commodity>1</commodity><flowDirection>1</flowDirection><intervalLength>900</intervalLength><powerOfTenMultiplier>-3</powerOfTenMultiplier><uom>72</uom>",
            string.Concat(Enumerable.Range(0, 8).Select(i => Reading(i * 900, 900, i, 17))));
        string[] values = ["0", "-1", "99999999999999999999", "1e3", "900.5", "", "3600", "7200", "1767225601", "72", "167", "\u00E4"];
        var (read, refused) = (0, 0);
        for (var seed = 0; seed < 3_000; seed++)
        {
            var random = new Random(seed);
            var xml = whole;
            for (var damage = random.Next(1, 4); damage > 0; damage--)
            {
                // An element's text, or an element with all that is in it.
                var elements = System.Text.RegularExpressions.Regex.Matches(xml, "<(\\w+)[^<>/]*>([^<>]*)</\\1>");
                if (elements.Count == 0)
                {
                    break;
                }

                var element = elements[random.Next(elements.Count)];
                xml = random.Next(3) switch
                {
                    0 => xml.Remove(element.Index, element.Length),
                    1 => xml.Insert(element.Index, element.Value),
                    _ => xml.Remove(element.Groups[2].Index, element.Groups[2].Length).Insert(element.Groups[2].Index, values[random.Next(values.Length)]),
                };
            }

            var survey = Survey(() => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(xml)));
            Assert.True(survey.Refused || survey.Streams.Count > 0, xml);
            Assert.All(survey.Problems, p => Assert.True(p.Line >= 1));
            (read, refused) = (read + (survey.Refused ? 0 : 1), refused + (survey.Refused ? 1 : 0));
        }

        Assert.True(read > 300 && refused > 300, $"{read} read, {refused} refused");
        Assert.True(Survey(() => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(Feed("<uom>72</uom>", string.Empty)))).Refused);
    }

    private const long Start = 1_767_225_600;

    private static string Reading(long after, long seconds, long value, int? quality = null) =>
        $"<IntervalReading>{(quality is { } q ? $"<ReadingQuality><quality>{q}</quality></ReadingQuality>" : "")}<timePeriod><duration>{seconds}</duration><start>{Start + after}</start></timePeriod><value>{value}</value></IntervalReading>";

    private static string Feed(string type, string readings)
    {
        var seconds = readings.Split("<duration>").Skip(1).Sum(part => long.Parse(part[..part.IndexOf('<', StringComparison.Ordinal)], CultureInfo.InvariantCulture));
        var block = $"<IntervalBlock xmlns='http://naesb.org/espi'><interval><duration>{seconds}</duration><start>{Start}</start></interval>{readings}</IntervalBlock>";
        return "<feed xmlns='http://www.w3.org/2005/Atom'>"
            + Entry("UsagePoint/1", "UsagePoint", "<UsagePoint xmlns='http://naesb.org/espi'><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>", "UsagePoint/1/MeterReading")
            + Entry("UsagePoint/1/MeterReading/1", "UsagePoint/1/MeterReading", "<MeterReading xmlns='http://naesb.org/espi'/>", "ReadingType/1")
            + Entry("UsagePoint/1/MeterReading/1/IntervalBlock/1", "UsagePoint/1/MeterReading/1/IntervalBlock", block, null)
            + Entry("ReadingType/1", "ReadingType", $"<ReadingType xmlns='http://naesb.org/espi'>{type}</ReadingType>", null)
            + "</feed>";
    }

    private static string Entry(string self, string up, string content, string? related) =>
        $"<entry><link rel='self' href='{self}'/><link rel='up' href='{up}'/>{(related is null ? "" : $"<link rel='related' href='{related}'/>")}<content>{content}</content></entry>";

    private static List<SourceItem> Read(string xml) => [.. GreenButtonReader.Read(() => XmlReader.Create(new StringReader(xml)))];

    private static FileSurvey Survey(Func<Stream> open) => FileSurvey.Of(() => GreenButtonReader.Read(() => XmlReader.Create(open(), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, CloseInput = true })));
}
