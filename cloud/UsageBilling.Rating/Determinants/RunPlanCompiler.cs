using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Determinants;

/// <summary>Lays a tariff's schedules over the real time of a zone and cuts the result into runs.</summary>
internal sealed class RunPlanCompiler
{
    /// <summary>Runs are no longer than this, so that the place of a peak is found by looking at one run.</summary>
    private const int LongestRun = 512;

    private readonly TariffCalendar _calendar;
    private readonly IReadOnlyList<Schedule?> _schedules;
    private readonly LocalPeriod _span;
    private readonly int _intervalMinutes;
    private readonly bool _mayStraddle;
    private readonly IReadOnlyList<LocalDate> _partStarts;
    private readonly EventDays _events;
    private readonly HashSet<LocalDate> _holidays;
    private readonly Dictionary<(int Season, int DayType), (int EndMinute, int[] Buckets)[]> _templates = [];
    private readonly Dictionary<string, int> _cells = new(StringComparer.Ordinal);
    private readonly List<int[]> _cellBuckets = [];
    private readonly List<int> _cellPart = [];
    private readonly List<int> _ends = [];
    private readonly List<ushort> _runCells = [];
    private int _cell = -1;
    private Instant _cellEnd;

    /// <param name="calendar">Seasons, day types and holidays.</param>
    /// <param name="schedules">Schedules to lay over each other; null is the schedule of one period.</param>
    /// <param name="span">Local days covered.</param>
    /// <param name="intervalMinutes">Length of an interval of the stream.</param>
    /// <param name="mayStraddle">True for windows made of finer intervals: one that straddles a boundary belongs to where it begins.</param>
    /// <param name="partStarts">First days of the billing months inside the span, the first being the span's own.</param>
    /// <param name="events">Declared event days.</param>
    public RunPlanCompiler(TariffCalendar calendar, IReadOnlyList<Schedule?> schedules, LocalPeriod span, int intervalMinutes, bool mayStraddle, IReadOnlyList<LocalDate> partStarts, EventDays events)
    {
        _calendar = calendar;
        _schedules = schedules;
        _span = span;
        _intervalMinutes = intervalMinutes;
        _mayStraddle = mayStraddle;
        _partStarts = partStarts;
        _events = events;
        _holidays = calendar.HolidaysBetween(span.From.Year, span.To.Year);
    }

    /// <exception cref="RatingInputException">A boundary of the tariff lies inside an interval.</exception>
    public RunPlan Compile()
    {
        var start = _span.Start;
        var end = _span.End;
        for (var at = start; at < end;)
        {
            var zoneInterval = _span.Zone.GetZoneInterval(at);
            var sameOffset = zoneInterval.HasEnd && zoneInterval.End < end ? zoneInterval.End : end;
            while (at < sameOffset)
            {
                at = EmitDay(start, at, sameOffset, zoneInterval.WallOffset);
            }
        }

        Flush(start);
        var slots = _schedules.Count;
        var buckets = new int[slots][];
        for (var slot = 0; slot < slots; slot++)
        {
            buckets[slot] = [.. _cellBuckets.Select(cell => cell[slot])];
        }

        return new RunPlan(
            _intervalMinutes,
            _partStarts.Count,
            [.. _ends],
            [.. _runCells],
            _cellBuckets.Count,
            buckets,
            [.. _schedules.Select(schedule => schedule?.Periods.Count ?? 1)],
            [.. _cellPart]);
    }

    /// <summary>Emits what is left of the local day at <paramref name="at"/> under one offset; returns where it stopped.</summary>
    private Instant EmitDay(Instant start, Instant at, Instant limit, Offset offset)
    {
        var local = at.WithOffset(offset).LocalDateTime;
        var date = local.Date;
        var midnight = date.PlusDays(1).AtMidnight().WithOffset(offset).ToInstant();
        var dayEnd = midnight < limit ? midnight : limit;
        var part = PartOf(date);
        var dayStart = date.AtMidnight().WithOffset(offset).ToInstant();
        foreach (var (endMinute, buckets) in Template(date))
        {
            var to = dayStart + Duration.FromMinutes(endMinute);
            if (to <= at)
            {
                continue;
            }

            to = to < dayEnd ? to : dayEnd;
            Emit(start, to, CellOf(part, buckets));
            at = to;
            if (at >= dayEnd)
            {
                break;
            }
        }

        return dayEnd;
    }

    private int IndexOf(Instant start, Instant boundary)
    {
        var interval = _intervalMinutes * NodaConstants.TicksPerMinute;
        var ticks = (boundary - start).BclCompatibleTicks;
        if (ticks % interval == 0)
        {
            return checked((int)(ticks / interval));
        }

        // Where the change of a clock itself lies inside an interval (St John's, 2010-11-07 at 00:01: local dates ran 7, 6, 7),
        // the interval belongs to where it begins.
        var atClockChange = _span.Zone.GetZoneInterval(boundary) is { HasStart: true } changed && changed.Start == boundary;
        if (!_mayStraddle && !atClockChange)
        {
            var local = boundary.InZone(_span.Zone).LocalDateTime;
            throw new RatingInputException("usage", $"the tariff changes period at {local:uuuu-MM-dd HH:mm} local time, inside an interval of {_intervalMinutes} minutes; give shorter intervals");
        }

        return checked((int)((ticks / interval) + 1));
    }

    private int PartOf(LocalDate date)
    {
        var part = 0;
        while (part + 1 < _partStarts.Count && _partStarts[part + 1] <= date)
        {
            part++;
        }

        return part;
    }

    /// <summary>All schedules of a kind of day laid over each other.</summary>
    private (int EndMinute, int[] Buckets)[] Template(LocalDate date)
    {
        var key = (_calendar.SeasonOf(date), _calendar.DayTypeOf(date, _holidays, _events));
        if (_templates.TryGetValue(key, out var template))
        {
            return template;
        }

        var rows = new List<(int, int[])>();
        var next = new int[_schedules.Count];
        for (var minute = 0; minute < ScheduleReader.MinutesPerDay;)
        {
            var end = ScheduleReader.MinutesPerDay;
            var buckets = new int[_schedules.Count];
            for (var slot = 0; slot < buckets.Length; slot++)
            {
                if (_schedules[slot] is not { } schedule)
                {
                    continue;
                }

                var windows = schedule.Day(key.Item1, key.Item2);
                while (windows[next[slot]].EndMinute <= minute)
                {
                    next[slot]++;
                }

                buckets[slot] = windows[next[slot]].Period;
                end = Math.Min(end, windows[next[slot]].EndMinute);
            }

            rows.Add((end, buckets));
            minute = end;
        }

        return _templates[key] = [.. rows];
    }

    private int CellOf(int part, int[] buckets)
    {
        var key = $"{part}:{string.Join(',', buckets)}";
        if (_cells.TryGetValue(key, out var cell))
        {
            return cell;
        }

        cell = _cellBuckets.Count;
        if (cell > ushort.MaxValue)
        {
            throw new RatingInputException("tariff", "more than 65,536 combinations of periods and months; rate shorter periods");
        }

        _cells.Add(key, cell);
        _cellBuckets.Add(buckets);
        _cellPart.Add(part);
        return cell;
    }

    /// <summary>
    /// Prolongs the run at hand, or ends it where the cell changes. Only there must a boundary lie between intervals: that a
    /// clock changed at 00:01 inside a night (St John's, 2010) cuts nothing.
    /// </summary>
    private void Emit(Instant start, Instant end, int cell)
    {
        if (cell != _cell)
        {
            Flush(start);
            _cell = cell;
        }

        _cellEnd = end;
    }

    private void Flush(Instant start)
    {
        if (_cell < 0)
        {
            return;
        }

        var end = IndexOf(start, _cellEnd);
        for (var begin = _ends.Count == 0 ? 0 : _ends[^1]; begin < end;)
        {
            begin = Math.Min(begin + LongestRun, end);
            _ends.Add(begin);
            _runCells.Add((ushort)_cell);
        }
    }
}
