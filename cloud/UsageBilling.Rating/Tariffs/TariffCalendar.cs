using NodaTime;

namespace UsageBilling.Rating.Tariffs;

/// <summary>
/// What kind of day a local date is: one season and one day type. Day types are chosen in this order: a declared event
/// day, a holiday, the day of the week.
/// </summary>
public sealed class TariffCalendar
{
    private readonly byte[] _seasonOfDay;
    private readonly byte[] _typeOfWeekday;
    private readonly int _holidayType;
    private readonly IReadOnlyList<Holiday> _holidays;

    internal TariffCalendar(
        IReadOnlyList<string> seasons,
        byte[] seasonOfDay,
        IReadOnlyList<string> dayTypes,
        byte[] typeOfWeekday,
        int holidayType,
        IReadOnlyList<Holiday> holidays,
        IReadOnlyDictionary<string, int> eventTypes,
        IReadOnlyList<Schedule> schedules)
    {
        Seasons = seasons;
        _seasonOfDay = seasonOfDay;
        DayTypes = dayTypes;
        _typeOfWeekday = typeOfWeekday;
        _holidayType = holidayType;
        _holidays = holidays;
        EventTypes = eventTypes;
        Schedules = schedules;
    }

    /// <summary>A calendar with one season, one day type and no schedule.</summary>
    public static TariffCalendar Plain { get; } = new(["all"], new byte[366], ["all"], new byte[7], -1, [], new Dictionary<string, int>(), []);

    /// <summary>Names of seasons.</summary>
    public IReadOnlyList<string> Seasons { get; }

    /// <summary>Names of day types.</summary>
    public IReadOnlyList<string> DayTypes { get; }

    /// <summary>Day types that are declared day by day (critical peaks), by the event's name.</summary>
    public IReadOnlyDictionary<string, int> EventTypes { get; }

    /// <summary>Schedules of time-of-use periods.</summary>
    public IReadOnlyList<Schedule> Schedules { get; }

    /// <summary>The holidays that matter between two years, as dates.</summary>
    internal HashSet<LocalDate> HolidaysBetween(int firstYear, int lastYear)
    {
        var dates = new HashSet<LocalDate>();
        for (var year = firstYear - 1; year <= lastYear + 1; year++)
        {
            foreach (var holiday in _holidays)
            {
                holiday.AddTo(dates, year);
            }
        }

        return dates;
    }

    internal int SeasonOf(LocalDate date) => _seasonOfDay[new MonthDay(date.Month, date.Day).Index];

    internal int DayTypeOf(LocalDate date, HashSet<LocalDate> holidays, EventDays events)
    {
        foreach (var (name, type) in EventTypes)
        {
            if (events.Contains(name, date))
            {
                return type;
            }
        }

        return _holidayType >= 0 && holidays.Contains(date) ? _holidayType : _typeOfWeekday[(int)date.DayOfWeek - 1];
    }
}

/// <summary>
/// A named division of time into periods ("peak", "off-peak"): for each season and day type a row of windows that
/// covers the local day from 00:00 to 24:00 without overlap or hole.
/// </summary>
public sealed class Schedule
{
    private readonly ScheduleWindow[][][] _days;

    internal Schedule(string name, IReadOnlyList<string> periods, IReadOnlyList<string> labels, ScheduleWindow[][][] days)
    {
        Name = name;
        Periods = periods;
        Labels = labels;
        _days = days;
    }

    /// <summary>Name by which components refer to it.</summary>
    public string Name { get; }

    /// <summary>Names of its periods.</summary>
    public IReadOnlyList<string> Periods { get; }

    /// <summary>What a customer reads for each period.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The windows of a kind of day, in order, the last one ending at minute 1440.</summary>
    internal ScheduleWindow[] Day(int season, int dayType) => _days[season][dayType];

    /// <summary>
    /// The period that takes the hours of <paramref name="period"/> in a season where it does not occur: the one at the
    /// minute where it begins on the first kind of day that has it. The same period where it never occurs at all.
    /// </summary>
    internal int SuccessorOf(int period, int season)
    {
        for (var other = 0; other < _days.Length; other++)
        {
            for (var dayType = 0; dayType < _days[other].Length; dayType++)
            {
                var start = 0;
                foreach (var window in _days[other][dayType])
                {
                    if (window.Period == period)
                    {
                        return Array.Find(_days[season][dayType], candidate => candidate.EndMinute > start).Period;
                    }

                    start = window.EndMinute;
                }
            }
        }

        return period;
    }

    /// <summary>Position of a period, or −1.</summary>
    internal int IndexOf(string period)
    {
        for (var i = 0; i < Periods.Count; i++)
        {
            if (Periods[i] == period)
            {
                return i;
            }
        }

        return -1;
    }
}

/// <summary>A stretch of a local day that ends before <see cref="EndMinute"/> and belongs to one period.</summary>
internal readonly record struct ScheduleWindow(int EndMinute, int Period);

/// <summary>Days declared after a tariff was published, by the event's name. Equal contents are equal values.</summary>
public sealed class EventDays : IEquatable<EventDays>
{
    private readonly SortedDictionary<string, SortedSet<LocalDate>> _days = new(StringComparer.Ordinal);
    private readonly string _key;

    /// <summary>Makes the set.</summary>
    public EventDays(IEnumerable<(string Event, LocalDate Date)> days)
    {
        foreach (var (name, date) in days)
        {
            if (!_days.TryGetValue(name, out var dates))
            {
                _days.Add(name, dates = []);
            }

            dates.Add(date);
        }

        _key = string.Join(';', _days.Select(pair => $"{pair.Key}={string.Join(',', pair.Value.Select(date => date.ToString("uuuu-MM-dd", null)))}"));
    }

    /// <summary>No events.</summary>
    public static EventDays None { get; } = new([]);

    /// <summary>Events that have at least one day.</summary>
    public IEnumerable<string> Names => _days.Keys;

    /// <summary>Whether a day was declared.</summary>
    public bool Contains(string name, LocalDate date) => _days.TryGetValue(name, out var dates) && dates.Contains(date);

    /// <inheritdoc/>
    public bool Equals(EventDays? other) => other is not null && _key == other._key;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as EventDays);

    /// <inheritdoc/>
    public override int GetHashCode() => _key.GetHashCode(StringComparison.Ordinal);

    /// <summary>The events with their days.</summary>
    public override string ToString() => _key;
}
