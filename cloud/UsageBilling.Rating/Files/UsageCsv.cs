using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Files;

/// <summary>What came of reading a usage file: one profile a column, or every problem with its line.</summary>
public sealed record UsageFile(IReadOnlyList<LoadProfile> Profiles, IReadOnlyList<Problem> Problems);

/// <summary>How a usage file without stamps, or with holes, is to be read.</summary>
/// <param name="Start">Start of the first row where there is no <c>start</c> column.</param>
/// <param name="IntervalMinutes">Interval, where there is no <c>start</c> column or to check it.</param>
/// <param name="GapsAreZero">Intervals that are missing used nothing.</param>
public sealed record UsageCsvOptions(string? Start = null, int? IntervalMinutes = null, bool GapsAreZero = false);

/// <summary>
/// Reads usage from CSV: <c>start,import_wh</c> with optional <c>export_wh</c>, <c>import_varh</c> and further columns.
/// Quantities are kept in millionths of the unit.
/// </summary>
public static class UsageCsv
{
    private const int Exponent = -6;
    private const int MostIntervals = 5_000_000;

    private static readonly Dictionary<string, string> Columns = new(StringComparer.OrdinalIgnoreCase)
    {
        ["import_wh"] = "import",
        ["export_wh"] = "export",
        ["import_varh"] = "reactive",
        ["export_varh"] = "reactive-export",
        ["import_vah"] = "apparent",
        ["heat_wh"] = "heat",
        ["gas_m3"] = "gas",
        ["water_m3"] = "water",
        ["count"] = "count",
        ["duration_s"] = "duration",
        ["data_b"] = "data",
    };

    /// <summary>Reads a file for a period. The file may hold more; it must hold the period, unless gaps are said to be zero.</summary>
    public static UsageFile Read(string text, string file, LocalPeriod period, UsageCsvOptions options)
    {
        var problems = new List<Problem>();
        if (CsvText.Read(text, file, problems) is not { } csv || ReadColumns(csv, file, problems) is not { } columns)
        {
            return new UsageFile([], problems);
        }

        var starts = Starts(csv, file, period.Zone, options, problems);
        if (problems.Count > 0 || Interval(csv, starts, period.Zone, file, options, problems) is not { } minutes)
        {
            return new UsageFile([], problems);
        }

        var profiles = Fill(csv, file, columns, starts, minutes, period, options, problems);
        return new UsageFile(problems.Count > 0 ? [] : profiles, problems);
    }

    private static List<(int Column, Measurand Measurand)>? ReadColumns(CsvText csv, string file, List<Problem> problems)
    {
        var columns = new List<(int, Measurand)>();
        for (var column = 0; column < csv.Header.Length; column++)
        {
            var name = csv.Header[column];
            if (string.Equals(name, "start", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (!Columns.TryGetValue(name, out var measure))
            {
                problems.Add(new Problem(file, $"the column \"{name}\" is not known; known: start, {string.Join(", ", Columns.Keys)}", 1));
                continue;
            }

            var measurand = Measure.Find(measure)!.Value;
            if (columns.Exists(known => known.Item2 == measurand))
            {
                problems.Add(new Problem(file, $"the column \"{name}\" is given twice", 1));
            }

            columns.Add((column, measurand));
        }

        if (columns.Count == 0)
        {
            problems.Add(new Problem(file, "has no quantity; the header is start,import_wh", 1));
        }

        return problems.Count == 0 ? columns : null;
    }

    private static Instant[] Starts(CsvText csv, string file, DateTimeZone zone, UsageCsvOptions options, List<Problem> problems)
    {
        var starts = new Instant[csv.Rows.Count];
        var column = csv.Column("start");
        if (starts.Length == 0)
        {
            problems.Add(new Problem(file, "has a header and no rows", 1));
            return starts;
        }

        if (column < 0)
        {
            return Counted(starts, file, zone, options, problems);
        }

        if (options.Start is not null)
        {
            problems.Add(new Problem(file, "has a start column, so --start is not wanted; leave it out", 1));
        }

        Instant? last = null;
        for (var row = 0; row < starts.Length && !csv.Full; row++)
        {
            var (line, cells) = csv.Rows[row];
            var (value, problem) = CsvInstant.Parse(cells[column], zone, last);
            if (problem is not null)
            {
                problems.Add(new Problem(file, problem, line));
                continue;
            }

            if (value <= last)
            {
                problems.Add(new Problem(file, value == last ? $"{cells[column]} is there twice; keep one" : $"{cells[column]} lies before the row above; put rows in the order of time", line));
            }

            starts[row] = value;
            last = value;
        }

        return starts;
    }

    private static Instant[] Counted(Instant[] starts, string file, DateTimeZone zone, UsageCsvOptions options, List<Problem> problems)
    {
        if (options.Start is not { } text || options.IntervalMinutes is not { } minutes)
        {
            problems.Add(new Problem(file, "has no start column; say --start and --interval, or add the column", 1));
            return starts;
        }

        var (start, problem) = CsvInstant.Parse(text, zone, null);
        if (problem is not null)
        {
            problems.Add(new Problem("--start", problem));
        }

        for (var row = 0; row < starts.Length; row++)
        {
            starts[row] = start + Duration.FromMinutes((long)row * minutes);
        }

        return starts;
    }

    private static int? Interval(CsvText csv, Instant[] starts, DateTimeZone zone, string file, UsageCsvOptions options, List<Problem> problems)
    {
        var minutes = options.IntervalMinutes ?? 0;
        if (options.IntervalMinutes is null)
        {
            if (starts.Length < 2)
            {
                problems.Add(new Problem(file, "has one row, which does not show the interval; say --interval", 2));
                return null;
            }

            var shortest = Enumerable.Range(1, starts.Length - 1).Min(row => starts[row] - starts[row - 1]);
            minutes = shortest > Duration.FromMinutes(60) || shortest.BclCompatibleTicks % NodaConstants.TicksPerMinute != 0 ? 0 : (int)(shortest.BclCompatibleTicks / NodaConstants.TicksPerMinute);
        }

        if (minutes is not (5 or 10 or 15 or 30 or 60))
        {
            problems.Add(new Problem(file, $"the interval must be 5, 10, 15, 30 or 60 minutes{(options.IntervalMinutes is null ? "; rows follow each other at another distance" : string.Empty)}", 2));
            return null;
        }

        FindOffGrid(csv, starts, minutes, zone, file, problems);
        return problems.Count == 0 ? minutes : null;
    }

    /// <summary>Intervals begin on the clock: in UTC, or, where a zone's offset is no multiple of the interval (hours in India), in local time.</summary>
    private static void FindOffGrid(CsvText csv, Instant[] starts, int minutes, DateTimeZone zone, string file, List<Problem> problems)
    {
        var phase = Phase(starts[0], minutes);
        var local = Phase(starts[0] + Duration.FromSeconds(zone.GetUtcOffset(starts[0]).Seconds), minutes);
        for (var row = 0; row < starts.Length && !csv.Full; row++)
        {
            if (Phase(starts[row], minutes) != phase || (phase != 0 && local != 0))
            {
                problems.Add(new Problem(file, $"{starts[row]} is not on the grid of {minutes} minutes, in UTC or in {zone.Id}", csv.Rows[row].Line));
            }
        }
    }

    private static List<LoadProfile> Fill(CsvText csv, string file, List<(int Column, Measurand Measurand)> columns, Instant[] starts, int minutes, LocalPeriod period, UsageCsvOptions options, List<Problem> problems)
    {
        var step = Duration.FromMinutes(minutes);
        var first = options.GapsAreZero ? Instant.Min(starts[0], Floor(period.Start, minutes, starts[0])) : starts[0];
        var end = options.GapsAreZero ? Instant.Max(starts[^1] + step, Floor(period.End + step - Duration.Epsilon, minutes, starts[0])) : starts[^1] + step;
        var count = (end - first).BclCompatibleTicks / step.BclCompatibleTicks;
        if (count > MostIntervals)
        {
            problems.Add(new Problem(file, $"spans {count} intervals; the limit is {MostIntervals}"));
            return [];
        }

        if (!options.GapsAreZero)
        {
            FindGaps(csv, file, starts, step, period, problems);
        }

        var quantities = columns.ConvertAll(_ => new long[count]);
        for (var row = 0; row < starts.Length && !csv.Full; row++)
        {
            var index = (starts[row] - first).BclCompatibleTicks / step.BclCompatibleTicks;
            for (var i = 0; i < columns.Count; i++)
            {
                var cell = csv.Rows[row].Cells[columns[i].Column];
                if (cell.Length == 0 && options.GapsAreZero)
                {
                    continue;
                }

                if (CsvText.Number(cell) is not { } value || value is > 1_000_000_000_000m or < -1_000_000_000_000m)
                {
                    problems.Add(new Problem(file, $"\"{cell}\" in {csv.Header[columns[i].Column]} is not a quantity; write a number up to 10¹²", csv.Rows[row].Line));
                    continue;
                }

                quantities[i][index] = (long)Math.Round(value * 1_000_000m, MidpointRounding.AwayFromZero);
            }
        }

        return [.. columns.Select((column, i) => new LoadProfile(column.Measurand, Exponent, first, minutes, quantities[i], ReadOnlyMemory<byte>.Empty))];
    }

    private static void FindGaps(CsvText csv, string file, Instant[] starts, Duration step, LocalPeriod period, List<Problem> problems)
    {
        if (period.Start < starts[0])
        {
            problems.Add(new Problem(file, $"intervals are missing from {period.Start}, where the period begins, to {Instant.Min(starts[0], period.End)}; fill them, or say --gaps zero", csv.Rows[0].Line));
        }

        for (var row = 1; row < starts.Length && !csv.Full; row++)
        {
            if (starts[row] - starts[row - 1] != step)
            {
                problems.Add(new Problem(file, $"intervals are missing from {starts[row - 1] + step} to {starts[row]}; fill them, or say --gaps zero", csv.Rows[row].Line));
            }
        }

        if (starts[^1] + step < period.End)
        {
            problems.Add(new Problem(file, $"intervals are missing from {Instant.Max(starts[^1] + step, period.Start)} to {period.End}, where the period ends; fill them, or say --gaps zero", csv.Rows[^1].Line));
        }
    }

    /// <summary>The last start of an interval that is not after an instant, on the grid that has a start at <paramref name="origin"/>.</summary>
    private static Instant Floor(Instant instant, int minutes, Instant origin) =>
        instant - Duration.FromTicks(Rest(instant.ToUnixTimeTicks() - origin.ToUnixTimeTicks(), minutes));

    private static long Phase(Instant instant, int minutes) => Rest(instant.ToUnixTimeTicks(), minutes);

    private static long Rest(long ticks, int minutes)
    {
        var grid = minutes * NodaConstants.TicksPerMinute;
        return ((ticks % grid) + grid) % grid;
    }
}
