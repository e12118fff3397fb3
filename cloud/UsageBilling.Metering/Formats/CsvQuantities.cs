using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Formats;

/// <summary>The quantities of rows as intervals and totals.</summary>
internal sealed class CsvQuantities(CsvOptions options, CsvDialect dialect, List<SourceItem> output)
{
    private readonly CsvStreams _streams = new(options, dialect.Columns);
    private readonly List<SourceItem> _blank = [];
    private readonly Dictionary<SourceChannel, (CsvGrowth Growth, CsvValueColumn Column)> _growth = [];

    /// <summary>Some cell had a value, or was refused.</summary>
    public bool HasAny { get; private set; }

    /// <summary>A cell without a value.</summary>
    public static bool IsBlank(string[] fields, int column)
    {
        var text = column < fields.Length ? fields[column].AsSpan().Trim() : [];
        return text.IsEmpty || text is "-" or "--" || text.Equals("nan", StringComparison.OrdinalIgnoreCase) || text.Equals("null", StringComparison.OrdinalIgnoreCase)
            || text.Equals("n/a", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Takes the values of a row over [from, to): of all its columns, or of the cell of one interval.</summary>
    public void Add(int line, string[] fields, Instant from, Instant to, int? cell = null)
    {
        var columns = dialect.Columns;
        var flag = CsvFlag.Read(columns, fields);
        if (flag is null)
        {
            output.Add(new SourceProblem(line, $"the quality \"{fields[columns.Quality]}\" must be measured, interpolated, estimated, edited or missing", true));
            return;
        }

        if (to - from <= Duration.FromHours(1) && (to - from).ToInt64Nanoseconds() % (60 * NodaConstants.NanosecondsPerSecond) != 0)
        {
            output.Add(new SourceProblem(line, $"the row lasts {(to - from).TotalSeconds} seconds; intervals are whole minutes", true));
            return;
        }

        int? minutes = to - from <= Duration.FromHours(1) ? (int)((to - from).ToInt64Nanoseconds() / (60 * NodaConstants.NanosecondsPerSecond)) : null;
        foreach (var column in columns.Values)
        {
            var index = cell ?? column.Index;
            var (known, value) = (!IsBlank(fields, index), 0m);
            HasAny |= known;
            if (known && !CsvNumber.TryParse(fields[index], dialect.Decimal, out value))
            {
                var text = fields[index].Trim();
                output.Add(new SourceProblem(line, $"\"{(text.Length > 40 ? text[..40] : text)}\" in {(cell is { } c && c < dialect.Names.Length ? dialect.Names[c].Trim() : column.Name)} is not a number that can be kept exactly", true));
                continue;
            }

            var (channel, problem) = _streams.Of(column, fields, minutes);
            if (channel is null)
            {
                output.Add(new SourceProblem(line, problem!, true));
                continue;
            }

            if (known && flag.Quality != IntervalQuality.Missing)
            {
                Watch(line, channel, column, from, value);
            }

            Emit(line, channel, from, to, value, known ? flag : CsvFlag.Missing);
        }
    }

    /// <summary>Takes a row that is a day.</summary>
    public void AddDay(int line, string[] fields)
    {
        var slots = dialect.Columns.Slots!;
        var (written, text) = dialect.Columns.When(fields);
        if (written is not { } day || day.Date.In(dialect.Order) is not { } date || day.Date.Shape != dialect.Shape)
        {
            output.Add(new SourceProblem(line, $"\"{text}\" is no date as the rows before it have one; write 2026-01-31", true));
            return;
        }

        var (cells, problem) = slots.Lay(date, dialect.Columns.IsUtc || options.Zone is null ? DateTimeZone.Utc : options.Zone, column => IsBlank(fields, column));
        if (problem is not null)
        {
            HasAny = true;
            output.Add(new SourceProblem(line, problem, true));
            return;
        }

        foreach (var (column, from) in cells)
        {
            Add(line, fields, from, from + Duration.FromMinutes(slots.Minutes), column);
        }
    }

    /// <summary>Columns whose numbers are a register's by how they run, where neither a channel column nor whoever imports the file says that they are quantities.</summary>
    public IEnumerable<SourceProblem> Suspicions() => _growth.Values.Where(g => g.Growth.LooksLikeRegister).DistinctBy(g => g.Column).Select(g => new SourceProblem(
        g.Growth.Line,
        $"the numbers in \"{g.Column.Name}\" never fall, {g.Growth.Span}: they look like readings of a register and not like what was used in each interval; if they are quantities all the same, say --column \"{g.Column.Name}\", else send them as register reads (POST /api/v1/reads)",
        true));

    private void Watch(int line, SourceChannel channel, CsvValueColumn column, Instant from, decimal value)
    {
        if (dialect.Columns.Channel >= 0 || options.Columns is { Count: > 0 })
        {
            return;
        }

        if (_growth.TryGetValue(channel, out var known))
        {
            known.Growth.Add(from, value);
        }
        else
        {
            _growth.Add(channel, (new CsvGrowth(line, from, value), column));
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
            output.AddRange(_blank);
            _blank.Clear();
        }

        output.Add(item);
    }
}
