using System.Globalization;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Formats;

/// <summary>What a CSV file does not say about itself.</summary>
/// <param name="Id">Name of the metering point.</param>
/// <param name="Zone">Zone of stamps without an offset, and of the days that are counted; null: UTC.</param>
/// <param name="Unit">Unit of columns that name none.</param>
/// <param name="StampsAreEnds">Stamps stand at the end of their interval; null: only where the column's name says so.</param>
/// <param name="IntervalMinutes">Interval; null: the smallest distance between the first rows.</param>
public sealed record CsvOptions(string Id, DateTimeZone? Zone = null, string Unit = "kWh", bool? StampsAreEnds = null, int? IntervalMinutes = null);

/// <summary>
/// Reads quantities from CSV. Rows of at most an hour are intervals; longer ones are totals that run to the next row, which a last row without a value closes.
/// A few hundred rows are held to find the interval length, then one at a time.
/// </summary>
public sealed class CsvReader
{
    private const int RowsHeld = 512;
    private static readonly int[] Lengths = [1, 5, 10, 15, 20, 30, 60];

    private readonly CsvOptions _options;
    private readonly CsvStamp _stamps;
    private readonly Dictionary<(string Channel, string Unit, int? Minutes), SourceChannel> _channels = [];
    private readonly List<SourceItem> _out = [];
    private readonly List<(int Line, string[] Fields)> _held = [];
    private CsvColumns? _columns;
    private char _separator;
    private int? _minutes;
    private bool _daily;
    private bool _lengthKnown;
    private bool _failed;
    private (int Line, Instant At, string[] Fields)? _open;
    private Duration? _length;
    private readonly List<SourceItem> _blank = [];
    private int _line;
    private bool _data;

    private CsvReader(CsvOptions options)
    {
        _options = options;
        _stamps = new CsvStamp(options.Zone);
    }

    /// <summary>Reads a whole file, lazily.</summary>
    public static IEnumerable<SourceItem> Read(IEnumerable<string> lines, CsvOptions options)
    {
        var reader = new CsvReader(options);
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
        line = _line == 1 ? line.TrimStart('\uFEFF') : line;
        if (_failed || line.AsSpan().Trim().IsEmpty)
        {
            return _out;
        }

        if (_columns is null)
        {
            Header(line);
            return _out;
        }

        Hold(CsvFields.Split(line, _separator));
        return _out;
    }

    private void Header(string line)
    {
        _separator = CsvFields.Separator(line);
        var fields = CsvFields.Split(line, _separator);
        var first = CsvStamp.IsStamp(fields[0]);
        _columns = first ? CsvColumns.WithoutHeader(fields.Length, _options.Unit) : CsvColumns.Of(fields, _options.Unit);
        if (_columns.Start < 0 && _columns.End < 0)
        {
            Fail("no column says when: name one start or end");
        }
        else if (_columns.Values.Count == 0)
        {
            Fail("no column has quantities: name one value, or by direction and unit like import_kwh");
        }
        else if (_columns.Channel >= 0 && _columns.Values.Count != 1)
        {
            Fail("a file with a channel column has one column of quantities");
        }

        if (_columns.LeftAside.Count > 0)
        {
            _out.Add(new SourceProblem(_line, $"left aside: {string.Join(", ", _columns.LeftAside)}", false));
        }

        if (first)
        {
            Hold(fields);
        }
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
        var column = StampColumn;
        var stamps = _held.Where(row => column < row.Fields.Length).Select(row => CsvStamp.LocalOf(row.Fields[column])).OfType<LocalDateTime>().ToList();
        _stamps.Descending = stamps.Count > 1 && stamps[^1] < stamps[0];
        if (_columns!.Minutes < 0 && !(_columns.Start >= 0 && _columns.End >= 0))
        {
            FindLength(column);
        }

        foreach (var (line, fields) in _held)
        {
            Row(line, fields);
        }

        _held.Clear();
    }

    private int StampColumn => _columns!.Start >= 0 ? _columns.Start : _columns.End;

    private void FindLength(int column)
    {
        if (_options.IntervalMinutes is { } stated)
        {
            _minutes = stated;
        }
        else
        {
            var probe = new CsvStamp(_options.Zone) { Descending = _stamps.Descending };
            Instant? last = null;
            Duration? least = null;
            var (distances, days) = (0, 0);
            (int Line, string Reason)? wrong = null;
            foreach (var (line, fields) in _held.Where(row => column < row.Fields.Length))
            {
                var (at, problem) = probe.Read(fields[column]);
                if (problem is null && last is { } before && at != before)
                {
                    var distance = at > before ? at - before : before - at;
                    least = least is { } smallest && smallest <= distance ? smallest : distance;
                    distances++;
                    days += IsDay(distance) ? 1 : 0;
                }

                last = problem is null ? at : last;
                wrong ??= problem is null ? null : (line, problem);
            }

            if (least is null && wrong is { } bad)
            {
                _failed = true;
                Refuse(bad.Line, bad.Reason);
                return;
            }

            if (least is null)
            {
                Fail("one row does not say how long an interval is: say --interval MINUTES");
                return;
            }

            _minutes = least.Value <= Duration.FromHours(1) ? (int)Math.Min(least.Value.ToInt64Nanoseconds() / (60 * NodaConstants.NanosecondsPerSecond), 60) : null;
            _daily = days * 2 >= distances;
        }

        if (_minutes is { } minutes && Array.IndexOf(Lengths, minutes) < 0)
        {
            Fail($"intervals of {minutes} minutes cannot be taken; 1, 5, 10, 15, 20, 30 and 60 can");
        }

        if (_minutes is null && _stamps.Descending)
        {
            Fail("totals that run from the newest to the oldest do not say where each ends: turn the rows round");
        }
    }

    private void Row(int line, string[] fields)
    {
        if (_failed)
        {
            return;
        }

        var columns = _columns!;
        var (at, problem) = Stamp(fields, StampColumn);
        if (problem is not null)
        {
            Refuse(line, problem);
            return;
        }

        _data = true;
        if (columns.Start >= 0 && columns.End >= 0)
        {
            var (end, wrong) = Stamp(fields, columns.End);
            if (wrong is not null || end <= at)
            {
                Refuse(line, wrong ?? $"the end {end} is not after the start {at}");
                return;
            }

            Quantities(line, fields, at, end);
        }
        else if (columns.Minutes >= 0)
        {
            if (columns.Minutes >= fields.Length || !int.TryParse(fields[columns.Minutes], NumberStyles.None, CultureInfo.InvariantCulture, out var minutes) || Array.IndexOf(Lengths, minutes) < 0)
            {
                Refuse(line, "the minutes of the interval must be 1, 5, 10, 15, 20, 30 or 60");
                return;
            }

            Quantities(line, fields, at, at + Duration.FromMinutes(minutes));
        }
        else if (_minutes is { } length)
        {
            var start = Ends ? at - Duration.FromMinutes(length) : at;
            Quantities(line, fields, start, start + Duration.FromMinutes(length));
        }
        else
        {
            Total(line, fields, at);
        }
    }

    private bool Ends => _options.StampsAreEnds ?? _columns!.Start < 0;

    private (Instant At, string? Problem) Stamp(string[] fields, int column) =>
        column < fields.Length ? _stamps.Read(fields[column]) : (default, "the row has no time");

    // A total runs from one row to the next; in a file of days it is a day long, and a day that is not there is a gap.
    private void Total(int line, string[] fields, Instant at)
    {
        if (_open is { } open)
        {
            if (at <= open.At)
            {
                Refuse(line, $"{at} is not after the row before it, {open.At}");
                return;
            }

            var skips = _daily && at - open.At > Duration.FromHours(25);
            var (from, to) = (skips && Ends ? DaysFrom(at, -1) : open.At, skips && !Ends ? DaysFrom(open.At, 1) : at);
            Quantities(Ends ? line : open.Line, Ends ? fields : open.Fields, from, to);
            _length = to - from;
        }

        _open = (line, at, fields);
    }

    private void Quantities(int line, string[] fields, Instant from, Instant to)
    {
        var columns = _columns!;
        var flag = CsvFlag.Read(columns, fields);
        if (flag is null)
        {
            Refuse(line, $"the quality \"{fields[columns.Quality]}\" must be measured, interpolated, estimated, edited or missing");
            return;
        }

        foreach (var column in columns.Values)
        {
            var text = column.Index < fields.Length ? fields[column.Index].Trim() : string.Empty;
            var known = text.Length > 0 && !text.Equals("nan", StringComparison.OrdinalIgnoreCase) && !text.Equals("null", StringComparison.OrdinalIgnoreCase);
            var value = 0m;
            if (known && !DecimalText.TryParse(_separator == ';' ? text.Replace(',', '.') : text, out value))
            {
                Refuse(line, $"\"{(text.Length > 40 ? text[..40] : text)}\" in {column.Name} is not a number that can be kept exactly");
                continue;
            }

            var minutes = to - from <= Duration.FromHours(1) ? (int?)(int)((to - from).ToInt64Nanoseconds() / (60 * NodaConstants.NanosecondsPerSecond)) : null;
            if (Channel(line, column, fields, minutes) is { } channel)
            {
                Emit(line, channel, from, to, value, known ? flag : CsvFlag.Missing);
            }
        }
    }

    private void Emit(int line, SourceChannel channel, Instant from, Instant to, decimal value, SourceFlag flag)
    {
        SourceItem item = channel.IntervalMinutes is null
            ? new SourceTotal(line, channel, from, to, value, flag, null)
            : new SourceRun(line, channel, from, [value], [flag], null);
        if (flag.Quality == IntervalQuality.Missing)
        {
            // Blank rows at the end close the file; in front of others they are holes.
            _blank.Add(item);
            return;
        }

        if (_blank.Count > 0)
        {
            _out.AddRange(_blank);
            _blank.Clear();
        }

        _out.Add(item);
    }

    private SourceChannel? Channel(int line, CsvValueColumn column, string[] fields, int? minutes)
    {
        var named = _columns!.Channel >= 0 && _columns.Channel < fields.Length ? fields[_columns.Channel].Trim() : column.Name;
        var unit = _columns.Unit >= 0 && _columns.Unit < fields.Length ? fields[_columns.Unit].Trim() : column.Unit;
        if (_channels.TryGetValue((named, unit, minutes), out var channel))
        {
            return channel;
        }

        var zone = _options.Zone ?? DateTimeZone.Utc;
        if (_columns.Channel >= 0)
        {
            var (point, measurand) = CsvFlag.Channel(named, _options.Id);
            if (measurand is null)
            {
                Refuse(line, $"\"{named}\" is no channel: write point/ActiveEnergy/Import");
                return null;
            }

            channel = new SourceChannel(point, $"{measurand.Value.Quantity}/{measurand.Value.Direction}", unit, minutes, measurand, CsvFlag.ExponentOf(unit, measurand.Value), zone) { Point = PointName.Of(point) };
        }
        else
        {
            channel = new SourceChannel(_options.Id, column.Name, unit, minutes, column.Measurand, column.UnitExponent, zone) { Point = PointName.Of(_options.Id) };
        }

        _channels.Add((named, unit, minutes), channel);
        return channel;
    }

    private List<SourceItem> End()
    {
        _out.Clear();
        if (_failed)
        {
            return _out;
        }

        if (!_lengthKnown && _columns is not null)
        {
            Release();
        }

        _line = Math.Max(_line, 1);
        if (_open is { } open && !Ends)
        {
            Last(open);
        }

        if (!_data && !_failed)
        {
            Refuse(_line, _columns is null ? "the file is empty" : "the file has a header and no rows");
        }

        return _out;
    }

    // The last total of a file of starts: closed by a row without a value, or as long as a day where all are days.
    private void Last((int Line, Instant At, string[] Fields) open)
    {
        var days = _length is { } length && IsDay(length);
        var blank = _columns!.Values.TrueForAll(c => c.Index >= open.Fields.Length || open.Fields[c.Index].Trim() is "" or "nan" or "NaN");
        if (blank)
        {
            return;
        }

        if (!days)
        {
            Refuse(open.Line, "the last row does not say where its total ends: add a row with the end's time and no value");
            return;
        }

        Quantities(open.Line, open.Fields, open.At, DaysFrom(open.At, 1));
    }

    private static bool IsDay(Duration length) => length >= Duration.FromHours(23) && length <= Duration.FromHours(25);

    // Days from midnight to midnight have 23 to 25 hours; others have 24.
    private Instant DaysFrom(Instant at, int days)
    {
        var zone = _options.Zone ?? DateTimeZone.Utc;
        var local = at.InZone(zone);
        return local.TimeOfDay == LocalTime.Midnight ? LocalPeriod.StartOfDay(local.Date.PlusDays(days), zone) : at + Duration.FromHours(24 * days);
    }

    private void Fail(string reason)
    {
        _failed = true;
        Refuse(Math.Max(_line == 0 ? 1 : _held.Count > 0 ? _held[0].Line : _line, 1), reason);
    }

    private void Refuse(int line, string reason) => _out.Add(new SourceProblem(line, reason, true));
}
