namespace UsageBilling.Metering.Formats;

/// <summary>How a CSV file is written, found by reading as much of it as that needs: a few rows, or all where dates or numbers leave it open.</summary>
/// <param name="Separator">Between fields.</param>
/// <param name="Header">Line of the header; 0 where there is none.</param>
/// <param name="FirstRow">First line after it.</param>
/// <param name="Columns">What its columns say.</param>
/// <param name="Names">The header's fields.</param>
internal sealed record CsvDialect(char Separator, int Header, int FirstRow, CsvColumns Columns, string[] Names)
{
    private const int LinesBeforeHeader = 60;
    private static readonly char[] Separators = [';', '\t', ',', '|'];

    /// <summary>How dates are written; null: no row has one.</summary>
    public CsvDateShape? Shape { get; init; }

    /// <summary>The order of day and month where the shape leaves it open.</summary>
    public CsvDateOrder? Order { get; init; }

    /// <summary>The decimal sign.</summary>
    public char Decimal { get; init; } = '.';

    /// <summary>Ends are last days, not the days after: 1 January to 31 January.</summary>
    public bool EndsAreLastDays { get; init; }

    /// <summary>Finds the dialect, or says why it cannot be found.</summary>
    public static (CsvDialect? Dialect, SourceProblem? Problem) Find(IEnumerable<string> lines, CsvOptions options)
    {
        var head = new List<(int Line, string Text)>();
        var number = 0;
        foreach (var text in lines)
        {
            number++;
            if (!string.IsNullOrWhiteSpace(text.TrimStart('\uFEFF')))
            {
                head.Add((number, text.TrimStart('\uFEFF')));
            }

            if (head.Count == LinesBeforeHeader)
            {
                break;
            }
        }

        if (head.Count == 0)
        {
            return (null, new SourceProblem(Math.Max(1, number), "the file is empty", true));
        }

        if (head[0].Text.Contains('\0', StringComparison.Ordinal))
        {
            return (null, new SourceProblem(head[0].Line, "the file is UTF-16 without the mark that says so: save it as UTF-8", true));
        }

        char? given = null;
        if (head[0].Text.Trim() is { Length: 5 } said && said.StartsWith("sep=", StringComparison.OrdinalIgnoreCase))
        {
            given = said[4];
            head.RemoveAt(0);
        }

        var (dialect, problem) = FindHeader(head, given is { } one ? [one] : Separators, options);
        return dialect is null ? (null, problem) : new CsvEvidence(dialect, options).Read(lines);
    }

    /// <summary>What there is to say about a file that is read in this way.</summary>
    public IEnumerable<SourceItem> Remarks(CsvOptions options)
    {
        if (Columns.LeftAside.Count > 0)
        {
            yield return new SourceProblem(Math.Max(1, Header), $"left aside: {string.Join(", ", Columns.LeftAside)}", false);
        }

        foreach (var register in Columns.Registers)
        {
            yield return SourceProblem.Note(
                Math.Max(1, Header),
                $"\"{register.Name}\" has readings of a register and is left aside: quantities are taken from {string.Join(", ", Columns.Values.Select(v => v.Name))}");
        }

        if (Header > 1)
        {
            yield return SourceProblem.Note(1, $"the column names stand in line {Header}; what is before it is left aside");
        }

        if (Shape == CsvDateShape.Open && Order is { } order && options.Dates is null)
        {
            yield return SourceProblem.Note(FirstRow, $"dates are read with the {(order == CsvDateOrder.DayFirst ? "day" : "month")} first, as its rows show");
        }
    }

    private static (CsvDialect? Dialect, SourceProblem? Problem) FindHeader(List<(int Line, string Text)> head, char[] separators, CsvOptions options)
    {
        SourceProblem? readings = null;
        for (var i = 0; i < head.Count; i++)
        {
            var (line, text) = head[i];
            foreach (var separator in separators)
            {
                var fields = CsvFields.Split(text, separator);
                var isRow = fields.Length > 1 && CsvStamp.Parse(fields[0]) is not null;
                if (isRow && i == 0)
                {
                    return CsvColumns.WithoutHeader(fields.Length, options) is var bare && bare.Problem is { } unknown
                        ? (null, new SourceProblem(line, unknown, true))
                        : (new CsvDialect(separator, 0, line, bare, []), null);
                }

                var columns = isRow ? null : CsvColumns.Of(fields, i + 1 < head.Count ? CsvFields.Split(head[i + 1].Text, separator) : null, options);
                if (columns is { HasTime: true, IsWhole: false } && (columns.Problem ?? (columns.Registers is [var register, ..] ? CsvColumns.Readings(register.Name) : null)) is { } without)
                {
                    readings ??= new SourceProblem(line, without, true);
                }

                if (columns is { IsWhole: true })
                {
                    if ((columns.Problem ?? CsvStreams.Clash(columns)) is { } wrong)
                    {
                        return (null, new SourceProblem(line, wrong, true));
                    }

                    return columns.Channel >= 0 && columns.Values.Count != 1
                        ? (null, new SourceProblem(line, "a file with a channel column has one column of quantities", true))
                        : (new CsvDialect(separator, line, line + 1, columns, fields), null);
                }

                if (isRow)
                {
                    return (null, readings ?? NoHeader(head[i - 1], separator, head[i].Text, options));
                }
            }
        }

        return (null, readings ?? NoHeader(head[0], Array.Find(separators, s => head[0].Text.Contains(s, StringComparison.Ordinal)) is var found && found != default ? found : ',', null, options));
    }

    private static SourceProblem NoHeader((int Line, string Text) header, char separator, string? row, CsvOptions options)
    {
        var columns = CsvColumns.Of(CsvFields.Split(header.Text, separator), row is null ? null : CsvFields.Split(row, separator), options);
        return new SourceProblem(
            header.Line,
            !columns.HasTime ? "no column says when: name one start or end, or two date and time"
            : "no column has quantities: name one value, or by direction and unit like import_kwh",
            true);
    }
}
