namespace UsageBilling.Rating.Tariffs;

/// <summary>Reads one schedule: windows over seasons and day types, and lays them on every kind of day.</summary>
internal static class ScheduleReader
{
    public const int MinutesPerDay = 1440;

    /// <summary>Periods a schedule may have; a bucket is one byte.</summary>
    private const int MaxPeriods = 200;

    public static Schedule? Read(StrictObject item, IReadOnlyList<string> seasons, IReadOnlyList<string> dayTypes)
    {
        var before = item.Problems.Count;
        var name = item.RequiredText("name", "tou");
        var periods = new List<string>();
        var labels = ReadLabels(item);
        var otherwise = item.Text("otherwise");
        var grid = NewGrid(seasons.Count, dayTypes.Count);
        foreach (var (value, path) in item.Items("windows"))
        {
            var window = new StrictObject(value, path, item.Problems);
            if (window.IsObject)
            {
                Place(window, grid, periods, seasons, dayTypes);
            }
        }

        item.Done();
        if (periods.Count == 0 && otherwise is null)
        {
            item.Report("windows", "is missing; give at least one window, or \"otherwise\"");
        }

        if (item.Problems.Count > before)
        {
            return null;
        }

        var fallback = otherwise is null ? -1 : PeriodIndex(periods, otherwise);
        var days = Cover(item, grid, fallback, seasons, dayTypes);
        foreach (var label in labels.Keys.Where(label => !periods.Contains(label)))
        {
            item.Report($"labels.{label}", $"no window has the period \"{label}\"");
        }

        if (periods.Count > MaxPeriods)
        {
            item.Report("windows", $"{periods.Count} periods; the limit is {MaxPeriods}");
        }

        return item.Problems.Count > before
            ? null
            : new Schedule(name, periods, [.. periods.Select(period => labels.GetValueOrDefault(period, period))], days);
    }

    private static Dictionary<string, string> ReadLabels(StrictObject item)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        if (item.Child("labels") is { IsObject: true } child)
        {
            foreach (var period in child.Names)
            {
                labels[period] = child.Text(period) ?? period;
            }
        }

        return labels;
    }

    private static int[][][] NewGrid(int seasons, int dayTypes) =>
        [.. Enumerable.Range(0, seasons).Select(_ => Enumerable.Range(0, dayTypes).Select(_ =>
        {
            var minutes = new int[MinutesPerDay];
            Array.Fill(minutes, -1);
            return minutes;
        }).ToArray())];

    private static void Place(StrictObject window, int[][][] grid, List<string> periods, IReadOnlyList<string> seasons, IReadOnlyList<string> dayTypes)
    {
        var period = window.RequiredText("period", "peak");
        var inSeasons = Choose(window, "seasons", seasons);
        var onDays = Choose(window, "dayTypes", dayTypes);
        var from = ReadTime(window, "from", 0);
        var to = ReadTime(window, "to", MinutesPerDay);
        window.Done();
        if (period.Length == 0 || from < 0 || to < 0)
        {
            return;
        }

        if (from == to)
        {
            window.Report("to", "equals \"from\": the window is empty; leave both out for the whole day");
            return;
        }

        var index = PeriodIndex(periods, period);
        foreach (var season in inSeasons)
        {
            foreach (var dayType in onDays)
            {
                var minutes = grid[season][dayType];
                for (var minute = from; minute != to; minute = to == MinutesPerDay ? minute + 1 : (minute + 1) % MinutesPerDay)
                {
                    if (minutes[minute] >= 0)
                    {
                        window.Report(null, $"overlaps period \"{periods[minutes[minute]]}\" at {Clock(minute)} in season \"{seasons[season]}\" on \"{dayTypes[dayType]}\" days; windows must not overlap");
                        return;
                    }

                    minutes[minute] = index;
                }
            }
        }
    }

    private static ScheduleWindow[][][] Cover(StrictObject item, int[][][] grid, int fallback, IReadOnlyList<string> seasons, IReadOnlyList<string> dayTypes)
    {
        var days = new ScheduleWindow[grid.Length][][];
        for (var season = 0; season < grid.Length; season++)
        {
            days[season] = new ScheduleWindow[grid[season].Length][];
            for (var dayType = 0; dayType < grid[season].Length; dayType++)
            {
                var minutes = grid[season][dayType];
                var hole = Array.IndexOf(minutes, -1);
                if (hole >= 0 && fallback < 0)
                {
                    var end = Array.FindIndex(minutes, hole, period => period >= 0);
                    item.Report("windows", $"no period from {Clock(hole)} to {Clock(end < 0 ? MinutesPerDay : end)} in season \"{seasons[season]}\" on \"{dayTypes[dayType]}\" days; add a window or \"otherwise\"");
                }

                days[season][dayType] = Compact(minutes, fallback);
            }
        }

        return days;
    }

    private static ScheduleWindow[] Compact(int[] minutes, int fallback)
    {
        var windows = new List<ScheduleWindow>();
        for (var minute = 0; minute < MinutesPerDay; minute++)
        {
            var period = minutes[minute] < 0 ? fallback : minutes[minute];
            if (windows.Count > 0 && windows[^1].Period == period)
            {
                windows[^1] = windows[^1] with { EndMinute = minute + 1 };
            }
            else
            {
                windows.Add(new ScheduleWindow(minute + 1, period));
            }
        }

        return [.. windows];
    }

    private static List<int> Choose(StrictObject window, string field, IReadOnlyList<string> names)
    {
        if (!window.Has(field))
        {
            window.Ignore(field);
            return [.. Enumerable.Range(0, names.Count)];
        }

        var chosen = new List<int>();
        foreach (var text in window.Texts(field))
        {
            var index = names.ToList().IndexOf(text);
            if (index < 0)
            {
                window.Report(field, $"\"{text}\" is not defined in the calendar; known: {string.Join(", ", names)}");
            }
            else if (!chosen.Contains(index))
            {
                chosen.Add(index);
            }
        }

        return chosen;
    }

    private static int PeriodIndex(List<string> periods, string period)
    {
        var index = periods.IndexOf(period);
        if (index >= 0)
        {
            return index;
        }

        periods.Add(period);
        return periods.Count - 1;
    }

    /// <summary>Minute of the day of <c>HH:mm</c> up to 24:00; −1 and a problem when it is something else.</summary>
    private static int ReadTime(StrictObject window, string name, int fallback)
    {
        if (window.Text(name) is not { } text)
        {
            return window.Has(name) ? -1 : fallback;
        }

        if (text.Length == 5 && text[2] == ':' && char.IsAsciiDigit(text[0]) && char.IsAsciiDigit(text[1]) && char.IsAsciiDigit(text[3]) && char.IsAsciiDigit(text[4]))
        {
            var minute = ((((text[0] - '0') * 10) + text[1] - '0') * 60) + ((text[3] - '0') * 10) + text[4] - '0';
            var isTime = text[3] <= '5' && (minute < MinutesPerDay || (minute == MinutesPerDay && name == "to"));
            if (isTime)
            {
                return minute;
            }
        }

        window.Report(name, $"\"{text}\" is not a time of day; write 07:00 (the end may be 24:00)");
        return -1;
    }

    private static string Clock(int minute) => $"{minute / 60:00}:{minute % 60:00}";
}
