using System.Globalization;
using System.Xml.Linq;

namespace UsageBilling.Metering.Tests.Formats;

/// <summary>
/// Checks a Green Button document against function blocks of the ESPI certification: 1 common, 4 interval metering, 5 electricity, 15 usage summary,
/// 16 usage summary with cost. Returns what is wrong, in words; the schema is checked apart.
/// </summary>
internal static class EspiBlocks
{
    private static readonly XNamespace Atom = "http://www.w3.org/2005/Atom";
    private static readonly XNamespace Espi = "http://naesb.org/espi";

    public static List<string> Check(XDocument document, bool withCost)
    {
        var wrong = new List<string>();
        var feed = document.Root!;
        Common(feed, wrong);
        var entries = feed.Elements(Atom + "entry").ToList();
        foreach (var meter in entries.Where(e => Is(e, "MeterReading")))
        {
            Interval(entries, meter, wrong);
        }

        Need(entries.Exists(e => Is(e, "MeterReading")), "FB_04: no MeterReading", wrong);
        if (withCost)
        {
            Summary(entries, wrong);
        }

        return wrong;
    }

    private static void Common(XElement feed, List<string> wrong)
    {
        Need(feed.Name == Atom + "feed", "FB_01: the root is no Atom feed", wrong);
        foreach (var name in new[] { "id", "title", "updated" })
        {
            Need(feed.Element(Atom + name)?.Value.Length > 0, $"FB_01: the feed has no {name}", wrong);
        }

        var entries = feed.Elements(Atom + "entry").ToList();
        Need(entries.Exists(e => Is(e, "LocalTimeParameters")), "FB_01: no LocalTimeParameters", wrong);
        Need(entries.Exists(e => Is(e, "UsagePoint") && Content(e)!.Element(Espi + "ServiceCategory")?.Element(Espi + "kind") is not null), "FB_01: no UsagePoint with a ServiceCategory's kind", wrong);
        foreach (var entry in entries)
        {
            Need(Links(entry, "self").Count() == 1 && Links(entry, "up").Count() == 1, $"FB_01: {entry.Element(Atom + "title")?.Value} has not one self and one up link", wrong);
        }

        Need(entries.Where(e => Is(e, "UsagePoint") || Is(e, "MeterReading")).All(e => Links(e, "related").Any()), "FB_01: a resource with others below it has no related link", wrong);
        var ids = feed.Descendants(Atom + "id").Select(id => id.Value).ToList();
        Need(ids.Distinct().Count() == ids.Count && ids.All(id => id.StartsWith("urn:uuid:", StringComparison.Ordinal)), "FB_01: ids are not unique UUIDs", wrong);
        var point = entries.First(e => Is(e, "UsagePoint"));
        var selves = entries.SelectMany(e => Links(e, "self")).ToHashSet();
        Need(Links(point, "related").Any(selves.Contains), "FB_01: the UsagePoint's related links lead to no LocalTimeParameters", wrong);
    }

    private static void Interval(List<XElement> entries, XElement meter, List<string> wrong)
    {
        var related = Links(meter, "related").ToHashSet();
        var types = entries.Where(e => Is(e, "ReadingType") && related.Contains(Links(e, "self").Single())).ToList();
        Need(types.Count == 1, $"FB_04: a MeterReading has {types.Count} ReadingTypes", wrong);
        var type = Content(types[0])!;
        foreach (var field in new[] { "intervalLength", "kind", "powerOfTenMultiplier", "uom" })
        {
            Need(type.Element(Espi + field) is not null, $"FB_04: the ReadingType has no {field}", wrong);
        }

        Need((int?)type.Element(Espi + "uom") == 72 && (int?)type.Element(Espi + "commodity") == 1 && (int?)type.Element(Espi + "kind") == 12, "FB_05: the ReadingType is not electric energy in Wh", wrong);
        var length = Number(type.Element(Espi + "intervalLength"));
        var starts = new HashSet<long>();
        var blocks = Links(meter, "self").Single() + "/IntervalBlock";
        foreach (var block in entries.Where(e => Is(e, "IntervalBlock") && Links(e, "up").Single() == blocks).Select(e => Content(e)!))
        {
            var (start, duration) = (Number(block.Element(Espi + "interval")?.Element(Espi + "start")), Number(block.Element(Espi + "interval")?.Element(Espi + "duration")));
            var readings = block.Elements(Espi + "IntervalReading").Select(r => (Start: Number(r.Element(Espi + "timePeriod")?.Element(Espi + "start")), Duration: Number(r.Element(Espi + "timePeriod")?.Element(Espi + "duration")))).ToList();
            Need(readings.Count > 0 && readings[0].Start == start, "FB_04: the first reading does not begin where its block begins", wrong);
            Need(readings.TrueForAll(r => starts.Add(r.Start)), "FB_04: two readings begin at the same time", wrong);
            Need(readings.TrueForAll(r => r.Duration == length), "FB_04: a reading does not last its interval", wrong);
            Need(readings[^1].Start + readings[^1].Duration == start + duration, "FB_04: the last reading does not end where its block ends", wrong);
        }
    }

    private static void Summary(List<XElement> entries, List<string> wrong)
    {
        var summaries = entries.Where(e => Is(e, "UsageSummary")).Select(e => Content(e)!).ToList();
        Need(summaries.Count > 0, "FB_15: no UsageSummary", wrong);
        foreach (var summary in summaries)
        {
            foreach (var field in new[] { "billingPeriod", "overallConsumptionLastPeriod", "qualityOfReading", "statusTimeStamp" })
            {
                Need(summary.Element(Espi + field) is not null, $"FB_15: the UsageSummary has no {field}", wrong);
            }

            foreach (var field in new[] { "billLastPeriod", "costAdditionalLastPeriod", "currency" })
            {
                Need(summary.Element(Espi + field) is not null, $"FB_16: the UsageSummary has no {field}", wrong);
            }
        }
    }

    private static bool Is(XElement entry, string resource) => Content(entry)?.Name == Espi + resource;

    private static XElement? Content(XElement entry) => entry.Element(Atom + "content")?.Elements().FirstOrDefault();

    private static IEnumerable<string> Links(XElement entry, string rel) => entry.Elements(Atom + "link").Where(l => (string?)l.Attribute("rel") == rel).Select(l => (string)l.Attribute("href")!);

    private static long Number(XElement? element) => long.Parse(element!.Value, CultureInfo.InvariantCulture);

    private static void Need(bool holds, string problem, List<string> wrong)
    {
        if (!holds)
        {
            wrong.Add(problem);
        }
    }
}
