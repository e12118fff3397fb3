using System.Globalization;
using System.Xml;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Intervals as a Green Button feed (NAESB ESPI 4.0): usage point, local time, and for each interval length a meter reading with its reading type; one
/// interval block a local day; the last bill as usage summary. Missing intervals are left out. Ids and links are made from the channel's name, so that the
/// same export has the same ones. Obeys function blocks 1, 4, 5 and, with a bill, 15 and 16.
/// </summary>
public static class GreenButtonWriter
{
    private const string Atom = "http://www.w3.org/2005/Atom";
    private const string Espi = EspiFeed.Espi;
    private const string PointPrefix = "UsagePoint/";

    /// <summary>Writes the whole document.</summary>
    /// <param name="writer">Where to; the caller flushes it.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="days">UTC days in order, all that touch [from, to).</param>
    /// <param name="from">First instant.</param>
    /// <param name="to">First instant after.</param>
    /// <param name="writtenAt">Time of the feed.</param>
    /// <param name="summary">The last bill, or null.</param>
    /// <exception cref="ArgumentException">ESPI has no unit for the channel's quantity.</exception>
    public static void Write(XmlWriter writer, ExportedChannel channel, IEnumerable<ExportedDay> days, Instant from, Instant to, Instant writtenAt, GreenButtonSummary? summary)
    {
        var feed = new Feed(writer, channel, writtenAt);
        feed.Begin();
        foreach (var block in Blocks(channel.Zone, days, from, to))
        {
            feed.Block(block);
        }

        if (summary is not null)
        {
            feed.Summary(summary);
        }

        feed.End();
    }

    private readonly record struct Reading(Instant Start, long Value, IntervalQuality Quality, string? Method);

    private sealed record Block(LocalDate Day, int Minutes, List<Reading> Readings);

    private static IEnumerable<Block> Blocks(DateTimeZone zone, IEnumerable<ExportedDay> days, Instant from, Instant to)
    {
        Block? open = null;
        foreach (var day in days)
        {
            var minutes = day.Intervals.IntervalMinutes;
            for (var slot = 0; slot < day.Intervals.Slots; slot++)
            {
                var at = UtcDay.StartOf(day.Day) + Duration.FromMinutes((long)slot * minutes);
                var quality = (IntervalQuality)day.Intervals.Qualities[slot];
                if (at < from || at >= to || quality == IntervalQuality.Missing)
                {
                    continue;
                }

                var date = at.InZone(zone).Date;
                if (open is null || open.Day != date || open.Minutes != minutes)
                {
                    if (open is not null)
                    {
                        yield return open;
                    }

                    open = new Block(date, minutes, []);
                }

                open.Readings.Add(new Reading(at, day.Intervals.Quantities[slot], quality, day.MethodOf(slot)?.Method));
            }
        }

        if (open is not null)
        {
            yield return open;
        }
    }

    private sealed class Feed(XmlWriter writer, ExportedChannel channel, Instant writtenAt)
    {
        private readonly string _point = PointPrefix + channel.Key.Point;
        private readonly string _time = "LocalTimeParameters/" + PointName.Of(channel.Zone.Id);
        private readonly string _measure = $"{channel.Key.Measurand.Quantity}-{channel.Key.Measurand.Direction}";
        private readonly string _updated = InstantPattern.General.Format(writtenAt);
        private readonly HashSet<int> _lengths = [];
        private int _blocks;

        public void Begin()
        {
            writer.WriteStartDocument();
            writer.WriteStartElement("feed", Atom);
            writer.WriteElementString("id", Atom, Urn("feed/" + channel.Key));
            writer.WriteElementString("title", Atom, $"Usage of {channel.Key}");
            writer.WriteElementString("updated", Atom, _updated);
            Link("self", $"feed/{channel.Key}");
            Entry(_point, "UsagePoint", "Usage point", [_point + "/MeterReading", _point + "/UsageSummary", _time], "UsagePoint", () =>
            {
                Start("ServiceCategory");
                Element("kind", channel.Key.Measurand.Quantity switch { Quantity.GasVolume => 1, Quantity.WaterVolume => 2, Quantity.HeatEnergy => 4, _ => 0 });
                writer.WriteEndElement();
            });
            var rules = EspiRules.Of(channel.Zone, writtenAt);
            Entry(_time, "LocalTimeParameters", channel.Zone.Id, [], "LocalTimeParameters", () =>
            {
                writer.WriteElementString("dstEndRule", Espi, rules.EndRule);
                Element("dstOffset", rules.DstOffset);
                writer.WriteElementString("dstStartRule", Espi, rules.StartRule);
                Element("tzOffset", rules.TzOffset);
            });
        }

        public void Block(Block block)
        {
            var meter = Meter(block.Minutes);
            var self = string.Create(CultureInfo.InvariantCulture, $"{meter}/IntervalBlock/{++_blocks}");
            Entry(self, meter + "/IntervalBlock", $"{block.Day:uuuu-MM-dd}", [], "IntervalBlock", () =>
            {
                var seconds = block.Minutes * 60L;
                var (first, last) = (block.Readings[0].Start, block.Readings[^1].Start + Duration.FromSeconds(seconds));
                Interval("interval", first, last);
                foreach (var reading in block.Readings)
                {
                    Start("IntervalReading");
                    Start("ReadingQuality");
                    Element("quality", Quality(reading));
                    writer.WriteEndElement();
                    Interval("timePeriod", reading.Start, reading.Start + Duration.FromSeconds(seconds));
                    Element("value", reading.Value);
                    writer.WriteEndElement();
                }
            });
        }

        public void Summary(GreenButtonSummary summary)
        {
            Entry(_point + "/UsageSummary/1", _point + "/UsageSummary", "Last bill", [], "UsageSummary", () =>
            {
                Interval("billingPeriod", summary.From, summary.To);
                Element("billLastPeriod", Money(summary.Total));
                Element("costAdditionalLastPeriod", Money(summary.Additional));
                Element("currency", summary.Currency);
                Start("overallConsumptionLastPeriod");
                Element("powerOfTenMultiplier", channel.Exponent);
                Element("timeStamp", summary.To.ToUnixTimeSeconds());
                Element("uom", Type().Uom);
                Element("value", summary.Consumption);
                writer.WriteEndElement();
                Element("qualityOfReading", 17);
                Element("statusTimeStamp", writtenAt.ToUnixTimeSeconds());
                Element("commodity", Type().Commodity);
            });
        }

        /// <summary>Closes the feed; one without intervals still says what it would have measured.</summary>
        public void End()
        {
            if (_lengths.Count == 0)
            {
                Meter(60);
            }

            writer.WriteEndElement();
            writer.WriteEndDocument();
        }

        // A meter reading has exactly one reading type, and a reading type one interval length.
        private string Meter(int minutes)
        {
            var meter = string.Create(CultureInfo.InvariantCulture, $"{_point}/MeterReading/{_measure}-{minutes}");
            if (_lengths.Add(minutes))
            {
                var type = string.Create(CultureInfo.InvariantCulture, $"ReadingType/{_measure}-{minutes}-{(channel.Exponent < 0 ? "m" : "p")}{Math.Abs(channel.Exponent)}");
                Entry(meter, _point + "/MeterReading", $"{channel.Key.Measurand.Quantity} {channel.Key.Measurand.Direction}, {minutes} minutes", [meter + "/IntervalBlock", type], "MeterReading", () => { });
                Entry(type, "ReadingType", $"{channel.Key.Measurand.Quantity} {channel.Key.Measurand.Direction}, {minutes} minutes", [], "ReadingType", () =>
                {
                    Element("accumulationBehaviour", 4);
                    Element("commodity", Type().Commodity);
                    Element("dataQualifier", 12);
                    Element("flowDirection", channel.Key.Measurand.Direction == Direction.Import ? 1 : 19);
                    Element("intervalLength", minutes * 60L);
                    Element("kind", 12);
                    Element("phase", 0);
                    Element("powerOfTenMultiplier", channel.Exponent);
                    Element("timeAttribute", 0);
                    Element("uom", Type().Uom);
                });
            }

            return meter;
        }

        private (int Commodity, int Uom) Type() => channel.Key.Measurand.Quantity switch
        {
            Quantity.ActiveEnergy => (1, 72),
            Quantity.ReactiveEnergy => (1, 73),
            Quantity.ApparentEnergy => (1, 71),
            Quantity.GasVolume => (7, 42),
            Quantity.WaterVolume => (9, 42),
            _ => throw new ArgumentException($"ESPI has no unit for {channel.Key.Measurand.Quantity}; export it as CSV"),
        };

        private static int Quality(Reading reading) => reading.Quality switch
        {
            IntervalQuality.Measured => 17,
            IntervalQuality.Interpolated => 11,
            IntervalQuality.Edited => 7,
            _ => AemoMethods.NumberOf(reading.Method) == 17 ? 9 : 8,
        };

        // Hundred-thousandths of the currency.
        private static long Money(decimal amount) => (long)decimal.Round(amount * 100_000m, 0, MidpointRounding.AwayFromZero);

        private void Entry(string self, string up, string title, string[] related, string resource, Action content)
        {
            writer.WriteStartElement("entry", Atom);
            writer.WriteElementString("id", Atom, Urn(self));
            Link("self", self);
            Link("up", up);
            foreach (var href in related)
            {
                Link("related", href);
            }

            writer.WriteElementString("title", Atom, title);
            writer.WriteStartElement("content", Atom);
            Start(resource);
            content();
            writer.WriteEndElement();
            writer.WriteEndElement();
            writer.WriteElementString("published", Atom, _updated);
            writer.WriteElementString("updated", Atom, _updated);
            writer.WriteEndElement();
        }

        private void Link(string rel, string href)
        {
            writer.WriteStartElement("link", Atom);
            writer.WriteAttributeString("rel", rel);
            writer.WriteAttributeString("href", href);
            writer.WriteEndElement();
        }

        private void Interval(string name, Instant from, Instant to)
        {
            Start(name);
            Element("duration", to.ToUnixTimeSeconds() - from.ToUnixTimeSeconds());
            Element("start", from.ToUnixTimeSeconds());
            writer.WriteEndElement();
        }

        private void Start(string name) => writer.WriteStartElement(name, Espi);

        private void Element(string name, long value) => writer.WriteElementString(name, Espi, value.ToString(CultureInfo.InvariantCulture));

    }

    /// <summary>The service point of an entry that this writer made: its id is the name's own. Null for feeds of others.</summary>
    internal static string? PointOf(string self, string id) =>
        self.StartsWith(PointPrefix, StringComparison.Ordinal) && id == Urn(self) && Name.IsValid(self[PointPrefix.Length..]) ? self[PointPrefix.Length..] : null;

    private static string Urn(string name) => $"urn:uuid:{NameBasedGuid.Create(NameBasedGuid.Channels, "greenbutton/" + name)}";
}
