using System.Collections.Immutable;
using NodaTime;

namespace UsageBilling.Metering.Estimation;

/// <summary>Which days stand for a day.</summary>
public static class LikeDays
{
    private const int Wanted = 3;

    /// <summary>
    /// The three nearest usable days of the same weekday; where there are not three, of the same class (weekday, weekend, holiday). The earlier of two equally near ones first.
    /// Empty where there are not three.
    /// </summary>
    /// <param name="window">What there is.</param>
    /// <param name="day">The day to stand for.</param>
    /// <param name="weeks">How far to look, on both sides.</param>
    public static ImmutableArray<LocalDate> Nearest(EstimationWindow window, LocalDate day, int weeks)
    {
        var kind = window.ClassOf(day);
        var candidates = Around(day, 7 * weeks).Where(window.IsUsable).ToArray();
        var weekday = candidates.Where(d => d.DayOfWeek == day.DayOfWeek && window.ClassOf(d) == kind).Take(Wanted).ToImmutableArray();
        var found = weekday.Length == Wanted ? weekday : [.. candidates.Where(d => window.ClassOf(d) == kind).Take(Wanted)];
        return found.Length == Wanted ? found : [];
    }

    /// <summary>
    /// The two-week table: Mon → −1w, −2w; Tue → Tue, Wed, Thu −1w; Wed → −1w, Tue this week, Tue −1w, Thu −1w; Thu → −1w, Wed this week, Wed −1w, Tue this week, Tue −1w;
    /// Fri, Sat, Sun → −1w; holiday → the Sunday before, and the one before that. Those of them that are usable.
    /// </summary>
    public static ImmutableArray<LocalDate> Table(EstimationWindow window, LocalDate day)
    {
        var sunday = day.Previous(IsoDayOfWeek.Sunday);
        var table = window.Holidays.Contains(day) ? [sunday, sunday.PlusWeeks(-1)] : DaysBack(day.DayOfWeek).Select(back => day.PlusDays(-back)).ToArray();
        return [.. table.Where(window.IsUsable)];
    }

    private static int[] DaysBack(IsoDayOfWeek day) => day switch
    {
        IsoDayOfWeek.Monday => [7, 14],
        IsoDayOfWeek.Tuesday => [7, 6, 5],
        IsoDayOfWeek.Wednesday => [7, 1, 8, 6],
        IsoDayOfWeek.Thursday => [7, 1, 8, 2, 9],
        _ => [7],
    };

    private static IEnumerable<LocalDate> Around(LocalDate day, int days)
    {
        for (var away = 1; away <= days; away++)
        {
            yield return day.PlusDays(-away);
            yield return day.PlusDays(away);
        }
    }
}
