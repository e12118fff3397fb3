using NodaTime;

namespace UsageBilling.Rating.Determinants;

/// <summary>What one pass over a stream found, cell by cell, and the questions that components ask of it.</summary>
internal sealed class StreamResult
{
    private readonly RunPlan _plan;
    private readonly ReadOnlyMemory<long> _data;
    private readonly Instant _start;
    private readonly int _minutes;
    private readonly long[] _sums;
    private readonly long[] _peaks;
    private readonly int[] _peakRuns;
    private readonly int _slotOffset;

    /// <summary>Scans a stream.</summary>
    /// <param name="plan">Runs, counted from <paramref name="start"/>.</param>
    /// <param name="data">Quantities from the first interval of the plan on.</param>
    /// <param name="exponent">Power of ten of a quantity in the base unit.</param>
    /// <param name="start">Start of the first interval.</param>
    /// <param name="windowMinutes">Minutes that one quantity spans: the interval, or a demand window.</param>
    public StreamResult(RunPlan plan, ReadOnlyMemory<long> data, int exponent, Instant start, int windowMinutes)
    {
        _plan = plan;
        _data = data;
        Exponent = exponent;
        _start = start;
        _minutes = windowMinutes;
        _sums = new long[plan.CellCount];
        _peaks = new long[plan.CellCount];
        _peakRuns = new int[plan.CellCount];
        IntervalScan.Run(plan, data.Span, _sums, _peaks, _peakRuns);
    }

    private StreamResult(StreamResult other, int slotOffset)
    {
        _plan = other._plan;
        _data = other._data;
        Exponent = other.Exponent;
        _start = other._start;
        _minutes = other._minutes;
        _sums = other._sums;
        _peaks = other._peaks;
        _peakRuns = other._peakRuns;
        _slotOffset = slotOffset;
    }

    public int Exponent { get; }

    /// <summary>Windows in an hour: turns energy of a window into mean power.</summary>
    public decimal PerHour => 60m / _minutes;

    /// <summary>The same result for a component whose schedules begin at <paramref name="slotOffset"/> of this plan.</summary>
    public StreamResult Shifted(int slotOffset) => slotOffset == 0 ? this : new StreamResult(this, slotOffset);

    public long Sum(StreamRef reference, int period)
    {
        var sum = 0L;
        foreach (var cell in _plan.CellsOf(reference.Slot + _slotOffset, period))
        {
            sum += _sums[cell];
        }

        return sum;
    }

    /// <summary>Sum of a period in one billing month; ask a stream that is bound as monthly.</summary>
    public long Sum(StreamRef reference, int period, int part)
    {
        var sum = 0L;
        foreach (var cell in _plan.CellsOf(reference.Slot + _slotOffset, period, _plan.Parts == 1 ? 0 : part))
        {
            sum += _sums[cell];
        }

        return sum;
    }

    /// <summary>Length of the intervals or windows.</summary>
    public int WindowMinutes => _minutes;

    /// <summary>The quantity of the interval that holds an instant, or null outside the span.</summary>
    public long? At(Instant instant)
    {
        if (instant < _start)
        {
            return null;
        }

        var index = (instant - _start).BclCompatibleTicks / NodaConstants.TicksPerMinute / _plan.IntervalMinutes;
        return index < _plan.Length ? _data.Span[(int)index] : null;
    }

    /// <summary>Whether a period occurs in the span at all.</summary>
    public bool Occurs(StreamRef reference, int period) => _plan.CellsOf(reference.Slot + _slotOffset, period).Length > 0;

    public long Total()
    {
        var total = 0L;
        foreach (var sum in _sums)
        {
            total += sum;
        }

        return total;
    }

    /// <summary>Highest quantity of a period in one billing month, with the start of its interval; null when the period does not occur.</summary>
    public (long Value, Instant At)? Peak(StreamRef reference, int period, int part)
    {
        var best = -1;
        foreach (var cell in _plan.CellsOf(reference.Slot + _slotOffset, period, _plan.Parts == 1 ? 0 : part))
        {
            if (_peakRuns[cell] >= 0 && (best < 0 || _peaks[cell] > _peaks[best] || (_peaks[cell] == _peaks[best] && _peakRuns[cell] < _peakRuns[best])))
            {
                best = cell;
            }
        }

        if (best < 0)
        {
            return null;
        }

        var run = _peakRuns[best];
        var from = run == 0 ? 0 : _plan.Ends[run - 1];
        var index = from + _data.Span[from.._plan.Ends[run]].IndexOf(_peaks[best]);
        return (_peaks[best], _start + Duration.FromMinutes((long)index * _plan.IntervalMinutes));
    }

    /// <summary>Every interval or window in the order of time, with its period.</summary>
    public IEnumerable<(Instant At, int Period, long Value)> Windows(StreamRef reference)
    {
        var buckets = _plan.Buckets[reference.Slot + _slotOffset];
        var at = 0;
        for (var run = 0; run < _plan.Ends.Length; run++)
        {
            for (; at < _plan.Ends[run]; at++)
            {
                yield return (_start + Duration.FromMinutes((long)at * _plan.IntervalMinutes), buckets[_plan.Cells[run]], _data.Span[at]);
            }
        }
    }

    /// <summary>Sum of the intervals in [from, to), clipped to the span; null when a bound lies inside an interval.</summary>
    public long? SumBetween(Instant from, Instant to)
    {
        var interval = _plan.IntervalMinutes * NodaConstants.TicksPerMinute;
        var first = Math.Max(0L, (from - _start).BclCompatibleTicks);
        var last = Math.Min(_plan.Length * interval, (to - _start).BclCompatibleTicks);
        if (first % interval != 0 || last % interval != 0)
        {
            return null;
        }

        var sum = 0L;
        foreach (var value in last <= first ? [] : _data.Span[(int)(first / interval)..(int)(last / interval)])
        {
            sum += value;
        }

        return sum;
    }

    /// <summary>Sums of consecutive stretches of the same period, in the order of time.</summary>
    public IEnumerable<(int Period, long Sum)> RunsOf(StreamRef reference)
    {
        var buckets = _plan.Buckets[reference.Slot + _slotOffset];
        var at = 0;
        var sum = 0L;
        var period = -1;
        for (var run = 0; run < _plan.Ends.Length; run++)
        {
            var next = buckets[_plan.Cells[run]];
            if (next != period && period >= 0)
            {
                yield return (period, sum);
                sum = 0L;
            }

            period = next;
            for (; at < _plan.Ends[run]; at++)
            {
                sum += _data.Span[at];
            }
        }

        if (period >= 0)
        {
            yield return (period, sum);
        }
    }
}
