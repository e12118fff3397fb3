using NodaTime;
using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Intervals;

/// <summary>The slots of a UTC day while quantities over spans of any length are laid into them.</summary>
internal sealed class SpanCells
{
    private readonly long _start;
    private readonly long _step;
    private readonly int _minutes;
    private readonly long[] _quantities;
    private readonly long[] _covered;
    private readonly byte[] _worst;

    public SpanCells(long startMs, int intervalMinutes)
    {
        var slots = IntervalDay.SlotsOf(intervalMinutes);
        _start = startMs;
        _minutes = intervalMinutes;
        _step = intervalMinutes * 60_000L;
        _quantities = new long[slots];
        _covered = new long[slots];
        _worst = new byte[slots];
        _worst.AsSpan().Fill(byte.MaxValue);
    }

    /// <summary>Lays the part of a span within [<paramref name="from"/>, <paramref name="to"/>) and the day into the slots that it touches.</summary>
    public void Add(AdvanceSpan span, long from, long to, IntervalQuality quality)
    {
        from = Math.Max(from, _start);
        to = Math.Min(to, _start + NodaConstants.MillisecondsPerDay);
        while (from < to)
        {
            var slot = (int)((from - _start) / _step);
            var until = Math.Min(to, _start + ((slot + 1) * _step));
            _quantities[slot] = checked(_quantities[slot] + span.AdvanceUntil(until) - span.AdvanceUntil(from));
            _covered[slot] += until - from;
            var cut = from != span.FromMs || until != span.ToMs;
            _worst[slot] = Math.Min(_worst[slot], (byte)(cut && quality > IntervalQuality.Interpolated ? IntervalQuality.Interpolated : quality));
            from = until;
        }
    }

    public IntervalDay ToDay()
    {
        for (var slot = 0; slot < _worst.Length; slot++)
        {
            if (_covered[slot] < _step)
            {
                _worst[slot] = (byte)IntervalQuality.Missing;
            }
        }

        return new IntervalDay(_minutes, _quantities, _worst);
    }
}
