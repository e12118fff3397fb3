using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace UsageBilling.Rating.Tariffs;

/// <summary>
/// A public holiday as a tariff writes it: <c>2026-05-04</c> (once), <c>12-25</c> (every year), <c>07-04 observed</c>
/// (moved to Friday or Monday when it falls on a weekend), <c>easter</c>, <c>easter+1</c>, <c>easter-2</c> (days from
/// Western Easter Sunday), <c>first mon 09</c>, <c>fourth thu 11</c>, <c>last mon 05</c>.
/// </summary>
public sealed class Holiday
{
    private static readonly string[] Ordinals = ["first", "second", "third", "fourth", "last"];
    private static readonly string[] DayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    private readonly Func<int, LocalDate?> _inYear;

    private Holiday(string text, Func<int, LocalDate?> inYear)
    {
        Text = text;
        _inYear = inYear;
    }

    /// <summary>As written.</summary>
    public string Text { get; }

    /// <summary>Reads one of the forms above; null when it is none of them.</summary>
    public static Holiday? Parse(string text)
    {
        if (LocalDatePattern.Iso.Parse(text) is { Success: true } once)
        {
            return new Holiday(text, year => year == once.Value.Year ? once.Value : null);
        }

        if (text.StartsWith("easter", StringComparison.Ordinal))
        {
            return ParseEaster(text);
        }

        var words = text.Split(' ');
        return words.Length == 3 ? ParseWeekday(text, words) : ParseYearly(text, words);
    }

    /// <summary>Adds the dates of this holiday that matter to a year (an observed New Year's Day may fall into the year before).</summary>
    internal void AddTo(HashSet<LocalDate> dates, int year)
    {
        if (_inYear(year) is { } date)
        {
            dates.Add(date);
        }
    }

    private static Holiday? ParseEaster(string text)
    {
        var offset = 0;
        if (text.Length > 6 && !(text[6] is '+' or '-' && int.TryParse(text.AsSpan(6), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out offset)))
        {
            return null;
        }

        return offset is < -100 or > 100 ? null : new Holiday(text, year => Easter(year).PlusDays(offset));
    }

    private static Holiday? ParseWeekday(string text, string[] words)
    {
        var ordinal = Array.IndexOf(Ordinals, words[0]);
        var weekday = Array.IndexOf(DayNames, words[1]);
        if (ordinal < 0 || weekday < 0 || !int.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out var month) || month is < 1 or > 12)
        {
            return null;
        }

        var day = (IsoDayOfWeek)(weekday + 1);
        return new Holiday(text, year =>
        {
            if (ordinal == 4)
            {
                var end = new LocalDate(year, month, CalendarSystem.Iso.GetDaysInMonth(year, month));
                return end.DayOfWeek == day ? end : end.Previous(day);
            }

            var start = new LocalDate(year, month, 1);
            var first = start.DayOfWeek == day ? start : start.Next(day);
            return first.PlusWeeks(ordinal);
        });
    }

    private static Holiday? ParseYearly(string text, string[] words)
    {
        var observed = words.Length == 2 && words[1] == "observed";
        if ((words.Length != 1 && !observed) || MonthDay.Parse(words[0]) is not { } monthDay)
        {
            return null;
        }

        return new Holiday(text, year => monthDay.Day > CalendarSystem.Iso.GetDaysInMonth(year, monthDay.Month)
            ? null
            : observed ? Observed(new LocalDate(year, monthDay.Month, monthDay.Day)) : new LocalDate(year, monthDay.Month, monthDay.Day));
    }

    private static LocalDate Observed(LocalDate date) => date.DayOfWeek switch
    {
        IsoDayOfWeek.Saturday => date.PlusDays(-1),
        IsoDayOfWeek.Sunday => date.PlusDays(1),
        _ => date,
    };

    /// <summary>Western Easter Sunday: the anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, chapter 8).</summary>
    private static LocalDate Easter(int year)
    {
        var a = year % 19;
        var b = year / 100;
        var c = year % 100;
        var h = ((19 * a) + b - (b / 4) - ((b - ((b + 8) / 25) + 1) / 3) + 15) % 30;
        var l = (32 + (2 * (b % 4)) + (2 * (c / 4)) - h - (c % 4)) % 7;
        var m = (a + (11 * h) + (22 * l)) / 451;
        var n = h + l - (7 * m) + 114;
        return new LocalDate(year, n / 31, (n % 31) + 1);
    }
}

/// <summary>A day of every year, written <c>MM-DD</c>.</summary>
public readonly record struct MonthDay(int Month, int Day)
{
    /// <summary>Position in a leap year, 0 to 365.</summary>
    public int Index => new LocalDate(2000, Month, Day).DayOfYear - 1;

    /// <summary>The <c>MM-DD</c> at a position in a leap year.</summary>
    public static MonthDay FromIndex(int index)
    {
        var date = new LocalDate(2000, 1, 1).PlusDays(index);
        return new MonthDay(date.Month, date.Day);
    }

    /// <summary>Reads <c>MM-DD</c>, 02-29 included; null when it is something else.</summary>
    public static MonthDay? Parse(string text) =>
        LocalDatePattern.Iso.Parse("2000-" + text) is { Success: true } date ? new MonthDay(date.Value.Month, date.Value.Day) : null;

    /// <summary><c>MM-DD</c>.</summary>
    public override string ToString() => $"{Month:00}-{Day:00}";
}
