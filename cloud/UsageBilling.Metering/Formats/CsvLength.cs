using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace UsageBilling.Metering.Formats;

/// <summary>How long the intervals of a CSV file are.</summary>
internal static class CsvLength
{
    private static readonly Duration Minute = Duration.FromMinutes(1);

    /// <summary>Whether intervals may be so many minutes long.</summary>
    public static bool IsTaken(int minutes) => minutes is >= 1 and <= 60 && 60 % minutes == 0;

    /// <summary>Minutes as a number or as an ISO 8601 duration (PT15M); null where they are neither or not taken.</summary>
    public static int? Read(string text)
    {
        text = text.Trim();
        var minutes = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : PeriodPattern.NormalizingIso.Parse(text) is { Success: true, Value: { Years: 0, Months: 0, Weeks: 0, Days: 0, Seconds: 0 } period } ? (int)((period.Hours * 60) + period.Minutes) : 0;
        return IsTaken(minutes) ? minutes : null;
    }

    /// <summary>An end that is the last minute or second of its interval, 00:29 or 00:29:59, moved to the first instant after.</summary>
    public static Instant Inclusive(Instant start, Instant end)
    {
        foreach (var last in new[] { Minute, Duration.FromSeconds(1) })
        {
            var length = end - start + last;
            if (length <= Duration.FromHours(1) && length > last && length.ToInt64Nanoseconds() % Minute.ToInt64Nanoseconds() == 0 && (int)length.TotalMinutes is 5 or 10 or 15 or 20 or 30 or 60 && (end - start).ToInt64Nanoseconds() % (5 * Minute.ToInt64Nanoseconds()) != 0)
            {
                return end + last;
            }
        }

        return end;
    }

    /// <summary>
    /// The smallest distance between rows: minutes up to an hour, null for totals; and whether most rows are a day apart.
    /// </summary>
    public static ((int? Minutes, bool AreDays)? Length, (int Line, string Reason)? Problem) Of(IEnumerable<(int Line, (Instant At, string? Problem) Stamp)> rows)
    {
        Instant? last = null;
        Duration? least = null;
        var (distances, days, first) = (0, 0, 1);
        (int Line, string Reason)? wrong = null;
        foreach (var (line, (at, problem)) in rows)
        {
            first = distances == 0 && last is null ? line : first;
            if (problem is null && last is { } before && at != before)
            {
                var distance = at > before ? at - before : before - at;
                least = least is { } smallest && smallest <= distance ? smallest : distance;
                distances++;
                days += IsDay(distance) ? 1 : 0;
            }

            last = problem is null ? at : last;
            wrong ??= problem is null ? null : (line, problem);
        }

        if (least is not { } length)
        {
            return (null, wrong ?? (first, "one row does not say how long an interval is: say --interval MINUTES"));
        }

        return ((length <= Duration.FromHours(1) ? (int)(length.ToInt64Nanoseconds() / Minute.ToInt64Nanoseconds()) : null, days * 2 >= distances), null);
    }

    /// <summary>A day, also one on which clocks change.</summary>
    public static bool IsDay(Duration length) => length >= Duration.FromHours(23) && length <= Duration.FromHours(25);
}
