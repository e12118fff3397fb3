using NodaTime;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// A row a day: its columns are intervals, named by times (00:00, 00:30 … or their ends 00:30 … 24:00) or by numbers from 1 (HE1, Interval 48). A file with columns
/// to spare (25, 50, 100) counts the elapsed intervals of a day; one with as many as a usual day has goes by the clock on the wall.
/// </summary>
/// <param name="Columns">The columns in order of time.</param>
/// <param name="Minutes">Length of an interval.</param>
internal sealed record CsvSlots(int[] Columns, int Minutes)
{
    private const int Fewest = 23;

    private int Usual => 1440 / Minutes;

    /// <summary>The slots of a header; null where the file has no such columns.</summary>
    public static CsvSlots? Of(string[] header) => ByTime(header) ?? ByNumber(header);

    /// <summary>Where each value of a day belongs, or why that cannot be said.</summary>
    public (List<(int Column, Instant From)> Cells, string? Problem) Lay(LocalDate date, DateTimeZone zone, Func<int, bool> isBlank)
    {
        var day = LocalDay.Of(date, zone);
        var count = (int)(day.Duration.TotalMinutes / Minutes);
        var cells = new List<(int, Instant)>(Columns.Length);
        var spare = Columns.Length > Usual;
        if (count == Usual || spare || (count < Usual && Columns.Skip(count).All(isBlank) && !Columns.Take(count).All(isBlank)))
        {
            for (var i = 0; i < Columns.Length; i++)
            {
                if (i < count)
                {
                    cells.Add((Columns[i], day.Start + Duration.FromMinutes((long)i * Minutes)));
                }
                else if (!isBlank(Columns[i]))
                {
                    return (cells, $"{date:uuuu-MM-dd} has {count} intervals of {Minutes} minutes in {zone.Id}, and there is a value for the {i + 1}th");
                }
            }

            return (cells, null);
        }

        for (var i = 0; i < Columns.Length; i++)
        {
            var local = date.AtMidnight().PlusMinutes((long)i * Minutes);
            var mapping = zone.MapLocal(local);
            if (mapping.Count == 1)
            {
                cells.Add((Columns[i], mapping.Single().ToInstant()));
            }
            else if (mapping.Count == 2)
            {
                return (cells, $"{date:uuuu-MM-dd} has {count} intervals of {Minutes} minutes in {zone.Id} and the row {Columns.Length}: which of them are those of the hour that came twice does not show; give the day in rows with times and offsets, or a --zone whose clock does not change");
            }
            else if (!isBlank(Columns[i]))
            {
                return (cells, $"{local:uuuu-MM-dd HH:mm} does not exist in {zone.Id} and has a value: the clocks were put forward; is the file in UTC, or in a zone whose clock does not change?");
            }
        }

        return (cells, null);
    }

    private static CsvSlots? ByTime(string[] header)
    {
        var columns = new List<(int Column, int Seconds)>();
        for (var i = 0; i < header.Length; i++)
        {
            // 00:00 - 00:30 is named by its beginning.
            var name = header[i].Trim();
            var end = name.IndexOfAny(['-', '–']);
            if (name.Contains(':', StringComparison.Ordinal) && CsvTime.Read(end > 0 ? name[..end] : name) is { Offset: null } time)
            {
                columns.Add((i, time.Seconds));
            }
        }

        if (columns.Count < Fewest)
        {
            return null;
        }

        var step = columns[1].Seconds - columns[0].Seconds;
        var ends = columns[0].Seconds == step;
        if (step <= 0 || 86_400 % step != 0 || columns.Count != 86_400 / step || (!ends && columns[0].Seconds != 0))
        {
            return null;
        }

        for (var i = 0; i < columns.Count; i++)
        {
            var expected = step * (ends ? i + 1 : i);
            if (columns[i].Seconds != expected && !(expected == 86_400 && columns[i].Seconds == 0))
            {
                return null;
            }
        }

        return new CsvSlots([.. columns.Select(c => c.Column)], step / 60);
    }

    private static CsvSlots? ByNumber(string[] header)
    {
        List<int> best = [];
        for (var first = 0; first < header.Length; first++)
        {
            var (prefix, number) = Numbered(header[first]);
            if (number is not (0 or 1))
            {
                continue;
            }

            var columns = new List<int> { first };
            while (first + columns.Count < header.Length && Numbered(header[first + columns.Count]) == (prefix, number + columns.Count))
            {
                columns.Add(first + columns.Count);
            }

            best = columns.Count > best.Count ? columns : best;
        }

        int? minutes = best.Count switch
        {
            24 or 25 => 60,
            48 or 50 => 30,
            96 or 100 => 15,
            144 or 150 => 10,
            288 or 300 => 5,
            _ => null,
        };
        return minutes is { } length ? new CsvSlots([.. best], length) : null;
    }

    private static (string Prefix, int Number) Numbered(string name)
    {
        name = name.Trim();
        var digits = name.Length;
        while (digits > 0 && char.IsAsciiDigit(name[digits - 1]))
        {
            digits--;
        }

        return name.Length - digits is >= 1 and <= 3 ? (name[..digits], int.Parse(name[digits..], System.Globalization.CultureInfo.InvariantCulture)) : (name, -1);
    }
}
