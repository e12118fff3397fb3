using System.Globalization;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Reads AEMO's NEM12 (interval data): 100 header, 200 stream, 300 day, 400 qualities of a part of the day, 500 field event, 900 end. One line is
/// held at a time, and one day until its 400 records have been read. Source: AEMO, Meter Data File Format Specification NEM12 &amp; NEM13, chapter 4.
/// </summary>
public sealed class Nem12Reader
{
    private static readonly int[] Lengths = [1, 5, 10, 15, 30, 60];

    private readonly Dictionary<(string Nmi, string Suffix, string Unit, int Minutes), SourceChannel> _channels = [];
    private readonly List<SourceItem> _out = [];
    private SourceChannel? _channel;
    private string? _serial;
    private Nem12Day? _day;
    private bool _header;
    private bool _ended;
    private bool _data;
    private bool _skipping;
    private int _line;

    /// <summary>Reads a whole file, lazily: every day and every problem in the order of the lines.</summary>
    public static IEnumerable<SourceItem> Read(IEnumerable<string> lines)
    {
        var reader = new Nem12Reader();
        foreach (var line in lines)
        {
            foreach (var item in reader.Add(line))
            {
                yield return item;
            }
        }

        foreach (var item in reader.End())
        {
            yield return item;
        }
    }

    private List<SourceItem> Add(string line)
    {
        _out.Clear();
        _line++;
        if (_line == 1)
        {
            line = line.TrimStart('\uFEFF');
        }

        if (line.AsSpan().Trim().IsEmpty)
        {
            if (!_header)
            {
                Defect("the line is blank; a file begins with its 100 record");
            }

            return _out;
        }

        Record(line.Split(','));
        return _out;
    }

    private void Record(string[] fields)
    {
        var kind = fields[0].Trim();
        if (kind != "400")
        {
            Finish();
        }

        if (!_header && kind != "100")
        {
            _header = true;
            Refuse($"the file must begin with a 100 record, but the first record is \"{Short(kind)}\"");
        }

        if (_ended)
        {
            Refuse($"a \"{Short(kind)}\" record after the 900 record: a file ends with its 900; split files that were joined");
            _ended = false;
        }

        switch (kind)
        {
            case "100":
                Header(fields);
                break;
            case "200":
                Stream(fields);
                break;
            case "300":
                Day(fields);
                break;
            case "400":
                Qualities(fields);
                break;
            case "500":
                _skipping |= !_skipping && !Require(_channel is not null, "a 500 record before any 200 record");
                break;
            case "900":
                _ended = true;
                Require(_data, "the file ends without any 300 record: there is no data in it");
                break;
            default:
                Refuse($"\"{Short(kind)}\" is no NEM12 record; known are 100, 200, 300, 400, 500 and 900");
                break;
        }
    }

    private void Header(string[] fields)
    {
        Require(!_header, "a second 100 record: a file has one; split files that were joined");
        _header = true;
        var version = Field(fields, 1);
        Require(version == "NEM12", $"the header says \"{Short(version)}\", not NEM12{(version == "NEM13" ? "; import it with --format nem13" : string.Empty)}");
        Require(NemText.TryInstant(Field(fields, 2), out _), $"the header's time \"{Short(Field(fields, 2))}\" is not yyyyMMddHHmm");
    }

    private void Stream(string[] fields)
    {
        _channel = null;
        _skipping = false;
        var (nmi, suffix, unit) = (Field(fields, 1), Field(fields, 4), Field(fields, 7).ToUpperInvariant());
        if (!Require(nmi.Length > 0, "field 2, the NMI, is empty") || !Require(suffix.Length > 0, "field 5, the NMI suffix (E1, B1, …), is empty"))
        {
            _skipping = true;
            return;
        }

        if (!int.TryParse(Field(fields, 8), NumberStyles.None, CultureInfo.InvariantCulture, out var minutes) || Array.IndexOf(Lengths, minutes) < 0)
        {
            Refuse($"field 9, the interval length \"{Short(Field(fields, 8))}\", must be 5, 15 or 30 minutes (1, 10 and 60 are taken too)");
            _skipping = true;
            return;
        }

        var next = Field(fields, 9);
        if (next.Length > 0 && !NemText.TryDate(next, out _))
        {
            Defect($"field 10, the next scheduled read date \"{Short(next)}\", is not yyyyMMdd; it is left aside");
        }

        _serial = Field(fields, 6) is { Length: > 0 } serial ? serial : null;
        var key = (nmi, suffix, unit, minutes);
        if (!_channels.TryGetValue(key, out _channel))
        {
            _channel = NemChannel.Of(nmi, suffix, unit, minutes, NemChannel.Direction(suffix));
            _channels.Add(key, _channel);
        }
    }

    private void Day(string[] fields)
    {
        _data = true;
        if (_channel is null)
        {
            if (!_skipping)
            {
                Refuse("a 300 record before any 200 record: nothing says what it measures");
                _skipping = true;
            }

            return;
        }

        if (!NemText.TryDate(Field(fields, 1), out var date))
        {
            Refuse($"field 2, the interval date \"{Short(Field(fields, 1))}\", is not yyyyMMdd");
            return;
        }

        var (day, problem) = Nem12Day.Read(_line, _channel, date, fields);
        if (problem is not null)
        {
            Refuse(problem);
            return;
        }

        _day = day;
    }

    private void Qualities(string[] fields)
    {
        if (_day is null)
        {
            // The day that it belongs to was refused: one reason is enough.
            Require(_channel is not null || _skipping, "a 400 record before any 300 record");
            return;
        }

        if (_day.AddQualities(_line, fields) is { } problem)
        {
            Refuse(problem);
            _day = null;
        }
    }

    private void Finish()
    {
        if (_day is { } day)
        {
            _day = null;
            var (run, problem) = day.ToRun();
            _out.Add(run is not null ? run with { MeterSerial = _serial } : new SourceProblem(problem!.Value.Line, problem.Value.Reason, true));
            _out.AddRange(day.Defects);
        }
    }

    private List<SourceItem> End()
    {
        _out.Clear();
        Finish();
        _line = Math.Max(_line, 1);
        if (!_header)
        {
            Refuse("the file is empty");
        }
        else if (!_ended)
        {
            Refuse("the file ends without a 900 record: it was cut off; fetch it again");
        }

        return _out;
    }

    private bool Require(bool condition, string reason)
    {
        if (!condition)
        {
            Refuse(reason);
        }

        return condition;
    }

    private void Refuse(string reason) => _out.Add(new SourceProblem(_line, reason, true));

    private void Defect(string reason) => _out.Add(new SourceProblem(_line, reason, false));

    private static string Field(string[] fields, int index) => index < fields.Length ? fields[index].Trim() : string.Empty;

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
