using System.Collections.Immutable;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// What a file holds, found in one reading: streams with their sums and holes, and every problem. Memory grows with the streams of the file, not with its
/// length. Where intervals have several values, a second reading (<see cref="Resolve"/>) finds which one stands.
/// </summary>
public sealed class FileSurvey
{
    /// <summary>Most problems that are listed; more are counted.</summary>
    public const int MostProblems = 1000;

    /// <summary>Of a stream's intervals with several values, so many are named one by one.</summary>
    public const int MostNamed = 20;

    /// <summary>Most intervals with several values: a file that repeats more is several files joined.</summary>
    public const int MostRepeated = 1_000_000;

    private readonly Dictionary<SourceChannel, StreamSurvey> _streams = [];
    private readonly List<SourceProblem> _problems = [];
    private readonly List<SourceProblem> _notes = [];
    private readonly Dictionary<(SourceChannel, long), SourceValue> _standing = [];
    private SourceChannel? _lastChannel;
    private StreamSurvey? _lastStream;

    /// <summary>Streams in the order in which they first appear.</summary>
    public IReadOnlyCollection<StreamSurvey> Streams => _streams.Values;

    /// <summary>Problems in order of lines, at most <see cref="MostProblems"/>.</summary>
    public IReadOnlyList<SourceProblem> Problems => _problems;

    /// <summary>What is to be known about the file and is no problem of it, at most <see cref="MostProblems"/>.</summary>
    public IReadOnlyList<SourceProblem> Notes => _notes;

    /// <summary>Problems that are not listed.</summary>
    public int MoreProblems { get; private set; }

    /// <summary>True where the file cannot be taken.</summary>
    public bool Refused { get; private set; }

    /// <summary>True where <see cref="Resolve"/> is needed before sums and values are final.</summary>
    public bool NeedsSecondReading { get; private set; }

    /// <summary>Reads a file, and where it repeats intervals reads it again.</summary>
    /// <param name="read">Begins reading anew each time.</param>
    public static FileSurvey Of(Func<IEnumerable<SourceItem>> read)
    {
        var survey = new FileSurvey();
        foreach (var item in read())
        {
            survey.Add(item);
        }

        survey.Close();
        if (survey.NeedsSecondReading && !survey.Refused)
        {
            survey.Resolve(read());
        }

        survey.CheckChannels();
        return survey;
    }

    /// <summary>Counts an item of the first reading.</summary>
    public void Add(SourceItem item)
    {
        switch (item)
        {
            case SourceRun run when StreamOf(run.Channel).Add(run) is { } offGrid:
                Report(new SourceProblem(run.Line, offGrid, true));
                break;
            case SourceTotal total when StreamOf(total.Channel).Add(total) is { } twice:
                Report(new SourceProblem(total.Line, twice, false));
                break;
            case SourceProblem problem:
                Report(problem);
                break;
        }
    }

    /// <summary>Ends the first reading.</summary>
    public void Close()
    {
        foreach (var problem in Streams.SelectMany(stream => stream.Close()))
        {
            Report(problem);
        }

        var repeated = Streams.Sum(stream => stream.RepeatedSlots);
        NeedsSecondReading = repeated > 0;
        if (repeated > MostRepeated)
        {
            Report(new SourceProblem(1, $"the file gives {repeated} intervals more than once; the limit is {MostRepeated}: split it into the files that it was joined from", true));
        }

        _problems.Sort((a, b) => a.Line.CompareTo(b.Line));
    }

    /// <summary>
    /// After the last reading: refuses streams that would be one channel. Two names that a point's name cannot tell apart are two meters; one name in two units or
    /// lengths is one channel as long as each hour is in one of them only.
    /// </summary>
    public void CheckChannels()
    {
        foreach (var group in Streams.Where(s => s.Channel.Measurand is not null).GroupBy(s => (s.Channel.Point, s.Channel.Measurand)))
        {
            var streams = group.ToArray();
            for (var i = 1; i < streams.Length && !(Refused && _problems.Count >= MostProblems); i++)
            {
                if (streams.Take(i).Select(before => Clash(before, streams[i])).FirstOrDefault(clash => clash is not null) is { } problem)
                {
                    Report(new SourceProblem(Math.Max(1, streams[i].FirstLine), problem, true));
                }
            }
        }

        _problems.Sort((a, b) => a.Line.CompareTo(b.Line));
    }

    private static string? Clash(StreamSurvey one, StreamSurvey other)
    {
        static string Name(StreamSurvey s) => $"{s.Channel.Id} {s.Channel.Register} in {s.Channel.Unit}{(s.Channel.IntervalMinutes is { } minutes ? $" by {minutes} minutes" : " by totals")} (line {s.FirstLine})";
        var channel = $"{one.Channel.Point}/{one.Channel.Measurand!.Value.Quantity}/{one.Channel.Measurand.Value.Direction}";
        return one.Channel.Id != other.Channel.Id
            ? $"{Name(one)} and {Name(other)} would both be channel {channel}, for a point's name has letters, digits, '-', '_' and '.' only: name one of them otherwise, or make a file of each and import it with --point"
            : one.FirstShared(other) is { } at
                ? $"{Name(one)} and {Name(other)} both give channel {channel} a value at {at}, and only one of them can count: take one out, or make a file of each and import that which counts"
                : null;
    }

    /// <summary>The second reading: decides between the values of an interval.</summary>
    public void Resolve(IEnumerable<SourceItem> items)
    {
        var contenders = new Dictionary<(SourceChannel, long), List<SourceValue>>();
        foreach (var run in items.OfType<SourceRun>())
        {
            var stream = StreamOf(run.Channel);
            for (var i = 0; i < run.Values.Length && stream.RepeatedSlots > 0; i++)
            {
                if (stream.IsRepeated(run.At(i)))
                {
                    var key = (run.Channel, stream.SlotOf(run.At(i)));
                    if (!contenders.TryGetValue(key, out var values))
                    {
                        contenders.Add(key, values = new List<SourceValue>(2));
                    }

                    values.Add(new SourceValue(run.Line, run.Values[i], run.FlagOf(i), run.StatedAt, run.MeterSerial));
                }
            }
        }

        var named = new Dictionary<(SourceChannel Channel, bool GaveWay), (int Count, int Line)>();
        foreach (var (key, values) in contenders)
        {
            var standing = SourceValue.Standing(values);
            _streams[key.Item1].Resolve(key.Item2, [.. values.Select(v => (v.Value, v.Flag))], standing);
            _standing.Add(key, values[standing]);
            Disagree(key.Item1, values, standing, named);
        }

        foreach (var ((channel, gaveWay), (count, line)) in named.Where(n => n.Value.Count > MostNamed))
        {
            Report(new SourceProblem(
                line,
                $"{channel.Id} {channel.Register}: the same of {count - MostNamed} more values, up to this line; {count} in all{(gaveWay ? " gave way to a later version" : " differ from the one that stands and nothing says which is newer")}",
                false));
        }

        _problems.Sort((a, b) => a.Line.CompareTo(b.Line));
    }

    /// <summary>
    /// The run with only those values that stand, for delivery: an interval with several values keeps the one that stands in the place where it was read,
    /// the others become missing. Null where nothing is left.
    /// </summary>
    public SourceRun? Standing(SourceRun run)
    {
        var stream = StreamOf(run.Channel);
        if (stream.RepeatedSlots == 0)
        {
            return run;
        }

        ImmutableArray<SourceFlag>.Builder? flags = null;
        for (var i = 0; i < run.Values.Length; i++)
        {
            var flag = run.FlagOf(i);
            var stands = !_standing.TryGetValue((run.Channel, stream.SlotOf(run.At(i))), out var value)
                || (value.Line == run.Line && value.Value == run.Values[i] && value.Flag == flag);
            if (!stands && flags is null)
            {
                flags = ImmutableArray.CreateBuilder<SourceFlag>();
                for (var k = 0; k < i; k++)
                {
                    flags.Add(run.FlagOf(k) with { First = k, Count = 1 });
                }
            }

            flags?.Add(stands ? flag with { First = i, Count = 1 } : SourceFlag.Replaced(i));
        }

        return flags is null ? run : flags.All(f => f.IsReplaced) ? null : run with { Flags = flags.ToImmutable() };
    }

    // Two records of a day may differ in each of its intervals, two exports in each row: the first are named one by one, all are counted.
    private void Disagree(SourceChannel channel, List<SourceValue> values, int standing, Dictionary<(SourceChannel, bool), (int Count, int Line)> named)
    {
        for (var i = 0; i < values.Count; i++)
        {
            if (i == standing || values[i].DiffersFrom(values[standing]) is not { } gaveWay)
            {
                continue;
            }

            var line = Math.Max(values[i].Line, values[standing].Line);
            var (count, last) = named.GetValueOrDefault((channel, gaveWay));
            named[(channel, gaveWay)] = (count + 1, Math.Max(last, line));
            if (count < MostNamed)
            {
                Report(new SourceProblem(line, $"{channel.Id} {channel.Register} {values[i].Against(values[standing], gaveWay)}", false));
            }
        }
    }

    private void Report(SourceProblem problem)
    {
        if (problem.IsNote)
        {
            if (_notes.Count < MostProblems)
            {
                _notes.Add(problem);
            }

            return;
        }

        Refused |= problem.Refuses;
        if (_problems.Count < MostProblems)
        {
            _problems.Add(problem);
        }
        else
        {
            // The reason of a refusal is always among those that are listed.
            MoreProblems++;
            if (problem.Refuses && _problems.FindLastIndex(p => !p.Refuses) is >= 0 and var defect)
            {
                _problems[defect] = problem;
            }
        }
    }

    private StreamSurvey StreamOf(SourceChannel channel)
    {
        if (ReferenceEquals(channel, _lastChannel))
        {
            return _lastStream!;
        }

        if (!_streams.TryGetValue(channel, out var stream))
        {
            stream = new StreamSurvey(channel);
            _streams.Add(channel, stream);
        }

        (_lastChannel, _lastStream) = (channel, stream);
        return stream;
    }
}
