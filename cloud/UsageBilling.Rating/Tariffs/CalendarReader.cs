namespace UsageBilling.Rating.Tariffs;

/// <summary>Reads the <c>calendar</c> of a tariff and proves that every minute of every kind of day has one period.</summary>
internal static class CalendarReader
{
    private static readonly string[] Weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    public static TariffCalendar Read(StrictObject calendar)
    {
        var (seasons, seasonOfDay) = ReadSeasons(calendar);
        var dayTypes = ReadDayTypes(calendar);
        var holidays = ReadHolidays(calendar);
        var schedules = new List<Schedule>();
        foreach (var (value, path) in calendar.Items("schedules"))
        {
            var item = new StrictObject(value, path, calendar.Problems);
            if (item.IsObject && ScheduleReader.Read(item, seasons, dayTypes.Names) is { } schedule)
            {
                if (schedules.Any(other => other.Name == schedule.Name))
                {
                    item.Report("name", $"\"{schedule.Name}\" is the name of an earlier schedule; names are unique");
                }

                schedules.Add(schedule);
            }
        }

        calendar.Done();
        return new TariffCalendar(seasons, seasonOfDay, dayTypes.Names, dayTypes.OfWeekday, dayTypes.Holiday, holidays, dayTypes.Events, schedules);
    }

    private static (IReadOnlyList<string> Names, byte[] OfDay) ReadSeasons(StrictObject calendar)
    {
        var names = new List<string>();
        var ofDay = new int[366];
        Array.Fill(ofDay, -1);
        var items = calendar.Items("seasons");
        if (items.Count == 0)
        {
            return (["all"], new byte[366]);
        }

        foreach (var (value, path) in items)
        {
            var item = new StrictObject(value, path, calendar.Problems);
            if (!item.IsObject)
            {
                continue;
            }

            var name = item.RequiredText("name", "summer");
            var from = ReadMonthDay(item, "from", "04-01");
            var to = ReadMonthDay(item, "to", "09-30");
            item.Done();
            if (from is not { } first || to is not { } last)
            {
                continue;
            }

            var season = names.IndexOf(name);
            if (season < 0)
            {
                season = names.Count;
                names.Add(name);
            }

            Claim(item, names, ofDay, season, first, last);
        }

        var hole = Array.IndexOf(ofDay, -1);
        if (hole >= 0 && names.Count > 0)
        {
            var end = hole;
            while (end < 365 && ofDay[end + 1] < 0)
            {
                end++;
            }

            calendar.Report("seasons", $"no season from {MonthDay.FromIndex(hole)} to {MonthDay.FromIndex(end)}; extend a season so that every day of the year, 02-29 too, has one");
        }

        return names.Count is > 0 and <= 250 ? (names, [.. ofDay.Select(season => (byte)Math.Max(season, 0))]) : (["all"], new byte[366]);
    }

    private static void Claim(StrictObject item, List<string> names, int[] ofDay, int season, MonthDay first, MonthDay last)
    {
        for (var day = first.Index; ; day = (day + 1) % 366)
        {
            if (ofDay[day] >= 0)
            {
                item.Report(null, $"{MonthDay.FromIndex(day)} is already in season \"{names[ofDay[day]]}\"; seasons must not overlap");
                return;
            }

            ofDay[day] = season;
            if (day == last.Index)
            {
                return;
            }
        }
    }

    private static MonthDay? ReadMonthDay(StrictObject item, string name, string example)
    {
        var text = item.RequiredText(name, example);
        var monthDay = text.Length == 0 ? null : MonthDay.Parse(text);
        if (text.Length > 0 && monthDay is null)
        {
            item.Report(name, $"\"{text}\" is not a day of the year; write month and day as {example}");
        }

        return monthDay;
    }

    private static (IReadOnlyList<string> Names, byte[] OfWeekday, int Holiday, IReadOnlyDictionary<string, int> Events) ReadDayTypes(StrictObject calendar)
    {
        var names = new List<string>();
        var ofWeekday = new int[7];
        Array.Fill(ofWeekday, -1);
        var holiday = -1;
        var events = new Dictionary<string, int>(StringComparer.Ordinal);
        var items = calendar.Items("dayTypes");
        if (items.Count == 0)
        {
            return (["all"], new byte[7], -1, events);
        }

        foreach (var (value, path) in items)
        {
            var item = new StrictObject(value, path, calendar.Problems);
            if (!item.IsObject)
            {
                continue;
            }

            var name = item.RequiredText("name", "workday");
            var days = item.Texts("days");
            var eventName = item.Text("event");
            item.Done();
            if (names.Contains(name))
            {
                item.Report("name", $"\"{name}\" is the name of an earlier day type; names are unique");
                continue;
            }

            names.Add(name);
            if (days.Count == 0 && eventName is null)
            {
                item.Report("days", "is missing; list days from mon to sun, or holiday, or give an event");
            }

            if (eventName is not null && !events.TryAdd(eventName, names.Count - 1))
            {
                item.Report("event", $"\"{eventName}\" already has a day type");
            }

            foreach (var day in days)
            {
                ClaimDay(item, names, ofWeekday, ref holiday, day);
            }
        }

        for (var day = 0; day < 7; day++)
        {
            if (ofWeekday[day] < 0)
            {
                calendar.Report("dayTypes", $"no day type has \"{Weekdays[day]}\"; every day of the week needs one");
            }
        }

        return names.Count is > 0 and <= 250
            ? (names, [.. ofWeekday.Select(type => (byte)Math.Max(type, 0))], holiday, events)
            : (["all"], new byte[7], -1, events);
    }

    private static void ClaimDay(StrictObject item, List<string> names, int[] ofWeekday, ref int holiday, string day)
    {
        var type = names.Count - 1;
        if (day == "holiday")
        {
            if (holiday >= 0)
            {
                item.Report("days", $"\"holiday\" is already in \"{names[holiday]}\"");
            }

            holiday = type;
            return;
        }

        var index = Array.IndexOf(Weekdays, day);
        if (index < 0)
        {
            item.Report("days", $"\"{day}\" is not a day; write {string.Join(", ", Weekdays)} or holiday");
        }
        else if (ofWeekday[index] >= 0)
        {
            item.Report("days", $"\"{day}\" is already in \"{names[ofWeekday[index]]}\"; day types must not overlap");
        }
        else
        {
            ofWeekday[index] = type;
        }
    }

    private static List<Holiday> ReadHolidays(StrictObject calendar)
    {
        var holidays = new List<Holiday>();
        foreach (var text in calendar.Texts("holidays"))
        {
            if (Holiday.Parse(text) is { } holiday)
            {
                holidays.Add(holiday);
            }
            else
            {
                calendar.Report("holidays", $"\"{text}\" is not a holiday; write 2026-05-04, 12-25, \"12-25 observed\", easter+1, \"first mon 09\" or \"last mon 05\"");
            }
        }

        return holidays;
    }
}
