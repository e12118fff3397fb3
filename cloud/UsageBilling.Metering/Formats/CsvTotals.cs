using NodaTime;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Metering.Formats;

/// <summary>Totals of rows with one time each: a total runs from one row to the next; in a file of days it is a day long, and a day that is not there is a gap.</summary>
internal sealed class CsvTotals(CsvOptions options, CsvColumns columns, bool ends, CsvQuantities quantities)
{
    private readonly DateTimeZone _zone = options.Zone ?? DateTimeZone.Utc;
    private (int Line, Instant At, string[] Fields)? _open;
    private Duration? _length;

    /// <summary>Most rows are a day apart.</summary>
    public bool AreDays { get; set; }

    /// <summary>Takes a row; returns what is wrong with it.</summary>
    public string? Add(int line, Instant at, string[] fields)
    {
        if (_open is { } open)
        {
            if (at <= open.At)
            {
                return $"{at} is not after the row before it, {open.At}";
            }

            var skips = AreDays && at - open.At > Duration.FromHours(25);
            var (from, to) = (skips && ends ? DaysFrom(at, -1) : open.At, skips && !ends ? DaysFrom(open.At, 1) : at);
            quantities.Add(ends ? line : open.Line, ends ? fields : open.Fields, from, to);
            _length = to - from;
        }

        _open = (line, at, fields);
        return null;
    }

    /// <summary>The last total of a file of starts: closed by a row without a value, or as long as a day where all are days. Returns what is wrong with it.</summary>
    public (int Line, string Reason)? End()
    {
        if (ends || _open is not { } open || columns.Values.TrueForAll(c => CsvQuantities.IsBlank(open.Fields, c.Index)))
        {
            return null;
        }

        if (_length is not { } length || !CsvLength.IsDay(length))
        {
            return (open.Line, "the last row does not say where its total ends: add a row with the end's time and no value");
        }

        quantities.Add(open.Line, open.Fields, open.At, DaysFrom(open.At, 1));
        return null;
    }

    /// <summary>Days from midnight to midnight have 23 to 25 hours; others have 24.</summary>
    public Instant DaysFrom(Instant at, int days)
    {
        var local = at.InZone(_zone);
        return local.TimeOfDay == LocalTime.Midnight ? LocalPeriod.StartOfDay(local.Date.PlusDays(days), _zone) : at + Duration.FromHours(24 * days);
    }
}
