using NodaTime;

namespace UsageBilling.Metering.Validation;

/// <summary>
/// Average daily use of a period against the same period last year (364 days before, so that weekdays match), else the period before: above 200 % or
/// below 50 % (Oracle D2-HILO-CHK). Days with a reason for zero use are no use to compare. Reported on the day on which it begins, not on each day that it lasts.
/// </summary>
public static class HighLow
{
    private const int YearOfWeeks = 364;

    /// <summary>Looks at sums of days; needs three quarters of the days of both periods.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        if (day.Profile is null || (limits.HighPercent is null && limits.LowPercent is null))
        {
            return null;
        }

        var today = day.Summarise();
        DaySummary? Of(LocalDate date) => date == day.Day ? today : day.History.TryGetValue(date, out var known) ? known : null;
        if (Compare(Of, day.Day, limits) is not { } compared || Side(compared, limits) is not { } side || Begun(Of, day.Day, limits) == side)
        {
            return null;
        }

        var limit = side > 0 ? limits.HighPercent!.Value : limits.LowPercent!.Value;
        return day.Found(
            RuleNames.HighLow, [], [new("average", compared.Average), new("before", compared.Before), new("percent", compared.Percent)], limit, Verdict.Suspect, FormattableString.Invariant(
            $"{day.Amount(compared.Average)} a day over {limits.HighLowDays} days are {compared.Percent:0.#} % of {day.Amount(compared.Before)} a day {(compared.LastYear ? "a year ago" : "in the period before")}; {(side > 0 ? "up to" : "at least")} {limit} % are expected"));
    }

    private static int? Begun(Func<LocalDate, DaySummary?> of, LocalDate day, Thresholds limits) =>
        Compare(of, day.PlusDays(-1), limits) is { } yesterday ? Side(yesterday, limits) : null;

    private static int? Side(Comparison compared, Thresholds limits) =>
        compared.Percent > limits.HighPercent ? 1 : compared.Percent < limits.LowPercent ? -1 : null;

    private static Comparison? Compare(Func<LocalDate, DaySummary?> of, LocalDate last, Thresholds limits)
    {
        if (Average(of, last, limits.HighLowDays) is not { } now)
        {
            return null;
        }

        var lastYear = Average(of, last.PlusDays(-YearOfWeeks), limits.HighLowDays);
        return (lastYear ?? Average(of, last.PlusDays(-limits.HighLowDays), limits.HighLowDays)) is { } before and > 0
            ? new Comparison(now, before, Math.Round(100 * now / before, 2, MidpointRounding.AwayFromZero), lastYear is not null)
            : null;
    }

    private static decimal? Average(Func<LocalDate, DaySummary?> of, LocalDate last, int days)
    {
        var (sum, known) = (0m, 0);
        for (var i = 0; i < days; i++)
        {
            if (of(last.PlusDays(-i)) is { IntervalMinutes: > 0, ZeroExplained: false } summary)
            {
                sum += summary.Sum;
                known++;
            }
        }

        return 4 * known >= 3 * days ? Math.Round(sum / known, 3, MidpointRounding.AwayFromZero) : null;
    }

    private readonly record struct Comparison(decimal Average, decimal Before, decimal Percent, bool LastYear);
}
