using System.Globalization;
using System.Xml;
using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// The structure of a Green Button feed, found in a first reading: which interval blocks belong to which reading type, usage point and local time.
/// Resources name each other by the links of their Atom entries; where links are missing and there is only one candidate, that is it.
/// </summary>
internal sealed class EspiFeed
{
    public const string Espi = "http://naesb.org/espi";
    private const string Atom = "http://www.w3.org/2005/Atom";

    private readonly Dictionary<string, string> _names = [];
    private readonly List<Entry> _points = [];
    private readonly List<Entry> _meters = [];
    private readonly Dictionary<string, Dictionary<string, string>> _types = [];
    private readonly Dictionary<string, Dictionary<string, string>> _times = [];
    private readonly Dictionary<string, int> _durations = [];
    private readonly List<string?> _blocks = [];
    private readonly Dictionary<string, SourceChannel?> _channels = [];

    private sealed record Entry(string Self, string Up, List<string> Related, int Line, int Service, string Id);

    /// <summary>What stands in the way of reading the feed, or is odd about it.</summary>
    public List<SourceProblem> Problems { get; } = [];

    /// <summary>The stream of the blocks in entry <paramref name="entry"/> (from 0); null where none could be found, which <see cref="Problems"/> says.</summary>
    public SourceChannel? ChannelOf(int entry) => entry < _blocks.Count && _blocks[entry] is { } meter ? _channels.GetValueOrDefault(meter) : null;

    /// <summary>Reads the structure.</summary>
    /// <exception cref="XmlException">The file is not well-formed.</exception>
    public static EspiFeed Read(XmlReader reader, DateTimeZone? zone)
    {
        var feed = new EspiFeed();
        while (reader.Read())
        {
            if (reader.NodeType == XmlNodeType.Element && reader.LocalName == "entry" && reader.NamespaceURI == Atom)
            {
                feed.ReadEntry(reader);
            }
        }

        feed.Resolve(zone);
        return feed;
    }

    /// <summary>Text children of an element, by name; the reader ends on the element's end.</summary>
    public static Dictionary<string, string> Fields(XmlReader reader)
    {
        var fields = new Dictionary<string, string>();
        if (reader.IsEmptyElement)
        {
            return fields;
        }

        var depth = reader.Depth;
        reader.Read();
        while (reader.Depth > depth)
        {
            if (reader.NodeType == XmlNodeType.Element && reader.Depth == depth + 1)
            {
                var name = reader.LocalName;
                var text = Text(reader);
                fields.TryAdd(name, text);
            }
            else
            {
                reader.Read();
            }
        }

        return fields;
    }

    // Text of an element without children; of one with children nothing. Ends after the element.
    private static string Text(XmlReader reader)
    {
        if (reader.IsEmptyElement)
        {
            reader.Read();
            return string.Empty;
        }

        var depth = reader.Depth;
        var text = string.Empty;
        reader.Read();
        while (reader.Depth > depth)
        {
            text += reader.NodeType is XmlNodeType.Text or XmlNodeType.CDATA && reader.Depth == depth + 1 ? reader.Value : string.Empty;
            reader.Read();
        }

        reader.Read();
        return text.Trim();
    }

    private void ReadEntry(XmlReader reader)
    {
        var line = LineOf(reader);
        var (self, up, related, kind, id) = (string.Empty, string.Empty, new List<string>(), string.Empty, string.Empty);
        Dictionary<string, string>? fields = null;
        var duration = 0;
        var depth = reader.Depth;
        var empty = reader.IsEmptyElement;
        while (!empty && reader.Read() && reader.Depth > depth)
        {
            if (reader.NodeType != XmlNodeType.Element)
            {
                continue;
            }

            if (reader.LocalName == "link" && reader.NamespaceURI == Atom)
            {
                var href = Clean(reader.GetAttribute("href"));
                switch (reader.GetAttribute("rel"))
                {
                    case "self":
                        self = href;
                        break;
                    case "up":
                        up = href;
                        break;
                    case "related":
                        related.Add(href);
                        break;
                }
            }
            else if (reader.LocalName == "id" && reader.NamespaceURI == Atom && reader.Depth == depth + 1)
            {
                id = reader.IsEmptyElement || !reader.Read() ? string.Empty : reader.Value.Trim();
            }
            else if (reader.NamespaceURI == Espi)
            {
                (kind, fields, duration) = Resource(reader, depth, kind, fields, duration);
            }
        }

        Keep(kind, new Entry(self, up, related, line, kind == "UsagePoint" && int.TryParse(fields?.GetValueOrDefault("kind"), NumberStyles.None, CultureInfo.InvariantCulture, out var service) ? service : -1, id), fields, duration);
    }

    private static (string Kind, Dictionary<string, string>? Fields, int Duration) Resource(XmlReader reader, int depth, string kind, Dictionary<string, string>? fields, int duration)
    {
        if (reader.LocalName == "duration" && duration == 0 && kind == "IntervalBlock" && reader.Depth > depth + 4)
        {
            duration = reader.Read() && int.TryParse(reader.Value.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : 0;
        }
        else if (reader.LocalName == "ServiceCategory" && kind == "UsagePoint")
        {
            fields = Fields(reader);
        }
        else if (reader.Depth == depth + 2)
        {
            kind = reader.LocalName;
            fields = kind is "ReadingType" or "LocalTimeParameters" ? Fields(reader) : fields;
        }

        return (kind, fields, duration);
    }

    private void Keep(string kind, Entry entry, Dictionary<string, string>? fields, int duration)
    {
        _blocks.Add(null);
        switch (kind)
        {
            case "UsagePoint":
                _points.Add(entry);
                break;
            case "MeterReading":
                _meters.Add(entry);
                break;
            case "ReadingType":
                // Two without a link of their own are two: neither is then the only one.
                _types.TryAdd(entry.Self.Length > 0 ? entry.Self : $"#{_types.Count}", fields ?? []);
                break;
            case "LocalTimeParameters":
                _times.TryAdd(entry.Self, fields ?? []);
                break;
            case "IntervalBlock":
                var parent = Parent(entry.Up.Length > 0 ? entry.Up : Parent(entry.Self, "IntervalBlock"), "IntervalBlock");
                parent = _names.TryGetValue(parent, out var known) ? known : _names[parent] = parent;
                _blocks[^1] = parent;
                if (duration > 0)
                {
                    _durations.TryAdd(parent, duration);
                }

                break;
        }
    }

    private void Resolve(DateTimeZone? zone)
    {
        var taken = new HashSet<(string, Measurand)>();
        var zones = new Dictionary<string, DateTimeZone>();
        foreach (var name in _names.Values)
        {
            var meter = _meters.Find(m => m.Self == name) ?? (_meters.Count == 1 ? _meters[0] : null);
            var type = meter is null ? null : meter.Related.Select(r => _types.GetValueOrDefault(r)).FirstOrDefault(t => t is not null);
            type ??= _types.Count == 1 ? _types.Values.First() : null;
            if (type is null)
            {
                Problems.Add(new SourceProblem(meter?.Line ?? 1, $"nothing says what the interval blocks of \"{name}\" measure: no ReadingType is linked from their MeterReading", true));
                _channels[name] = null;
                continue;
            }

            var point = Point(meter, name);
            _channels[name] = Channel(name, meter, point, type, zone ?? ZoneOf(point, zones), taken);
        }

        if (_names.Count == 0)
        {
            Problems.Add(new SourceProblem(1, "the file has no IntervalBlock: is it a Green Button (ESPI) feed with usage?", true));
        }
    }

    private Entry? Point(Entry? meter, string name)
    {
        var parent = Parent(meter is { Up.Length: > 0 } ? meter.Up : Parent(name, "MeterReading"), "MeterReading");
        return _points.Find(p => p.Self == parent) ?? _points.Find(p => meter is not null && p.Related.Contains(meter.Up)) ?? (_points.Count == 1 ? _points[0] : null);
    }

    private DateTimeZone ZoneOf(Entry? point, Dictionary<string, DateTimeZone> zones)
    {
        var linked = point?.Related.Find(_times.ContainsKey);
        var self = linked ?? (_times.Count == 1 ? _times.Keys.First() : null);
        if (self is null)
        {
            return DateTimeZone.Utc;
        }

        if (!zones.TryGetValue(self, out var zone))
        {
            var fields = _times[self];
            zone = EspiZone.Of(fields.GetValueOrDefault("tzOffset"), fields.GetValueOrDefault("dstOffset"), fields.GetValueOrDefault("dstStartRule"), fields.GetValueOrDefault("dstEndRule"));
            zones.Add(self, zone);
        }

        return zone;
    }

    private SourceChannel? Channel(string name, Entry? meter, Entry? point, Dictionary<string, string> type, DateTimeZone zone, HashSet<(string, Measurand)> taken)
    {
        int Number(string field) => type.TryGetValue(field, out var text) && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : 0;
        var (uom, power, seconds) = (Number("uom"), Number("powerOfTenMultiplier"), Number("intervalLength"));
        seconds = seconds > 0 ? seconds : _durations.GetValueOrDefault(name);
        if (power is < -12 or > 12)
        {
            Problems.Add(new SourceProblem(meter?.Line ?? 1, $"the powerOfTenMultiplier {power} of \"{name}\" is outside −12 to 12", true));
            return null;
        }

        if (seconds is > 0 and <= 3600 && (seconds % 60 != 0 || 3600 % seconds != 0))
        {
            Problems.Add(new SourceProblem(meter?.Line ?? 1, $"intervals of {seconds} seconds of \"{name}\" cannot be taken: they must divide an hour in whole minutes", true));
            return null;
        }

        var measured = Number("accumulationBehaviour") is 0 or 4 ? EspiCodes.Measurand(uom, type.ContainsKey("commodity") ? Number("commodity") : EspiCodes.CommodityOf(point?.Service), Number("flowDirection")) : null;
        if (Number("accumulationBehaviour") is not (0 or 4))
        {
            Problems.Add(new SourceProblem(meter?.Line ?? 1, $"the values of \"{name}\" are no quantities of their intervals (accumulationBehaviour {Number("accumulationBehaviour")}, 4 is): they are read and delivered to no channel", false));
        }

        // A second meter reading of the same kind at a usage point is a point of its own; an export's are one channel, whose interval length changed.
        var id = point?.Self.Trim('/') is { Length: > 0 } self ? self : name;
        var register = meter is { Self.Length: > 0 } ? meter.Self[(meter.Self.LastIndexOf('/') + 1)..] : name;
        var exported = point is null ? null : GreenButtonWriter.PointOf(point.Self, point.Id);
        var target = exported ?? (measured is { } m && !taken.Add((id, m.Measurand)) ? PointName.Of($"{id}-{register}") : PointName.Of(id));
        return new SourceChannel(id, register, EspiCodes.Symbol(uom), seconds is > 0 and <= 3600 ? seconds / 60 : null, measured?.Measurand, measured?.Exponent ?? 0, zone)
        {
            Point = target,
            NominalMinutes = seconds > 0 ? seconds / 60 : null,
            Power = power,
            DefaultQuality = type.TryGetValue("defaultQuality", out var quality) && int.TryParse(quality, NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? code : null,
        };
    }

    public static int LineOf(XmlReader reader) => reader is IXmlLineInfo info && info.HasLineInfo() ? info.LineNumber : 1;

    private static string Clean(string? href) => (href ?? string.Empty).Trim().TrimEnd('/');

    private static string Parent(string href, string collection)
    {
        var at = href.LastIndexOf("/" + collection, StringComparison.Ordinal);
        return at < 0 ? href : href[..at];
    }
}
