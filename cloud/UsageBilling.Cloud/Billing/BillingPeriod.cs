using System.Diagnostics.CodeAnalysis;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Cloud.Billing;

/// <summary>The month of a bill run: it bills the periods that begin in it.</summary>
internal readonly record struct BillingMonth(YearMonth Month)
{
    private static readonly YearMonthPattern Pattern = YearMonthPattern.Iso;

    public LocalDate From => Month.OnDayOfMonth(1);

    public LocalDate To => From.PlusMonths(1);

    /// <summary>The latest day on which a period that begins in the month may end.</summary>
    public LocalDate LatestEnd => From.PlusMonths(2);

    public static bool TryParse([NotNullWhen(true)] string? text, out BillingMonth month)
    {
        var result = Pattern.Parse(text ?? "");
        month = result.Success ? new BillingMonth(result.Value) : default;
        return result.Success;
    }

    /// <summary>The month before the one that holds the instant, in UTC: what a run bills when nobody says otherwise.</summary>
    public static BillingMonth Before(Instant now)
    {
        var last = now.InUtc().Date.PlusMonths(-1);
        return new BillingMonth(new YearMonth(last.Year, last.Month));
    }

    /// <summary>
    /// The contract's period that begins in this month: from its anchor day (or its first day) to the next anchor day (or its end). Null where it has none. Anchor days
    /// beyond the end of a month are its last day, and the next month returns to the anchor day.
    /// </summary>
    public LocalPeriod? PeriodOf(ContractRecord contract, DateTimeZone zone)
    {
        var anchor = Anchored(Month, contract.AnchorDay);
        var begin = contract.From > anchor && contract.From < To ? contract.From : anchor;
        if (begin < contract.From || (contract.To is { } ends && ends <= begin))
        {
            return null;
        }

        var next = From.PlusMonths(1);
        var end = Anchored(new YearMonth(next.Year, next.Month), contract.AnchorDay);
        return new LocalPeriod(begin, contract.To is { } to && to < end ? to : end, zone);
    }

    public override string ToString() => Pattern.Format(Month);

    private static LocalDate Anchored(YearMonth month, int day) => month.OnDayOfMonth(Math.Min(day, CalendarSystem.Iso.GetDaysInMonth(month.Year, month.Month)));
}
