using System.Globalization;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Files;

/// <summary>What the small CSV files of the <c>rate</c> verb have in common: a header, comma-separated cells, problems with line numbers.</summary>
internal sealed class CsvText
{
    /// <summary>Reading stops after so many problems: the rest would repeat them.</summary>
    private const int MostProblems = 50;

    private readonly List<Problem> _problems;

    private CsvText(string[] header, IReadOnlyList<(int Line, string[] Cells)> rows, List<Problem> problems)
    {
        Header = header;
        Rows = rows;
        _problems = problems;
    }

    public string[] Header { get; }

    public IReadOnlyList<(int Line, string[] Cells)> Rows { get; }

    public bool Full => _problems.Count >= MostProblems;

    public static CsvText? Read(string text, string file, List<Problem> problems)
    {
        var lines = text.TrimStart('\uFEFF').Split('\n');
        var header = lines[0].TrimEnd('\r');
        if (string.IsNullOrWhiteSpace(header))
        {
            problems.Add(new Problem(file, "is empty; the first line names the columns", 1));
            return null;
        }

        var names = Cells(header);
        var rows = new List<(int, string[])>(lines.Length);
        for (var i = 1; i < lines.Length && problems.Count < MostProblems; i++)
        {
            var line = lines[i].TrimEnd('\r');
            if (line.Length == 0)
            {
                continue;
            }

            var cells = Cells(line);
            if (cells.Length != names.Length)
            {
                problems.Add(new Problem(file, $"has {cells.Length} cells where the header has {names.Length}", i + 1));
                continue;
            }

            rows.Add((i + 1, cells));
        }

        return new CsvText(names, rows, problems);
    }

    /// <summary>The cells of a line, each without the quotes that some programs put around it; none holds a comma.</summary>
    private static string[] Cells(string line)
    {
        var cells = line.Split(',', StringSplitOptions.TrimEntries);
        for (var i = 0; i < cells.Length && line.Contains('"', StringComparison.Ordinal); i++)
        {
            cells[i] = cells[i] is ['"', .. var inner, '"'] ? inner : cells[i];
        }

        return cells;
    }

    public int Column(string name) => Array.FindIndex(Header, column => string.Equals(column, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>A decimal number, in the form people or programs write (1.5, -3, 1e-05); null when it is none.</summary>
    public static decimal? Number(string cell) =>
        decimal.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
}

/// <summary>
/// Reads instants: ISO 8601 with an offset or Z, or local time of a zone. A local time that occurs twice is the first of
/// both unless time has already gone past it; one that the zone skips is a problem.
/// </summary>
internal static class CsvInstant
{
    private static readonly OffsetDateTimePattern[] WithOffset =
    [
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:ss;FFFFFFFFFo<Z+HH:mm>"),
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mmo<Z+HH:mm>"),
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd HH:mm:sso<Z+HH:mm>"),
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd HH:mmo<Z+HH:mm>"),
    ];

    /// <summary>Offsets as some databases write them; tried last, for they are rare.</summary>
    private static readonly OffsetDateTimePattern[] WithShortOffset =
    [
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:ss;FFFFFFFFFo<Z+HHmm>"),
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:ss;FFFFFFFFFo<Z+HH>"),
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd HH:mm:ss;FFFFFFFFFo<Z+HHmm>"),
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd HH:mm:ss;FFFFFFFFFo<Z+HH>"),
    ];

    private static readonly LocalDateTimePattern[] Local =
    [
        LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:ss;FFFFFFFFF"),
        LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm"),
        LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd HH:mm:ss"),
        LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd HH:mm"),
        LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd"),
    ];

    /// <summary>The instant, or a problem in words.</summary>
    public static (Instant Value, string? Problem) Parse(string cell, DateTimeZone zone, Instant? after)
    {
        foreach (var pattern in WithOffset)
        {
            if (pattern.Parse(cell) is { Success: true } parsed)
            {
                return (parsed.Value.ToInstant(), null);
            }
        }

        foreach (var pattern in Local)
        {
            if (pattern.Parse(cell) is { Success: true } parsed)
            {
                var mapping = zone.MapLocal(parsed.Value);
                return mapping.Count switch
                {
                    0 => (default, $"\"{cell}\" does not exist in {zone.Id}: the clock was put forward over it"),
                    1 => (mapping.Single().ToInstant(), null),
                    _ => (after is { } time && mapping.First().ToInstant() <= time ? mapping.Last().ToInstant() : mapping.First().ToInstant(), null),
                };
            }
        }

        foreach (var pattern in WithShortOffset)
        {
            if (pattern.Parse(cell) is { Success: true } parsed)
            {
                return (parsed.Value.ToInstant(), null);
            }
        }

        return (default, $"\"{cell}\" is not a time; write 2026-01-31T00:15:00+01:00, or local time without an offset");
    }
}
