using System.Globalization;
using System.Xml;
using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Reads Green Button (NAESB ESPI) XML: the structure first, then every interval reading in the file's order, one at a time. Numbers are
/// <c>value × 10^powerOfTenMultiplier</c> of the reading type's unit; times are UTC.
/// </summary>
public sealed class GreenButtonReader
{
    private readonly XmlReader _reader;
    private readonly EspiFeed _feed;
    private readonly List<SourceItem> _out = [];
    private int _entry = -1;
    private SourceChannel? _channel;
    private EspiSequence? _sequence;
    private (int Line, Instant Start, long Seconds)? _block;
    private bool _inBlock;
    private bool _any;
    private Instant? _blockEnd;
    private readonly Dictionary<SourceChannel, Instant> _blockEnds = [];

    private GreenButtonReader(XmlReader reader, EspiFeed feed)
    {
        _reader = reader;
        _feed = feed;
    }

    /// <summary>Reads a whole feed, lazily.</summary>
    /// <param name="open">Opens the file anew; it is read twice. DTDs must be prohibited.</param>
    /// <param name="zone">Whose days to count in; null: the feed's LocalTimeParameters.</param>
    public static IEnumerable<SourceItem> Read(Func<XmlReader> open, DateTimeZone? zone = null)
    {
        var (feed, broken) = Structure(open, zone);
        if (feed is null)
        {
            yield return broken!;
            yield break;
        }

        foreach (var problem in feed.Problems)
        {
            yield return problem;
        }

        using var xml = open();
        var reader = new GreenButtonReader(xml, feed);
        while (reader.Step())
        {
            foreach (var item in reader._out)
            {
                yield return item;
            }
        }

        foreach (var item in reader._out)
        {
            yield return item;
        }

        if (!reader._any && feed.Problems.TrueForAll(p => !p.Refuses))
        {
            yield return new SourceProblem(1, "no IntervalBlock has an IntervalReading: there is no usage in the feed", true);
        }
    }

    private static (EspiFeed? Feed, SourceProblem? Problem) Structure(Func<XmlReader> open, DateTimeZone? zone)
    {
        try
        {
            using var xml = open();
            return (EspiFeed.Read(xml, zone), null);
        }
        catch (XmlException error)
        {
            return (null, new SourceProblem(Math.Max(error.LineNumber, 1), $"not well-formed XML: {error.Message}", true));
        }
    }

    // One node of interest; false at the end.
    private bool Step()
    {
        _out.Clear();
        while (_reader.Read())
        {
            if (_reader.NodeType == XmlNodeType.Element)
            {
                switch (_reader.LocalName)
                {
                    case "entry":
                        _entry++;
                        break;
                    case "IntervalBlock" when !_reader.IsEmptyElement:
                        Begin();
                        break;
                    case "interval" when _inBlock:
                        Block();
                        break;
                    case "IntervalReading" when _inBlock && _channel is not null:
                        Reading();
                        break;
                }
            }
            else if (_reader.NodeType == XmlNodeType.EndElement && _reader.LocalName == "IntervalBlock")
            {
                End();
            }

            if (_out.Count > 0)
            {
                return true;
            }
        }

        return false;
    }

    private void Begin()
    {
        _inBlock = true;
        _block = null;
        _blockEnd = null;
        _channel = _feed.ChannelOf(_entry);
        _sequence = _channel is { IntervalMinutes: not null } ? new EspiSequence(_channel, _out) : null;
    }

    private void Block()
    {
        var line = EspiFeed.LineOf(_reader);
        var fields = EspiFeed.Fields(_reader);
        if (Number(fields, "start") is { } start && Number(fields, "duration") is { } seconds && InRange(start))
        {
            _block = (line, Instant.FromUnixTimeSeconds(start), seconds);
            if (_channel is not null && _blockEnds.TryGetValue(_channel, out var end) && Instant.FromUnixTimeSeconds(start) < end)
            {
                Defect(line, $"the block says it begins at {Instant.FromUnixTimeSeconds(start)}, before the block in front of it says it ends ({end})");
            }
        }
        else
        {
            Defect(line, "the block's interval has no start and duration");
        }
    }

    private void End()
    {
        _inBlock = false;
        _sequence?.End(_block is { } b ? b.Start + Duration.FromSeconds(b.Seconds) : null);
        if (_block is { } block && _channel is not null)
        {
            var end = block.Start + Duration.FromSeconds(block.Seconds);
            _blockEnds[_channel] = end;
            if (_blockEnd is { } last && last != end)
            {
                Defect(block.Line, $"the block says it lasts {block.Seconds} s, to {end}, but its last reading ends at {last}");
            }
        }

        _channel = null;
        _sequence = null;
    }

    private void Reading()
    {
        var line = EspiFeed.LineOf(_reader);
        _any = true;
        if (ReadReading() is not { } raw)
        {
            Refuse(line, "an IntervalReading needs timePeriod with start and duration in whole seconds, and a whole number as value");
            return;
        }

        var start = Instant.FromUnixTimeSeconds(raw.Start);
        var end = start + Duration.FromSeconds(raw.Seconds);
        if (_blockEnd is null && _block is { } block && block.Start != start)
        {
            Defect(line, $"the block's first reading begins at {start}, the block at {block.Start}");
        }

        _blockEnd = _blockEnd is { } last && last > end ? last : end;
        var channel = _channel!;
        var (quality, word) = EspiCodes.Quality(raw.Quality ?? channel.DefaultQuality ?? 0);
        var value = raw.Value * DecimalText.PowerOfTen(channel.Power);
        var flag = new SourceFlag(0, 1, quality, raw.Quality is null && channel.DefaultQuality is null ? "unstated" : word);
        if (_sequence is not null)
        {
            _sequence.Add(line, start, raw.Seconds, value, flag);
        }
        else if (raw.Seconds <= 0)
        {
            Refuse(line, $"the reading at {start} lasts {raw.Seconds} s");
        }
        else
        {
            _out.Add(new SourceTotal(line, channel, start, end, value, flag, null));
        }
    }

    private (long Start, long Seconds, decimal Value, int? Quality)? ReadReading()
    {
        long? start = null;
        long? seconds = null;
        decimal? value = null;
        int? quality = null;
        var depth = _reader.Depth;
        var more = !_reader.IsEmptyElement && _reader.Read();
        while (more && _reader.Depth > depth)
        {
            if (_reader.NodeType == XmlNodeType.Element && _reader.LocalName is "timePeriod" or "ReadingQuality")
            {
                var fields = EspiFeed.Fields(_reader);
                start ??= Number(fields, "start");
                seconds ??= Number(fields, "duration");
                quality = Number(fields, "quality") is { } code && (quality is null || EspiCodes.Quality((int)code).Quality < EspiCodes.Quality(quality.Value).Quality) ? (int)code : quality;
                more = _reader.Read();
            }
            else if (_reader.NodeType == XmlNodeType.Element && _reader.LocalName == "value")
            {
                value = decimal.TryParse(_reader.ReadElementContentAsString().Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && Math.Abs(number) < 1_000_000_000_000_000m ? number : null;
            }
            else
            {
                more = _reader.Read();
            }
        }

        return start is { } s && seconds is { } d && value is { } v && InRange(s) ? (s, d, v, quality) : null;
    }

    // Years 1900 to 2200: nothing that was metered lies outside.
    private static bool InRange(long seconds) => seconds is > -2_208_988_800 and < 7_258_118_400;

    private static long? Number(Dictionary<string, string> fields, string name) =>
        fields.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && Math.Abs(value) < 10_000_000_000 ? value : null;

    private void Defect(int line, string reason) => _out.Add(new SourceProblem(line, reason, false));

    private void Refuse(int line, string reason) => _out.Add(new SourceProblem(line, reason, true));
}
