using NodaTime;
using NodaTime.Text;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Files;

/// <summary>Price and factor series (<c>start,value</c>) and demand history (<c>month,kw</c>).</summary>
public static class SmallCsv
{
    /// <summary>Longest interval that has a price of its own; what holds longer is a dated factor.</summary>
    public static readonly Duration LongestInterval = Duration.FromHours(1);

    /// <summary>
    /// A series in the order of time; the value column may have any name. Values of intervals (an hour or shorter) must follow
    /// each other without holes and the last holds for one interval; values of longer spans, such as monthly factors, hold until
    /// the next one and the last holds on.
    /// </summary>
    public static (ValueSeries? Series, IReadOnlyList<Problem> Problems) ReadSeries(string text, string file, DateTimeZone zone)
    {
        var problems = new List<Problem>();
        if (CsvText.Read(text, file, problems) is not { } csv)
        {
            return (null, problems);
        }

        if (csv.Header.Length != 2 || csv.Column("start") != 0)
        {
            problems.Add(new Problem(file, "the header must be start,value", 1));
        }

        var values = new List<(Instant Start, decimal Value)>();
        Instant? last = null;
        foreach (var (line, cells) in csv.Rows)
        {
            if (csv.Full || csv.Header.Length != 2)
            {
                break;
            }

            var (at, problem) = CsvInstant.Parse(cells[0], zone, last);
            if (problem is not null || at <= last)
            {
                problems.Add(new Problem(file, problem ?? $"{cells[0]} does not lie after the row above", line));
            }
            else if (CsvText.Number(cells[1]) is not { } value || value is > 1_000_000_000m or < -1_000_000_000m)
            {
                problems.Add(new Problem(file, $"\"{cells[1]}\" is not a number up to 10⁹", line));
            }
            else
            {
                values.Add((at, value));
                last = at;
            }
        }

        if (values.Count == 0 && problems.Count == 0)
        {
            problems.Add(new Problem(file, "has no values", 1));
        }

        FindHoles(csv, file, values, problems);
        if (problems.Count > 0)
        {
            return (null, problems);
        }

        var step = values.Count > 1 ? values[^1].Start - values[^2].Start : Duration.MaxValue;
        return (new ValueSeries(values, step <= LongestInterval ? values[^1].Start + step : null), []);
    }

    private static void FindHoles(CsvText csv, string file, List<(Instant Start, decimal Value)> values, List<Problem> problems)
    {
        foreach (var at in problems.Count > 0 ? [] : Holes([.. values.Select(v => v.Start)]))
        {
            if (csv.Full)
            {
                return;
            }

            problems.Add(new Problem(file, $"values are missing between {values[at].Start} and {values[at + 1].Start}; fill them", csv.Rows[at + 1].Line));
        }
    }

    /// <summary>
    /// Places in a series of interval values, given by the instants at which they begin, behind which values are missing; none where the values are of longer spans. Interval prices
    /// may change their resolution (hours to quarter hours), and then keep it. A longer step that lasts less than a day between shorter ones is a hole.
    /// </summary>
    public static IEnumerable<int> Holes(IReadOnlyList<Instant> starts)
    {
        var steps = Enumerable.Range(1, Math.Max(0, starts.Count - 1)).Select(row => starts[row] - starts[row - 1]).ToArray();
        if (steps.Length < 2 || steps.Min() > LongestInterval)
        {
            yield break;
        }

        for (var (at, next) = (0, 0); at < steps.Length; at = next)
        {
            for (next = at; next < steps.Length && steps[next] == steps[at]; next++)
            {
            }

            var longer = (at > 0 && steps[at] > steps[at - 1]) || (next < steps.Length && steps[at] > steps[next]);
            if (steps[at] > LongestInterval || (longer && starts[next] - starts[at] < Duration.FromDays(1)))
            {
                yield return at;
            }
        }
    }

    /// <summary>Peaks of months before the first one billed, added to a state.</summary>
    public static (RatingState State, IReadOnlyList<Problem> Problems) ReadDemandHistory(string text, string file, RatingState state)
    {
        var problems = new List<Problem>();
        if (CsvText.Read(text, file, problems) is not { } csv)
        {
            return (state, problems);
        }

        var (month, kilowatts) = (csv.Column("month"), csv.Column("kw"));
        if (csv.Header.Length != 2 || month < 0 || kilowatts < 0)
        {
            problems.Add(new Problem(file, "the header must be month,kw", 1));
            return (state, problems);
        }

        var seen = new HashSet<YearMonth>();
        foreach (var (line, cells) in csv.Rows)
        {
            if (YearMonthPattern.Iso.Parse(cells[month]) is not { Success: true } parsed)
            {
                problems.Add(new Problem(file, $"\"{cells[month]}\" is not a month; write 2025-12", line));
            }
            else if (CsvText.Number(cells[kilowatts]) is not { } peak || peak is < 0m or > 1_000_000_000m)
            {
                problems.Add(new Problem(file, $"\"{cells[kilowatts]}\" is not a demand in kW", line));
            }
            else if (!seen.Add(parsed.Value))
            {
                problems.Add(new Problem(file, $"{cells[month]} is there twice; keep one", line));
            }
            else
            {
                state = state.WithDemand(parsed.Value, peak);
            }
        }

        return (state, problems);
    }
}
