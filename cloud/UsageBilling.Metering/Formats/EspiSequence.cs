using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Puts the readings of one interval block on their intervals. Sources that shift their clock at the wrong hour write a reading that lasts two intervals or
/// none, and hours later one that begins where another began or a hole. Where such a stretch has exactly one reading for each of its intervals, they are
/// placed one after another in the file's order and flagged; every oddity is named. Where it does not, a long reading is spread over its intervals and
/// the others stay where they say they are.
/// </summary>
internal sealed class EspiSequence(SourceChannel channel, List<SourceItem> output)
{
    private const int LongestStretch = 400;

    private readonly long _length = channel.IntervalMinutes!.Value * 60L;
    private readonly List<(int Line, Instant Start, long Seconds, decimal Value, SourceFlag Flag)> _stretch = [];

    public void Add(int line, Instant start, long seconds, decimal value, SourceFlag flag)
    {
        if (_stretch.Count > 0 && Elapsed(start) == _stretch.Count * _length)
        {
            Place(line, start);
        }

        if (_stretch.Count == 0 && seconds == _length)
        {
            Emit(line, start, value, flag);
            return;
        }

        if (seconds != _length)
        {
            if (seconds != 0 && (seconds < 0 || seconds % _length != 0))
            {
                output.Add(new SourceProblem(line, $"the reading at {start} lasts {seconds} s, intervals of this meter reading {_length} s: neither none nor a multiple", true));
                return;
            }

            output.Add(new SourceProblem(line, $"the reading at {start} lasts {seconds} s, intervals of this meter reading {_length} s{Why(start)}", false));
        }

        _stretch.Add((line, start, seconds, value, flag));
        if (_stretch.Count > LongestStretch)
        {
            GiveUp();
        }
    }

    /// <summary>The block ends, by its own word, at <paramref name="blockEnd"/>.</summary>
    public void End(Instant? blockEnd)
    {
        if (_stretch.Count > 0 && blockEnd is { } end && Elapsed(end) == _stretch.Count * _length)
        {
            Place(_stretch[^1].Line, end);
        }

        GiveUp();
    }

    private long Elapsed(Instant at) => at.ToUnixTimeSeconds() - _stretch[0].Start.ToUnixTimeSeconds();

    private void Place(int line, Instant next)
    {
        // What the stretch looked like to its readers: starts that are there twice, and starts that are not there.
        var starts = new HashSet<Instant>();
        foreach (var reading in _stretch)
        {
            if (!starts.Add(reading.Start))
            {
                output.Add(new SourceProblem(reading.Line, $"a second reading begins at {reading.Start}", false));
            }
        }

        if (!starts.Add(next))
        {
            output.Add(new SourceProblem(line, $"a second reading begins at {next}", false));
        }

        for (var i = 0; i < _stretch.Count; i++)
        {
            var at = _stretch[0].Start + Duration.FromSeconds(i * _length);
            if (!starts.Contains(at))
            {
                output.Add(new SourceProblem(line, $"no reading begins at {at}", false));
            }
        }

        output.Add(new SourceProblem(
            _stretch[0].Line,
            $"the {_stretch.Count} readings from {_stretch[0].Start} fill the {_stretch.Count} intervals to {next} but some begin an interval too early or too late{Why(_stretch[0].Start)}: they are taken one after another",
            false));
        for (var i = 0; i < _stretch.Count; i++)
        {
            var (from, _, _, value, flag) = _stretch[i];
            Emit(from, _stretch[0].Start + Duration.FromSeconds(i * _length), value, Doubtful(flag, "placed by order"));
        }

        _stretch.Clear();
    }

    private void GiveUp()
    {
        foreach (var (line, start, seconds, value, flag) in _stretch)
        {
            var parts = Math.Max(1, seconds / _length);
            if (parts == 1)
            {
                Emit(line, start, value, seconds == 0 ? Doubtful(flag, "no duration") : flag);
                continue;
            }

            output.Add(new SourceProblem(line, $"the reading at {start} is spread over its {parts} intervals", false));
            var unit = DecimalText.PowerOfTen(channel.Power);
            var before = 0m;
            for (var i = 1L; i <= parts; i++)
            {
                var share = decimal.Floor(value / unit * i / parts) * unit;
                Emit(line, start + Duration.FromSeconds((i - 1) * _length), share - before, Doubtful(flag, "spread"));
                before = share;
            }
        }

        _stretch.Clear();
    }

    private static SourceFlag Doubtful(SourceFlag flag, string reason) => flag with
    {
        Quality = flag.Quality == IntervalQuality.Measured ? IntervalQuality.Interpolated : flag.Quality,
        Code = flag.Quality == IntervalQuality.Measured ? "interpolated" : flag.Code,
        Reason = reason,
    };

    private void Emit(int line, Instant start, decimal value, SourceFlag flag) => output.Add(new SourceRun(line, channel, start, [value], [flag], null));

    // Names a change of the clocks within a day and a half, which is what these defects come from.
    private string Why(Instant at)
    {
        var stretch = channel.Zone.GetZoneInterval(at);
        var change = stretch.HasEnd && stretch.End - at < Duration.FromHours(36) ? stretch.End
            : stretch.HasStart && at - stretch.Start < Duration.FromHours(36) ? stretch.Start : (Instant?)null;
        return change is { } c
            ? $" (daylight saving time {(channel.Zone.GetUtcOffset(c) > channel.Zone.GetUtcOffset(c - Duration.FromSeconds(1)) ? "begins" : "ends")} at {c})"
            : string.Empty;
    }
}
