using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Reads quantities from CSV. Rows of at most an hour are intervals; longer ones are totals that run to the next row, which a last row without a value closes; a row
/// with a column for each interval is a day. How the file is written is found first (<see cref="CsvDialect"/>). A few hundred rows are held to find the interval
/// length, then one at a time.
/// </summary>
public sealed class CsvReader
{
    private const int RowsHeld = 512;

    private readonly CsvOptions _options;
    private readonly CsvDialect _dialect;
    private readonly CsvStamp _starts;
    private readonly CsvStamp _ends;
    private readonly CsvQuantities _quantities;
    private readonly CsvTotals _totals;
    private readonly List<SourceItem> _out = [];
    private readonly List<(int Line, string[] Fields)> _held = [];
    private int? _minutes;
    private bool _lengthKnown;
    private bool _failed;
    private bool _data;
    private int _line;
    private (LocalDateTime First, LocalDateTime Last)? _span;

    private CsvReader(CsvOptions options, CsvDialect dialect)
    {
        _options = dialect.Columns.IsUtc ? options with { Zone = options.Zone ?? DateTimeZone.Utc } : options;
        _dialect = dialect;
        var zone = dialect.Columns.IsUtc ? null : options.Zone;
        _starts = new CsvStamp(zone, dialect.Order) { Shape = dialect.Shape, AreEnds = Ends };
        _ends = new CsvStamp(zone, dialect.Order) { Shape = dialect.Shape, AreEnds = true };
        _quantities = new CsvQuantities(_options, dialect, _out);
        _totals = new CsvTotals(_options, dialect.Columns, Ends, _quantities);
    }

    /// <summary>Reads a whole file, lazily.</summary>
    /// <param name="lines">The file's lines; enumerated twice.</param>
    /// <param name="options">What the file does not say.</param>
    public static IEnumerable<SourceItem> Read(IEnumerable<string> lines, CsvOptions options)
    {
        var (dialect, problem) = CsvDialect.Find(lines, options);
        if (problem is not null)
        {
            yield return problem;
            yield break;
        }

        foreach (var item in dialect!.Remarks(options))
        {
            yield return item;
        }

        var reader = new CsvReader(options, dialect);

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
        if (_failed || _line < _dialect.FirstRow || line.AsSpan().Trim().IsEmpty)
        {
            return _out;
        }

        line = _line == 1 ? line.TrimStart('\uFEFF') : line;
        if (line.AsSpan().Count('"') % 2 != 0)
        {
            Refuse(_line, "a quote is opened and not closed in this line: fields that run over several lines are not taken");
            return _out;
        }

        var fields = CsvFields.Split(line, _dialect.Separator);
        if (CsvFooter.Of(_dialect, fields) is not { } footer)
        {
            Hold(fields);
        }
        else if (footer.Length > 0)
        {
            _out.Add(SourceProblem.Note(_line, footer));
        }

        return _out;
    }

    // The first rows are held until it is clear how long an interval is and which way the file runs.
    private void Hold(string[] fields)
    {
        if (_lengthKnown)
        {
            Row(_line, fields);
            return;
        }

        _held.Add((_line, fields));
        if (_held.Count == RowsHeld)
        {
            Release();
        }
    }

    private void Release()
    {
        _lengthKnown = true;
        var stamps = _held.Select(row => _dialect.Columns.When(row.Fields).Written?.Local(_dialect.Order)).OfType<LocalDateTime>().ToList();
        _starts.Descending = _ends.Descending = stamps.Count > 1 && stamps[^1] < stamps[0];
        if (_dialect.Columns is { Minutes: < 0, HasBoth: false, Slots: null })
        {
            FindLength();
        }

        foreach (var (line, fields) in _held)
        {
            Row(line, fields);
        }

        _held.Clear();
    }

    private void FindLength()
    {
        if (_options.IntervalMinutes is null)
        {
            var probe = new CsvStamp(_dialect.Columns.IsUtc ? null : _options.Zone, _dialect.Order) { Descending = _starts.Descending, Shape = _dialect.Shape, AreEnds = Ends };
            var (length, problem) = CsvLength.Of(_held.Select(row => (row.Line, Read(probe, row.Fields))));
            if (problem is { } bad)
            {
                Fail(bad.Line, bad.Reason);
                return;
            }

            (_minutes, _totals.AreDays) = (length!.Value.Minutes, length.Value.AreDays);
        }
        else
        {
            _minutes = _options.IntervalMinutes;
        }

        if (_minutes is { } minutes && !CsvLength.IsTaken(minutes))
        {
            Fail(_held[0].Line, $"intervals of {minutes} minutes cannot be taken; whole minutes that divide an hour can");
        }

        if (_minutes is null && _starts.Descending)
        {
            Fail(_held[0].Line, "totals that run from the newest to the oldest do not say where each ends: turn the rows round");
        }
    }

    private (Instant At, string? Problem) Read(CsvStamp stamps, string[] fields)
    {
        var (written, text) = _dialect.Columns.When(fields);
        return text.Length == 0 ? (default, "the row has no time") : stamps.Read(written, text);
    }

    private void Row(int line, string[] fields)
    {
        if (_failed)
        {
            return;
        }

        if (_dialect.Columns.Slots is not null)
        {
            _data = true;
            _quantities.AddDay(line, fields);
            return;
        }

        var (at, problem) = Read(_starts, fields);
        if (_starts.WasLeftOut && problem is not null && _dialect.Columns.Values.TrueForAll(v => CsvQuantities.IsBlank(fields, v.Index)))
        {
            // Of the hour that clocks leave out some write rows without a value: there is nothing in them.
            return;
        }

        if (problem is not null)
        {
            Refuse(line, problem);
            return;
        }

        _data = true;
        var local = _dialect.Columns.When(fields).Written!.Value.Local(_dialect.Order)!.Value;
        _span = _span is { } span ? (LocalDateTime.Min(span.First, local), LocalDateTime.Max(span.Last, local)) : (local, local);
        if (_dialect.Columns.HasBoth)
        {
            Both(line, fields, at);
        }
        else if (_dialect.Columns.Minutes >= 0)
        {
            if (CsvLength.Read(_dialect.Columns.Minutes < fields.Length ? fields[_dialect.Columns.Minutes] : string.Empty) is not { } minutes)
            {
                Refuse(line, "the minutes of the interval must be whole and divide an hour");
                return;
            }

            Interval(line, fields, at, minutes);
        }
        else if (_minutes is { } length)
        {
            Interval(line, fields, at, length);
        }
        else if (_totals.Add(line, at, fields) is { } wrong)
        {
            Refuse(line, wrong);
        }
    }

    private void Interval(int line, string[] fields, Instant at, int minutes)
    {
        var start = Ends ? at - Duration.FromMinutes(minutes) : at;
        _quantities.Add(line, fields, start, start + Duration.FromMinutes(minutes));
    }

    private void Both(int line, string[] fields, Instant start)
    {
        var (written, text) = _dialect.Columns.Until(fields);
        var (end, wrong) = text.Length == 0 ? (default, "the row has no end") : _ends.ReadEnd(written, text, start);
        if (wrong is null)
        {
            end = _dialect.EndsAreLastDays ? _totals.DaysFrom(end, 1)
                : end <= start && _dialect.Columns.EndTime >= 0 ? _totals.DaysFrom(end, 1)
                : CsvLength.Inclusive(start, end);
        }

        if (wrong is not null || end <= start)
        {
            Refuse(line, wrong ?? $"the end {end} is not after the start {start}");
            return;
        }

        _quantities.Add(line, fields, start, end);
    }

    private bool Ends => _options.StampsAreEnds ?? (_dialect.Columns.OnlyEndTime || (_dialect.Columns.Start < 0 && _dialect.Columns.Date < 0));

    private List<SourceItem> End()
    {
        _out.Clear();
        if (!_failed && !_lengthKnown && _held.Count > 0)
        {
            Release();
        }

        if (_failed)
        {
            return _out;
        }

        _out.AddRange(_quantities.Suspicions());
        if (_totals.End() is { } open)
        {
            Refuse(open.Line, open.Reason);
        }

        if (!_data || !_quantities.HasAny)
        {
            Refuse(Math.Max(_line, 1), _data ? $"no row has a value in {string.Join(", ", _dialect.Columns.Values.Select(v => v.Name))}" : "the file has a header and no rows");
        }

        if (_minutes is { } minutes && _span is { } span && _options.StampsAreEnds is null && !Ends && !_dialect.Columns.SaysStart
            && span.First.TimeOfDay == LocalTime.Midnight.PlusMinutes(minutes) && span.Last.TimeOfDay == LocalTime.Midnight && span.Last > span.First)
        {
            _out.Add(SourceProblem.Note(_dialect.FirstRow, $"times are taken as the starts of their intervals; the first is {span.First:HH:mm} and the last 00:00: if they are ends, say --stamps end"));
        }

        return _out;
    }

    private void Fail(int line, string reason)
    {
        _failed = true;
        Refuse(line, reason);
    }

    private void Refuse(int line, string reason) => _out.Add(new SourceProblem(line, reason, true));
}
