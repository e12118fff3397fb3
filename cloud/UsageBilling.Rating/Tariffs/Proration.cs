using NodaTime;

namespace UsageBilling.Rating.Tariffs;

/// <summary>How much of a month or a year a span of days is. Every rule is additive: parts of a span add up to the span.</summary>
public enum ProrationRule
{
    /// <summary>Days over the days of the billing month (counted from the anchor day) or calendar year they lie in.</summary>
    ActualDays,

    /// <summary>Days over the mean month of 365/12 days, whole months too.</summary>
    MeanMonth,

    /// <summary>Months of 30 days (30E/360): a whole month is always 1.</summary>
    ThirtyDays,
}

/// <summary>Counts days, months and years of a span by a tariff's rule.</summary>
public static class Proration
{
    /// <summary>Digits to which a count of months or years is rounded; far below a cent at any price in the field.</summary>
    public const int Digits = 9;

    /// <summary>Months in [from, to) to nine digits. <paramref name="anchorDay"/> (1 to 31) is the day a billing month begins, clamped at month ends.</summary>
    public static decimal Months(ProrationRule rule, LocalDate from, LocalDate to, int anchorDay)
    {
        var days = Period.DaysBetween(from, to);
        return rule switch
        {
            ProrationRule.MeanMonth => Round(days * 12m / 365m),
            ProrationRule.ThirtyDays => Round((Thirty(to) - Thirty(from)) / 30m),
            _ => ActualMonths(from, to, anchorDay),
        };
    }

    /// <summary>Calendar quarters in [from, to): days over the days of the quarter; whole quarters count 1.</summary>
    public static decimal Quarters(ProrationRule rule, LocalDate from, LocalDate to, int anchorDay)
    {
        if (rule != ProrationRule.ActualDays)
        {
            return Round(Months(rule, from, to, anchorDay) / 3m);
        }

        var quarters = 0m;
        for (var start = from; start < to;)
        {
            var first = new LocalDate(start.Year, (((start.Month - 1) / 3) * 3) + 1, 1);
            var next = first.PlusMonths(3);
            var end = LocalDate.Min(next, to);
            quarters += (decimal)Period.DaysBetween(start, end) / Period.DaysBetween(first, next);
            start = end;
        }

        return Round(quarters);
    }

    /// <summary>Years in [from, to): days over 365, or 366 in leap years; whole calendar years count 1.</summary>
    public static decimal Years(ProrationRule rule, LocalDate from, LocalDate to, int anchorDay)
    {
        if (rule != ProrationRule.ActualDays)
        {
            return Round(Months(rule, from, to, anchorDay) / 12m);
        }

        var years = 0m;
        for (var start = from; start < to;)
        {
            var end = LocalDate.Min(new LocalDate(start.Year + 1, 1, 1), to);
            years += (decimal)Period.DaysBetween(start, end) / CalendarSystem.Iso.GetDaysInYear(start.Year);
            start = end;
        }

        return Round(years);
    }

    /// <summary>The first day of the billing month that holds <paramref name="date"/>.</summary>
    public static LocalDate MonthStart(LocalDate date, int anchorDay)
    {
        var start = Anchored(date.Year, date.Month, anchorDay);
        if (start <= date)
        {
            return start;
        }

        var previous = new LocalDate(date.Year, date.Month, 1).PlusMonths(-1);
        return Anchored(previous.Year, previous.Month, anchorDay);
    }

    /// <summary>The first day after the billing month that holds <paramref name="date"/>.</summary>
    public static LocalDate MonthEnd(LocalDate date, int anchorDay)
    {
        var start = Anchored(date.Year, date.Month, anchorDay);
        if (start > date)
        {
            return start;
        }

        var next = new LocalDate(date.Year, date.Month, 1).PlusMonths(1);
        return Anchored(next.Year, next.Month, anchorDay);
    }

    private static decimal ActualMonths(LocalDate from, LocalDate to, int anchorDay)
    {
        var months = 0m;
        for (var start = from; start < to;)
        {
            var end = MonthEnd(start, anchorDay);
            var begin = MonthStart(start, anchorDay);
            if (begin == start && end <= to)
            {
                months += 1m;
            }
            else
            {
                var last = LocalDate.Min(end, to);
                months += Round((decimal)Period.DaysBetween(start, last) / Period.DaysBetween(begin, end));
            }

            start = end;
        }

        return months;
    }

    private static LocalDate Anchored(int year, int month, int anchorDay) =>
        new(year, month, Math.Min(anchorDay, CalendarSystem.Iso.GetDaysInMonth(year, month)));

    private static int Thirty(LocalDate date) => (((date.Year * 12) + date.Month) * 30) + Math.Min(date.Day, 30);

    private static decimal Round(decimal value) => Math.Round(value, Digits, MidpointRounding.AwayFromZero);
}
