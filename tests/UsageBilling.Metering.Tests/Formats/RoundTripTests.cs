using System.Collections.Immutable;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using System.Xml.Schema;
using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Formats;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.Metering.Tests.Formats;

/// <summary>What is exported comes back the same: starts, lengths, quantities to the unit, and as much of the quality as the format can say.</summary>
public class RoundTripTests
{
    private static readonly Instant WrittenAt = Instant.FromUtc(2026, 11, 30, 12, 0);
    private static readonly string[] Zones = ["Europe/Berlin", "Australia/Sydney", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Auckland", "UTC"];

    /// <summary>Days around a change of clocks (or anywhere), any interval length, any quality, negative quantities too.</summary>
    private static readonly Gen<Case> Cases =
        from zone in Gen.Elements(Zones)
        from minutes in Gen.Elements(5, 10, 15, 30, 60)
        from exponent in Gen.Elements(-3, 0, 3)
        from year in Gen.Choose(2015, 2026)
        from day in Gen.Elements(60, 85, 90, 95, 278, 300, 305, 12)
        from days in Gen.Choose(1, 4)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        from negative in Gen.Elements(false, true)
        from cut in Gen.Choose(0, 20)
        let one = new Case(zone, minutes, exponent, new LocalDate(year, 1, 1).PlusDays(day), days, seed, negative, cut)
        where one.Expected(q => q).Count > 0
        select one;

    [Fact]
    public void Csv_comes_back_the_same() => Check(Cases, one =>
    {
        var lines = CsvWriter.Write(one.Channel, one.Days, one.From, one.To).ToList();
        var back = Collect(CsvReader.Read(lines, new CsvOptions("file")), one.Exponent);
        Assert.Equal(one.Expected(q => q), back);
    });

    [Fact]
    public void Nem12_comes_back_the_same()
    {
        Check(Cases.Where(c => c.Minutes is 5 or 15 or 30), one =>
        {
            var lines = Nem12Writer.Write(one.Channel, one.Days, one.From, one.To, WrittenAt).ToList();
            // A, S/F and N: what was distributed, estimated or edited is a substitute.
            var back = Collect(Nem12Reader.Read(lines), one.Exponent);
            Assert.Equal(one.Expected(q => q == IntervalQuality.Measured ? q : IntervalQuality.Estimated), back);
        });
    }

    [Fact]
    public void Green_Button_comes_back_the_same() => Check(Cases, one =>
    {
        var xml = GreenButton(one, null);
        var back = Collect(GreenButtonReader.Read(() => XmlReader.Create(new StringReader(xml))), one.Exponent);
        Assert.Equal(one.Expected(q => q), back);
    });

    [Fact]
    public void Green_Button_validates_against_the_schema_and_obeys_its_function_blocks()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        var schemas = new XmlSchemaSet { XmlResolver = new XmlUrlResolver() };
        schemas.Add(null, SharedCases.Path("schemas", "espi", "atom+ESPI_4.0_espi.xsd")!);
        schemas.Compile();
        var summary = new GreenButtonSummary(Instant.FromUtc(2026, 1, 1, 0, 0), Instant.FromUtc(2026, 2, 1, 0, 0), 123.45m, 2.5m, 978, 1_234_567);
        Check(Cases, one =>
        {
            var document = XDocument.Parse(GreenButton(one, summary));
            var wrong = new List<string>();
            document.Validate(schemas, (_, e) => wrong.Add(e.Message));
            Assert.Empty(wrong);
            Assert.Empty(EspiBlocks.Check(document, withCost: true));
        }, 60);
    }

    [Theory]
    [InlineData("IntervalBlock", "start", "FB_04")]
    [InlineData("ReadingType", "uom", "FB_04")]
    [InlineData("UsageSummary", "currency", "FB_16")]
    [InlineData("UsageSummary", "qualityOfReading", "FB_15")]
    [InlineData("UsagePoint", "kind", "FB_01")]
    public void The_checker_of_function_blocks_sees_what_is_missing(string resource, string element, string block)
    {
        XNamespace espi = "http://naesb.org/espi";
        var one = new Case("Europe/Berlin", 15, 0, new LocalDate(2026, 3, 28), 2, 1, false, 0);
        var document = XDocument.Parse(GreenButton(one, new GreenButtonSummary(one.From, one.To, 1m, 0m, 978, 1)));
        var found = document.Descendants(espi + resource).First().Descendants(espi + element).First();
        if (element == "start")
        {
            found.Value = "1";
        }
        else
        {
            found.Remove();
        }

        Assert.Contains(EspiBlocks.Check(document, withCost: true), w => w.StartsWith(block, StringComparison.Ordinal));
    }

    [Fact]
    public void Local_time_parameters_say_when_clocks_change()
    {
        var one = new Case("America/New_York", 60, 0, new LocalDate(2026, 3, 7), 2, 1, false, 0);
        var xml = GreenButton(one, null);
        Assert.Contains("<dstStartRule>360E2000</dstStartRule>", xml, StringComparison.Ordinal);
        Assert.Contains("<dstEndRule>B40E2000</dstEndRule>", xml, StringComparison.Ordinal);
        Assert.Contains("<tzOffset>-18000</tzOffset>", xml, StringComparison.Ordinal);
    }

    [Fact]
    public void Nem12_names_the_method_of_each_estimate_and_keeps_sums_of_hours()
    {
        var qualities = Enumerable.Repeat((byte)IntervalQuality.Measured, 24).ToArray();
        (qualities[3], qualities[4], qualities[5]) = ((byte)IntervalQuality.Estimated, (byte)IntervalQuality.Estimated, (byte)IntervalQuality.Edited);
        var day = new ExportedDay(
            new LocalDate(2026, 1, 1), new IntervalDay(60, [.. Enumerable.Range(1, 24).Select(i => (long)i)], qualities),
            [new(3, 1, IntervalQuality.Estimated, "linear", null), new(4, 1, IntervalQuality.Estimated, "like-day", null), new(5, 1, IntervalQuality.Edited, "typed", "read by hand, twice")], WrittenAt);
        var channel = new ExportedChannel(new ChannelKey("NMI", new Measurand(Quantity.ActiveEnergy, Direction.Import)), 3, DateTimeZone.Utc);
        var lines = Nem12Writer.Write(channel, [day], UtcDay.StartOf(day.Day), UtcDay.StartOf(day.Day.PlusDays(1)), WrittenAt).ToList();
        Assert.Contains("200,NMI,E1,E1,E1,,,kWh,30,", lines);
        Assert.Equal(2, lines.Count(l => l.StartsWith("300", StringComparison.Ordinal)));
        // 03:00 UTC is 13:00 market time, interval 27.
        Assert.Contains(lines, l => l.StartsWith("400,27,28,S17", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("400,29,30,S14", StringComparison.Ordinal));
        Assert.Contains("400,31,32,F12,0,read by hand; twice", lines);
        // A measured hour is known as a whole; its halves are calculated, and say so.
        Assert.Contains("400,21,26,S12,0,part of a measured interval of 60 minutes", lines);
        Assert.DoesNotContain(lines, l => l.StartsWith("400", StringComparison.Ordinal) && l.Split(',')[3] == "A");
        var survey = FileSurvey.Of(() => Nem12Reader.Read(lines));
        Assert.False(survey.Refused);
        Assert.Equal(300m, Assert.Single(survey.Streams).Sum);
    }

    private static string GreenButton(Case one, GreenButtonSummary? summary)
    {
        var text = new StringBuilder();
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { Indent = true }))
        {
            GreenButtonWriter.Write(writer, one.Channel, one.Days, one.From, one.To, WrittenAt, summary);
        }

        return text.ToString();
    }

    private static SortedDictionary<(Instant, int), (long, IntervalQuality)> Collect(IEnumerable<SourceItem> items, int exponent)
    {
        var found = new SortedDictionary<(Instant, int), (long, IntervalQuality)>();
        foreach (var item in items)
        {
            Assert.True(item is not SourceProblem, item.ToString());
            if (item is SourceRun run)
            {
                var factor = DecimalText.PowerOfTen(run.Channel.UnitExponent - exponent);
                for (var i = 0; i < run.Values.Length; i++)
                {
                    if (run.FlagOf(i).Quality != IntervalQuality.Missing)
                    {
                        found.Add((run.At(i), run.Channel.IntervalMinutes!.Value), (decimal.ToInt64(run.Values[i] * factor), run.FlagOf(i).Quality));
                    }
                }
            }
        }

        return found;
    }

    private static void Check(Gen<Case> cases, Action<Case> law, int times = 120) =>
        Prop.ForAll(cases.ToArbitrary(), law).Check(Config.QuickThrowOnFailure.WithMaxTest(times));

    private sealed record Case(string Zone, int Minutes, int Exponent, LocalDate First, int Count, int Seed, bool Negative, int Cut)
    {
        public ExportedChannel Channel { get; } = new(new ChannelKey("NMI0000001", new Measurand(Quantity.ActiveEnergy, Direction.Import)), Exponent, DateTimeZoneProviders.Tzdb[Zone]);

        public Instant From { get; } = LocalPeriod.StartOfDay(First, DateTimeZoneProviders.Tzdb[Zone]) is var start ? Grid(start, 60) : default;

        public Instant To { get; } = Grid(LocalPeriod.StartOfDay(First.PlusDays(Count), DateTimeZoneProviders.Tzdb[Zone]), 60);

        public ImmutableArray<ExportedDay> Days { get; } = Make(First, Count, Minutes, Seed, Negative, Cut);

        public SortedDictionary<(Instant, int), (long, IntervalQuality)> Expected(Func<IntervalQuality, IntervalQuality> quality)
        {
            var expected = new SortedDictionary<(Instant, int), (long, IntervalQuality)>();
            foreach (var day in Days)
            {
                for (var slot = 0; slot < day.Intervals.Slots; slot++)
                {
                    var at = UtcDay.StartOf(day.Day) + Duration.FromMinutes((long)slot * Minutes);
                    if (at >= From && at < To && day.Intervals.Qualities[slot] != 0)
                    {
                        expected.Add((at, Minutes), (day.Intervals.Quantities[slot], quality((IntervalQuality)day.Intervals.Qualities[slot])));
                    }
                }
            }

            return expected;
        }

        // Interval grids divide the hour: a boundary of a half-hour zone is taken to the hour before.
        private static Instant Grid(Instant at, int minutes) => Instant.FromUnixTimeSeconds(at.ToUnixTimeSeconds() / (60 * minutes) * 60 * minutes);

        private static ImmutableArray<ExportedDay> Make(LocalDate first, int count, int minutes, int seed, bool negative, int cut)
        {
            var random = new System.Random(seed);
            var days = ImmutableArray.CreateBuilder<ExportedDay>();
            for (var d = -1; d <= count + 1; d++)
            {
                // Now and then a whole day is not there.
                if (random.Next(12) == 0)
                {
                    continue;
                }

                var slots = IntervalDay.SlotsOf(minutes);
                var (quantities, qualities) = (new long[slots], new byte[slots]);
                for (var i = 0; i < slots; i++)
                {
                    qualities[i] = (byte)(random.Next(100) < cut ? random.Next(0, 4) : 4);
                    quantities[i] = qualities[i] == 0 ? 0 : random.Next(negative ? -5_000_000 : 0, 5_000_000);
                }

                days.Add(new ExportedDay(first.PlusDays(d), new IntervalDay(minutes, quantities, qualities), [], WrittenAt));
            }

            return days.ToImmutable();
        }
    }
}
