using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Formats;

/// <summary>A stretch of intervals that a file does not have, between its first and its last.</summary>
public readonly record struct SourceHole(Instant From, long Intervals);

/// <summary>What a file holds of one stream, counted while it is read: bits for what was there, never the values.</summary>
public sealed class StreamSurvey
{
    private readonly SlotSet _seen = new();
    private readonly SlotSet _repeated = new();
    private readonly SlotSet _unknown = new();
    private readonly Dictionary<string, long> _quality = [];
    private readonly Dictionary<(Instant From, Instant To), SourceTotal> _totals = [];
    private readonly long _step;
    private long? _offset;
    private long _first = long.MaxValue;
    private long _last = long.MinValue;
    private long _totalGaps;

    internal StreamSurvey(SourceChannel channel)
    {
        Channel = channel;
        _step = (channel.IntervalMinutes ?? 1) * 60L;
    }

    /// <summary>The stream.</summary>
    public SourceChannel Channel { get; }

    /// <summary>Exact sum in the file's unit, each interval once.</summary>
    public decimal Sum { get; private set; }

    /// <summary>Intervals (or totals) with a value, each once.</summary>
    public long Intervals { get; private set; }

    /// <summary>Values given for an interval that had one before.</summary>
    public long Duplicates { get; private set; }

    /// <summary>Days of the file's zone in which there is a value.</summary>
    public long Days => Channel.IntervalMinutes is null || _totals.Count > 0 ? TotalDays() : CountDays();

    /// <summary>Intervals between the first and the last that have no value.</summary>
    public long Gaps => _totals.Count > 0 || _first > _last ? _totalGaps : _last - _first + 1 - Intervals;

    /// <summary>Intervals by quality, in the file's own words.</summary>
    public IReadOnlyDictionary<string, long> Quality => _quality;

    /// <summary>Start of the first interval or total; null where there is none.</summary>
    public Instant? From { get; private set; }

    /// <summary>End of the last.</summary>
    public Instant? To { get; private set; }

    /// <summary>Most decimals that a value has.</summary>
    public int Decimals { get; private set; }

    /// <summary>The same without zeros at the end: 1.500 has one.</summary>
    public int SignificantDecimals { get; private set; }

    /// <summary>Line of the first item.</summary>
    public int FirstLine { get; private set; }

    /// <summary>Largest value without its sign.</summary>
    public decimal Largest { get; private set; }

    /// <summary>Line of the first value below zero; null where there is none, or where a sign only says the direction.</summary>
    public int? NegativeLine { get; private set; }

    /// <summary>The stretches that <see cref="Gaps"/> counts, first to last.</summary>
    public IEnumerable<SourceHole> Holes()
    {
        for (var slot = _seen.Next(_first, _last + 1, member: false); slot < _last + 1;)
        {
            var end = _seen.Next(slot, _last + 1, member: true);
            yield return new SourceHole(StartOf(slot), end - slot);
            slot = _seen.Next(end, _last + 1, member: false);
        }
    }

    /// <summary>The first instant of which both streams have a value; null where there is none.</summary>
    internal Instant? FirstShared(StreamSurvey other)
    {
        using var mine = Stretches().GetEnumerator();
        using var theirs = other.Stretches().GetEnumerator();
        for (var more = mine.MoveNext() && theirs.MoveNext(); more;)
        {
            var from = Instant.Max(mine.Current.From, theirs.Current.From);
            if (from < Instant.Min(mine.Current.To, theirs.Current.To))
            {
                return from;
            }

            more = mine.Current.To <= theirs.Current.To ? mine.MoveNext() : theirs.MoveNext();
        }

        return null;
    }

    // Stretches of time with a value, first to last.
    private IEnumerable<(Instant From, Instant To)> Stretches()
    {
        if (Channel.IntervalMinutes is null)
        {
            Instant? end = null;
            foreach (var total in _totals.Values.Where(t => t.Flag.Quality != IntervalQuality.Missing).OrderBy(t => t.From))
            {
                // Totals may overlap; what one of them covers is covered.
                var from = end is { } e && e > total.From ? e : total.From;
                if (from < total.To)
                {
                    yield return (from, total.To);
                    end = total.To;
                }
            }

            yield break;
        }

        for (var slot = _first > _last ? _last + 1 : _seen.Next(_first, _last + 1, member: true); slot < _last + 1;)
        {
            var end = _seen.Next(slot, _last + 1, member: false);
            yield return (StartOf(slot), StartOf(end));
            slot = _seen.Next(end, _last + 1, member: true);
        }
    }

    /// <summary>True where an interval has more than one value in the file.</summary>
    internal bool IsRepeated(Instant start) => _repeated.Contains(SlotOf(start));

    internal long RepeatedSlots => _repeated.Count;

    internal long SlotOf(Instant start)
    {
        var (quotient, remainder) = Math.DivRem(start.ToUnixTimeSeconds() - (_offset ?? 0), _step);
        return remainder < 0 ? quotient - 1 : quotient;
    }

    internal string? Add(SourceRun run)
    {
        var seconds = run.Start.ToUnixTimeSeconds();
        var offset = ((seconds % _step) + _step) % _step;
        if (_offset is { } usual && usual != offset)
        {
            return $"the interval at {run.Start} does not lie on the {Channel.IntervalMinutes}-minute grid of the intervals before it";
        }

        _offset = offset;
        FirstLine = FirstLine == 0 ? run.Line : FirstLine;
        var slot = SlotOf(run.Start);
        foreach (var flag in run.Flags)
        {
            for (var i = flag.First; i < flag.First + flag.Count; i++)
            {
                Add(slot + i, run.Values[i], flag);
                NegativeLine ??= run.Values[i] < 0 && !Channel.Negated && flag.Quality != IntervalQuality.Missing ? run.Line : null;
            }
        }

        var end = run.At(run.Values.Length);
        From = From is { } from && from <= run.Start ? from : run.Start;
        To = To is { } to && to >= end ? to : end;
        return null;
    }

    internal string? Add(SourceTotal total)
    {
        FirstLine = FirstLine == 0 ? total.Line : FirstLine;
        NegativeLine ??= total.Quantity < 0 && !Channel.Negated && total.Flag.Quality != IntervalQuality.Missing ? total.Line : null;
        var period = (total.From, total.To);
        if (!_totals.TryGetValue(period, out var known))
        {
            _totals.Add(period, total);
            From = From is { } from && from <= total.From ? from : total.From;
            To = To is { } to && to >= total.To ? to : total.To;
            Count(total, 1);
            return null;
        }

        Duplicates++;
        var standing = SourceValue.Standing([ValueOf(known), ValueOf(total)]) == 1 ? total : known;
        if (standing == total)
        {
            Count(known, -1);
            Count(total, 1);
            _totals[period] = total;
        }

        return $"{total.From} to {total.To} is given twice, {DecimalText.Format(known.Quantity)} (line {known.Line}) and {DecimalText.Format(total.Quantity)} (line {total.Line}); {DecimalText.Format(standing.Quantity)} counts in the sum";
    }

    /// <summary>Ends the first reading: totals leave gaps and overlap in time, whatever their order in the file.</summary>
    internal IEnumerable<SourceProblem> Close()
    {
        SourceTotal? last = null;
        foreach (var total in _totals.Values.OrderBy(t => t.From).ThenBy(t => t.To))
        {
            _totalGaps += last is not null && total.From > last.To ? 1 : 0;
            if (last is not null && total.From < last.To)
            {
                yield return new SourceProblem(
                    Math.Max(total.Line, last.Line),
                    $"{Channel.Id} {Channel.Register}: {total.From} to {total.To} (line {total.Line}) overlaps {last.From} to {last.To} (line {last.Line}); both count in the sum, each hour is delivered once",
                    false);
            }

            last = last is null || total.To > last.To ? total : last;
        }
    }

    private static SourceValue ValueOf(SourceTotal total) => new(total.Line, total.Quantity, total.Flag, total.StatedAt, null);

    private void Count(SourceTotal total, int by)
    {
        Count(total.Flag.Code, by);
        if (total.Flag.Quality != IntervalQuality.Missing)
        {
            Intervals += by;
            Sum += by * total.Quantity;
            Measure(total.Quantity);
        }
    }

    /// <summary>Corrects what was counted for an interval with several values, once the one that stands is known.</summary>
    internal void Resolve(long slot, IReadOnlyList<(decimal Value, SourceFlag Flag)> all, int standing)
    {
        if (all[standing].Flag.Quality == IntervalQuality.Missing && _seen.Remove(slot))
        {
            // A value that was withdrawn: the interval is a hole now.
            Intervals--;
        }

        for (var i = 0; i < all.Count; i++)
        {
            if (i != standing)
            {
                Count(all[i].Flag.Code, -1);
                Sum -= all[i].Flag.Quality == IntervalQuality.Missing ? 0m : all[i].Value;
            }
        }
    }

    private void Add(long slot, decimal value, SourceFlag flag)
    {
        Count(flag.Code, 1);
        _first = Math.Min(_first, slot);
        _last = Math.Max(_last, slot);
        if (flag.Quality == IntervalQuality.Missing)
        {
            // A null is said about an interval once too; a value for it stands whatever comes first.
            if (!_unknown.Add(slot) || _seen.Contains(slot))
            {
                Duplicates++;
                _repeated.Add(slot);
            }

            return;
        }

        if (!_seen.Add(slot))
        {
            Duplicates++;
            _repeated.Add(slot);
        }
        else
        {
            Intervals++;
            if (_unknown.Contains(slot))
            {
                Duplicates++;
                _repeated.Add(slot);
            }
        }

        Take(value);
    }

    private void Take(decimal value)
    {
        Sum += value;
        Measure(value);
    }

    private void Measure(decimal value)
    {
        Decimals = Math.Max(Decimals, value.Scale);
        if (value.Scale > SignificantDecimals)
        {
            // Dividing by one with all decimals takes the zeros away.
            SignificantDecimals = Math.Max(SignificantDecimals, (value / 1.0000000000000000000000000000m).Scale);
        }

        Largest = Math.Max(Largest, Math.Abs(value));
    }

    private void Count(string code, long by)
    {
        _quality.TryGetValue(code, out var count);
        if (count + by == 0)
        {
            _quality.Remove(code);
        }
        else
        {
            _quality[code] = count + by;
        }
    }

    private Instant StartOf(long slot) => Instant.FromUnixTimeSeconds((slot * _step) + (_offset ?? 0));

    private long CountDays()
    {
        if (_first > _last)
        {
            return 0;
        }

        var days = 0L;
        var slot = _seen.Next(_first, _last + 1, member: true);
        while (slot <= _last)
        {
            days++;
            var date = StartOf(slot).InZone(Channel.Zone).Date;
            var next = LocalPeriod.StartOfDay(date.PlusDays(1), Channel.Zone);
            var nextSlot = SlotOf(next);
            slot = _seen.Next(StartOf(nextSlot) < next ? nextSlot + 1 : nextSlot, _last + 1, member: true);
        }

        return days;
    }

    private long TotalDays() => _totals
        .Keys.Sum(t => Math.Max(1, Period.DaysBetween(t.From.InZone(Channel.Zone).Date, t.To.InZone(Channel.Zone).Date)));
}
