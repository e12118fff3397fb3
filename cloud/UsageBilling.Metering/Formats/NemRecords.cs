namespace UsageBilling.Metering.Formats;

/// <summary>
/// What NEM12 and NEM13 files have in common: records of fields between commas, the first of them 100 and the last 900. One line is held at a time.
/// Source: AEMO, Meter Data File Format Specification NEM12 &amp; NEM13, chapters 4 and 5.
/// </summary>
/// <param name="version">The version that the header names.</param>
/// <param name="other">The other one, and its format's name here.</param>
/// <param name="data">The record without which a file has no data.</param>
/// <param name="known">All records, for a message.</param>
internal abstract class NemRecords(string version, (string Version, string Format) other, string data, string known)
{
    private readonly List<SourceItem> _out = [];
    private bool _header;
    private bool _ended;
    private bool _data;

    /// <summary>The line that is read.</summary>
    protected int Line { get; private set; }

    /// <summary>Reads a whole file, lazily: everything in the order of the lines.</summary>
    public IEnumerable<SourceItem> ReadAll(IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            _out.Clear();
            Add(line);
            foreach (var item in _out)
            {
                yield return item;
            }
        }

        _out.Clear();
        Close();
        foreach (var item in _out)
        {
            yield return item;
        }
    }

    /// <summary>Before a record is looked at, and at the end of the file (null).</summary>
    protected virtual void Before(string? kind)
    {
    }

    /// <summary>A record other than 100 and 900; false where the version has none of this kind.</summary>
    protected abstract bool Take(string kind, string[] fields);

    protected void Put(SourceItem item) => _out.Add(item);

    protected bool Require(bool condition, string reason)
    {
        if (!condition)
        {
            Refuse(reason);
        }

        return condition;
    }

    protected void Refuse(string reason) => Put(new SourceProblem(Line, reason, true));

    protected void Defect(string reason) => Put(new SourceProblem(Line, reason, false));

    protected static string Field(string[] fields, int index) => index < fields.Length ? fields[index].Trim() : string.Empty;

    protected static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";

    private void Add(string line)
    {
        Line++;
        line = Line == 1 ? line.TrimStart('\uFEFF') : line;
        if (line.AsSpan().Trim().IsEmpty)
        {
            if (!_header)
            {
                Defect("the line is blank; a file begins with its 100 record");
            }

            return;
        }

        // Spreadsheets quote every field.
        var fields = line[0] == '"' ? CsvFields.Split(line, ',') : line.Split(',');
        var kind = fields[0].Trim();
        Before(kind);
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

        _data |= kind == data;
        switch (kind)
        {
            case "100":
                Header(fields);
                break;
            case "900":
                _ended = true;
                Require(_data, $"the file ends without any {data} record: there is no data in it");
                break;
            default:
                Require(Take(kind, fields), $"\"{Short(kind)}\" is no {version} record; known are {known}");
                break;
        }
    }

    private void Header(string[] fields)
    {
        Require(!_header, "a second 100 record: a file has one; split files that were joined");
        _header = true;
        var said = Field(fields, 1);
        Require(said == version, $"the header says \"{Short(said)}\", not {version}{(said == other.Version ? $"; import it with --format {other.Format}" : string.Empty)}");
        Require(NemText.TryInstant(Field(fields, 2), out _), $"the header's time \"{Short(Field(fields, 2))}\" is not yyyyMMddHHmm");
    }

    private void Close()
    {
        Before(null);
        Line = Math.Max(Line, 1);
        if (!_header)
        {
            Refuse("the file is empty");
        }
        else if (!_ended)
        {
            Refuse("the file ends without a 900 record: it was cut off; fetch it again");
        }
    }
}
