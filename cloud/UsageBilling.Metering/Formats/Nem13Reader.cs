using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Reads AEMO's NEM13 (accumulated data): 100 header, 250 two reads of a register and what flowed between them, 550 field event, 900 end. The
/// quantity is the truth; reads are not subtracted, since a multiplier may stand between them and it.
/// Source: AEMO, Meter Data File Format Specification NEM12 &amp; NEM13, chapter 5.
/// </summary>
public sealed class Nem13Reader
{
    private readonly Dictionary<(string Nmi, string Suffix, string Unit, string Direction), SourceChannel> _channels = [];
    private readonly List<SourceItem> _out = [];
    private bool _header;
    private bool _ended;
    private bool _data;
    private int _line;

    /// <summary>Reads a whole file, lazily.</summary>
    public static IEnumerable<SourceItem> Read(IEnumerable<string> lines)
    {
        var reader = new Nem13Reader();
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
        var fields = (_line == 1 ? line.TrimStart('\uFEFF') : line).Split(',');
        var kind = fields[0].Trim();
        if (kind.Length == 0 && fields.Length == 1)
        {
            if (!_header)
            {
                _out.Add(new SourceProblem(_line, "the line is blank; a file begins with its 100 record", false));
            }

            return _out;
        }

        Require(_header || kind == "100", $"the file must begin with a 100 record, but the first record is \"{Short(kind)}\"");
        Require(!_ended, $"a \"{Short(kind)}\" record after the 900 record: a file ends with its 900; split files that were joined");
        switch (kind)
        {
            case "100":
                Require(!_header, "a second 100 record: a file has one");
                Require(Field(fields, 1) == "NEM13", $"the header says \"{Short(Field(fields, 1))}\", not NEM13{(Field(fields, 1) == "NEM12" ? "; import it with --format nem12" : string.Empty)}");
                Require(NemText.TryInstant(Field(fields, 2), out _), $"the header's time \"{Short(Field(fields, 2))}\" is not yyyyMMddHHmm");
                break;
            case "250":
                _data = true;
                Reads(fields);
                break;
            case "550":
                Require(_data, "a 550 record before any 250 record");
                break;
            case "900":
                Require(_data, "the file ends without any 250 record: there is no data in it");
                _ended = true;
                break;
            default:
                Refuse($"\"{Short(kind)}\" is no NEM13 record; known are 100, 250, 550 and 900");
                break;
        }

        _header = true;
        return _out;
    }

    private void Reads(string[] fields)
    {
        var (nmi, register, suffix, direction, unit) = (Field(fields, 1), Field(fields, 3), Field(fields, 4), Field(fields, 7), Field(fields, 19).ToUpperInvariant());
        suffix = suffix.Length > 0 ? suffix : register;
        if (!Require(nmi.Length > 0, "field 2, the NMI, is empty")
            | !Require(suffix.Length > 0, "fields 4 and 5, the register and the NMI suffix, are empty")
            | !Require(direction is "E" or "I", $"field 8, the direction \"{Short(direction)}\", must be E (to the customer) or I (from the customer)")
            | !Require(unit.Length > 0, "field 20, the unit, is empty"))
        {
            return;
        }

        if (!Require(NemText.TryInstant(Field(fields, 9), out var from), $"field 10, the time of the previous read \"{Short(Field(fields, 9))}\", is not yyyyMMddHHmmss")
            | !Require(NemText.TryInstant(Field(fields, 14), out var to), $"field 15, the time of the current read \"{Short(Field(fields, 14))}\", is not yyyyMMddHHmmss"))
        {
            return;
        }

        var current = NemText.Quality(Field(fields, 15));
        var previous = NemText.Quality(Field(fields, 10));
        var stated = Field(fields, 21);
        var at = default(Instant);
        if (!Require(to > from, $"the current read at {Field(fields, 14)} is not after the previous at {Field(fields, 9)}")
            | !Require(previous is not null, $"field 11, the quality of the previous read \"{Short(Field(fields, 10))}\", must be A, S, F, E (with two digits for the method) or N")
            | !Require(current is not null, $"field 16, the quality of the current read \"{Short(Field(fields, 15))}\", must be A, S, F, E (with two digits for the method) or N")
            | !Require(stated.Length == 0 || NemText.TryInstant(stated, out at), $"field 22, the update time \"{Short(stated)}\", is not yyyyMMddHHmmss")
            | !Require(DecimalText.TryParse(Field(fields, 18), out var quantity), $"field 19, the quantity \"{Short(Field(fields, 18))}\", is not a number that can be kept exactly"))
        {
            return;
        }

        // Both reads make the quantity: the worse one says how good it is.
        var worse = previous!.Value.Quality < current!.Value.Quality ? previous.Value : current.Value;
        var flag = new SourceFlag(0, 1, worse.Quality, worse.Letter, worse.Method);
        _out.Add(new SourceTotal(_line, Channel(nmi, suffix, unit, direction), from, to, quantity, flag, stated.Length > 0 ? at : null)
        {
            MeterSerial = Field(fields, 6) is { Length: > 0 } serial ? serial : null,
        });
    }

    private SourceChannel Channel(string nmi, string suffix, string unit, string direction)
    {
        if (!_channels.TryGetValue((nmi, suffix, unit, direction), out var channel))
        {
            channel = NemChannel.Of(nmi, suffix, unit, null, direction == "I" ? Direction.Export : Direction.Import) with { Negated = direction == "I" };
            _channels.Add((nmi, suffix, unit, direction), channel);
        }

        return channel;
    }

    private List<SourceItem> End()
    {
        _out.Clear();
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

    private static string Field(string[] fields, int index) => index < fields.Length ? fields[index].Trim() : string.Empty;

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
