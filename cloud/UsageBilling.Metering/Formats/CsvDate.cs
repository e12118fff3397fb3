using System.Globalization;
using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>How a date is written.</summary>
internal enum CsvDateShape
{
    /// <summary>2026-01-31, 2026/01/31, 2026.01.31, 20260131.</summary>
    YearFirst,

    /// <summary>31.01.2026, 31-Jan-2026.</summary>
    DayFirst,

    /// <summary>01/02/2026 or 01-02-2026: which is the month does not show.</summary>
    Open,
}

/// <summary>A date as it is written: three numbers whose order may be open.</summary>
internal readonly record struct CsvDate(CsvDateShape Shape, int First, int Second, int Third)
{
    private static readonly string[] Months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

    /// <summary>The date, or null where there is no such day.</summary>
    public LocalDate? In(CsvDateOrder? order)
    {
        var (year, month, day) = Shape switch
        {
            CsvDateShape.YearFirst => (First, Second, Third),
            CsvDateShape.DayFirst => (Third, Second, First),
            _ => order == CsvDateOrder.MonthFirst ? (Third, First, Second) : (Third, Second, First),
        };
        return (Shape != CsvDateShape.Open || order is not null || First == Second) && year is >= 1900 and <= 9998 && month is >= 1 and <= 12 && day >= 1 && day <= CalendarSystem.Iso.GetDaysInMonth(year, month)
            ? new LocalDate(year, month, day)
            : null;
    }

    /// <summary>The date at the beginning of a text and how many characters it takes; null where there is none.</summary>
    public static (CsvDate Date, int Length)? Read(ReadOnlySpan<char> text)
    {
        var first = Number(text, 0);
        if (first is 8 && text.Length >= 8)
        {
            return (text.Length == 8 || text[8] is 'T' or 't' or ' ')
                && new CsvDate(CsvDateShape.YearFirst, Parse(text[..4]), Parse(text[4..6]), Parse(text[6..8])) is var compact && compact.In(null) is not null
                ? (compact, 8)
                : null;
        }

        if (first is not (1 or 2 or 4) || first >= text.Length || text[first] is not ('-' or '/' or '.' or ' '))
        {
            return null;
        }

        var sign = text[first];
        var at = first + 1;
        var second = Number(text, at);
        var named = second == 0;
        var month = named ? Month(text[at..], sign, out second) : 0;
        if ((month == 0 && (named || second > 2)) || (sign == ' ' && month == 0) || at + second >= text.Length || text[at + second] != sign)
        {
            return null;
        }

        var last = at + second + 1;
        var third = Number(text, last);
        if (first == 4 ? third is not (1 or 2) || month != 0 : third != 4)
        {
            return null;
        }

        var shape = first == 4 ? CsvDateShape.YearFirst : sign == '.' || month != 0 ? CsvDateShape.DayFirst : CsvDateShape.Open;
        var date = new CsvDate(shape, Parse(text[..first]), month != 0 ? month : Parse(text.Slice(at, second)), Parse(text.Slice(last, third)));
        return date.In(CsvDateOrder.DayFirst) is null && date.In(CsvDateOrder.MonthFirst) is null ? null : (date, last + third);
    }

    // Digits from a place on.
    private static int Number(ReadOnlySpan<char> text, int from)
    {
        var end = from;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
        {
            end++;
        }

        return end - from;
    }

    private static int Month(ReadOnlySpan<char> text, char sign, out int length)
    {
        length = Math.Max(0, text.IndexOf(sign));
        if (length >= 3)
        {
            for (var i = 0; i < Months.Length; i++)
            {
                if (text[..3].Equals(Months[i], StringComparison.OrdinalIgnoreCase) && !text[..length].ContainsAnyExceptInRange('A', 'z'))
                {
                    return i + 1;
                }
            }
        }

        return 0;
    }

    private static int Parse(ReadOnlySpan<char> digits) => int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
}
