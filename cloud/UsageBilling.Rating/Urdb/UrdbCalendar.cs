using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Urdb;

/// <summary>
/// Schedules of twelve months by 24 local clock hours, for weekdays and weekends: a calendar whose seasons are the months.
/// URDB knows no holidays.
/// </summary>
internal static class UrdbCalendar
{
    private static readonly string[] MonthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    public static Schedule Hours(string name, int[][] weekday, int[][] weekend, int periods, IReadOnlyList<string>? labels) =>
        new(name, Names(periods), labels ?? Labels(periods), [.. Enumerable.Range(0, 12).Select(month => new[] { Day(weekday[month]), Day(weekend[month]) })]);

    public static Schedule Months(string name, int[] months, int periods)
    {
        ScheduleWindow[][] Whole(int period) => [[new ScheduleWindow(ScheduleReader.MinutesPerDay, period)], [new ScheduleWindow(ScheduleReader.MinutesPerDay, period)]];
        return new Schedule(name, Names(periods), Labels(periods), [.. months.Select(Whole)]);
    }

    public static TariffCalendar Of(IReadOnlyList<Schedule> schedules)
    {
        var seasonOfDay = new byte[366];
        for (var day = 0; day < 366; day++)
        {
            seasonOfDay[day] = (byte)(MonthDay.FromIndex(day).Month - 1);
        }

        return new TariffCalendar(MonthNames, seasonOfDay, ["weekday", "weekend"], [0, 0, 0, 0, 0, 1, 1], -1, [], new Dictionary<string, int>(), schedules);
    }

    private static string[] Names(int periods) => [.. Enumerable.Range(0, periods).Select(period => $"{period}")];

    private static string[] Labels(int periods) => [.. Enumerable.Range(0, periods).Select(period => $"period {period}")];

    private static ScheduleWindow[] Day(int[] hours)
    {
        var windows = new List<ScheduleWindow>();
        for (var hour = 0; hour < 24; hour++)
        {
            if (windows.Count > 0 && windows[^1].Period == hours[hour])
            {
                windows[^1] = new ScheduleWindow((hour + 1) * 60, hours[hour]);
            }
            else
            {
                windows.Add(new ScheduleWindow((hour + 1) * 60, hours[hour]));
            }
        }

        return [.. windows];
    }
}
