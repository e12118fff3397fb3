using NodaTime;
using NodaTime.Text;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Cloud.Accounts;

/// <summary>Local days [From, To) that somebody wants to see, by a name or by two dates.</summary>
internal sealed record ConsumptionRange(string Name, LocalDate From, LocalDate To)
{
    /// <summary>Most days of a range.</summary>
    public const int MostDays = 366;

    /// <summary>Ranges that have a name, in the order in which they are offered; <c>dates</c> is for two dates.</summary>
    public static IReadOnlyList<(string Name, string Words)> Names { get; } =
        [("today", "Today"), ("yesterday", "Yesterday"), ("week", "7 days"), ("month", "This month"), ("last-month", "Last month"), ("dates", "Dates")];

    /// <summary>The range of a name on a local day; dates are first and last day, both included. A range that nobody can mean is today.</summary>
    public static ConsumptionRange Of(string? name, string? first, string? last, LocalDate today)
    {
        var month = new LocalDate(today.Year, today.Month, 1);
        return name switch
        {
            "yesterday" => new(name, today.PlusDays(-1), today),
            "week" => new(name, today.PlusDays(-6), today.PlusDays(1)),
            "month" => new(name, month, month.PlusMonths(1)),
            "last-month" => new(name, month.PlusMonths(-1), month),
            "dates" when Dates(first, last) is { } dates => dates,
            _ => new("today", today, today.PlusDays(1)),
        };
    }

    /// <summary>A range of two dates, both included; null where they are no dates, in the wrong order, or too far apart.</summary>
    public static ConsumptionRange? Dates(string? first, string? last) =>
        LocalDatePattern.Iso.Parse(first ?? "") is { Success: true } from && LocalDatePattern.Iso.Parse(last ?? "") is { Success: true } to
        && to.Value >= from.Value && Period.DaysBetween(from.Value, to.Value) < MostDays && from.Value.Year is >= 1990 and < 2200 && to.Value.Year < 2200
            ? new("dates", from.Value, to.Value.PlusDays(1))
            : null;

    /// <summary>Days in the range.</summary>
    public int Days => Period.DaysBetween(From, To);

    /// <summary>The range's instants in a zone.</summary>
    public (Instant Start, Instant End) In(DateTimeZone zone) => (LocalPeriod.StartOfDay(From, zone), LocalPeriod.StartOfDay(To, zone));
}
