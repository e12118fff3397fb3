using System.Globalization;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Analytics;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Analytics;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Cloud.Alerts;

/// <summary>Judges every active rule once a minute, on the intervals that bills are made from. What a rule finds again was told before, and the outbox knows.</summary>
internal sealed class AlertJudge(NpgsqlDataSource database, SiteLoads loads, TimeProvider time, ILogger<AlertJudge> log)
{
    private const int RulesAtOnce = 100;
    private static readonly Duration Pause = Duration.FromMinutes(1);
    private static readonly int[] Shares = [50, 75, 100];

    /// <summary>Days that anomalies are looked for in, and how old the end of one may be to be told.</summary>
    private const int AnomalyDays = 42;
    private const int AnomalyNews = 3;

    private Instant Now => time.GetCurrentInstant();

    /// <summary>Judges the rules that are due; returns how many alerts were raised.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var (raised, now) = (0, Now);
        while (true)
        {
            var due = await database.RowsAsync(
                """
                UPDATE alert_rule r SET judged_at = $1
                FROM (SELECT rule_id FROM alert_rule WHERE active AND (judged_at IS NULL OR judged_at <= $2) ORDER BY judged_at NULLS FIRST, rule_id LIMIT $3 FOR UPDATE SKIP LOCKED) AS due
                WHERE r.rule_id = due.rule_id RETURNING r.settings::text
                """,
                r => AlertStore.Read(r.GetString(0)), cancellationToken, now, now - Pause, RulesAtOnce);
            if (due.Count == 0)
            {
                return raised;
            }

            foreach (var rule in due)
            {
                raised += await JudgeAsync(rule, now, cancellationToken);
            }
        }
    }

    private async Task<int> JudgeAsync(AlertRule rule, Instant now, CancellationToken cancellationToken)
    {
        var (findings, problem) = await FoundAsync(rule, now, cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var raised = 0;
        foreach (var finding in findings)
        {
            raised += await AlertOutbox.RaiseAsync(connection, rule, finding, now, cancellationToken) ? 1 : 0;
        }

        // A rule that cannot be judged says so where people look at rules, rather than being silent.
        var changed = await connection.RunAsync("UPDATE alert_rule SET error = $2 WHERE rule_id = $1 AND error IS DISTINCT FROM $2", cancellationToken, rule.Id, problem) == 1;
        await transaction.CommitAsync(cancellationToken);
        if (changed && problem is not null)
        {
            log.AlertRuleFailed(rule.Id, problem);
        }

        return raised;
    }

    // What is wrong with the data of one rule is that rule's problem.
    private async Task<(IReadOnlyList<AlertFinding> Findings, string? Problem)> FoundAsync(AlertRule rule, Instant now, CancellationToken cancellationToken)
    {
        try
        {
            return await FindAsync(rule, now, cancellationToken);
        }
        catch (Exception e) when (e is ArithmeticException or ArgumentException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            return ([], $"its data cannot be judged: {e.Message}");
        }
    }

    /// <summary>What a rule finds at an instant, told before or not, or why it cannot be judged.</summary>
    public async Task<(IReadOnlyList<AlertFinding> Findings, string? Problem)> FindAsync(AlertRule rule, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await AccountLookup.ServicePointAsync(connection, rule.ServicePoint, cancellationToken) is not { } point)
        {
            return ([], $"there is no service point {rule.ServicePoint}");
        }

        var site = new Judged(rule, point, DateTimeZoneProviders.Tzdb[point.Zone], now);
        return rule.Kind switch
        {
            AlertKind.Budget when rule.Amount is { } amount => await MoneyAsync(site, amount, cancellationToken),
            AlertKind.Budget => await WithProfileAsync(site, await PeriodAsync(site, cancellationToken), Budget, cancellationToken),
            AlertKind.Threshold when rule.Per == "period" => await WithProfileAsync(site, await PeriodAsync(site, cancellationToken), PeriodThreshold, cancellationToken),
            AlertKind.Threshold => await WithProfileAsync(site, (site.Today.PlusDays(-1), site.Today.PlusDays(1)), DayThresholds, cancellationToken),
            AlertKind.Anomaly => await WithProfileAsync(site, (site.Today.PlusDays(-AnomalyDays), site.Today.PlusDays(1)), Anomalies, cancellationToken),
            _ => await WithProfileAsync(site, (site.Today.PlusDays(-31), site.Today.PlusDays(1)), NoData, cancellationToken),
        };
    }

    private sealed record Judged(AlertRule Rule, ServicePointRecord Point, DateTimeZone Zone, Instant Now)
    {
        public LocalDate Today => Now.InZone(Zone).Date;
    }

    private async Task<(LocalDate From, LocalDate To)> PeriodAsync(Judged site, CancellationToken cancellationToken)
    {
        var (period, _) = await loads.PeriodAsync(site.Point, site.Now, cancellationToken);
        return (period.From, period.To);
    }

    private async Task<(IReadOnlyList<AlertFinding> Findings, string? Problem)> WithProfileAsync(
        Judged site, (LocalDate From, LocalDate To) days, Func<Judged, LoadProfile, LoadUnit, LocalDate, IEnumerable<AlertFinding>> find, CancellationToken cancellationToken)
    {
        var found = await loads.ReadAsync(site.Point, [site.Rule.Measurand!.Value], days.From, days.To, cancellationToken);
        return found.Count == 0
            ? ([], $"service point {site.Point.Id} has no channel of class {site.Rule.Class}")
            : ([.. find(site, found[0].Profile, LoadUnit.Of(found[0].Channel.Measurand, found[0].Profile.Exponent), days.From)], null);
    }

    private static IEnumerable<AlertFinding> DayThresholds(Judged site, LoadProfile profile, LoadUnit unit, LocalDate from)
    {
        var limit = site.Rule.Limit!.Value;
        for (var day = from; day <= site.Today; day = day.PlusDays(1))
        {
            var figures = LoadFigures.Of(ProfileCut.Of(profile, LocalDay.Of(day, site.Zone)));
            var (value, symbol) = site.Rule.Per == "day" ? (figures.Total * unit.Factor, unit.Symbol) : ((figures.Peak ?? 0) * unit.Factor, unit.Rate);
            if (value > limit)
            {
                var what = site.Rule.Per == "day"
                    ? $"on {Text(day)} {Number(value)} {symbol} were used"
                    : $"on {Text(day)} the load reached {Number(value)} {symbol} in the interval from {figures.PeakAt!.Value.InZone(site.Zone).LocalDateTime:HH:mm}";
                yield return Finding(site, "threshold", Text(day), $"{what}; the limit is {Number(limit)} {symbol}", [new("value", value, symbol), new("limit", limit, symbol)]);
            }
        }
    }

    private static IEnumerable<AlertFinding> PeriodThreshold(Judged site, LoadProfile profile, LoadUnit unit, LocalDate from)
    {
        var (used, limit) = (LoadFigures.Of(profile).Total * unit.Factor, site.Rule.Limit!.Value);
        if (used > limit)
        {
            yield return Finding(
                site, "threshold", Text(from), $"since {Text(from)} {Number(used)} {unit.Symbol} were used; the limit for the billing period is {Number(limit)} {unit.Symbol}",
                [new("value", used, unit.Symbol), new("limit", limit, unit.Symbol)]);
        }
    }

    private static IEnumerable<AlertFinding> Budget(Judged site, LoadProfile profile, LoadUnit unit, LocalDate from) =>
        Reached(site, LoadFigures.Of(profile).Total * unit.Factor, site.Rule.Limit!.Value, unit.Symbol, from);

    private async Task<(IReadOnlyList<AlertFinding> Findings, string? Problem)> MoneyAsync(Judged site, decimal budget, CancellationToken cancellationToken)
    {
        var (period, contract) = await loads.PeriodAsync(site.Point, site.Now, cancellationToken);
        if (contract is null)
        {
            return ([], $"service point {site.Point.Id} has no contract on this day, so nothing has a price");
        }

        var (cost, problem) = await loads.SpentAsync(site.Point, contract, period, site.Now, cancellationToken);
        return cost is null ? ([], problem) : ([.. Reached(site, cost.Total, budget, cost.Currency, period.From)], null);
    }

    private static IEnumerable<AlertFinding> Reached(Judged site, decimal used, decimal budget, string unit, LocalDate begin) =>
        from share in Shares
        where used * 100m >= budget * share
        select Finding(
            site, $"budget-{share}", Text(begin), $"since {Text(begin)} {Number(used)} {unit} of the budget of {Number(budget)} {unit} are used: {share} % are reached",
            [new("used", used, unit), new("budget", budget, unit), new("share", decimal.Round(used / budget * 100m, 1, MidpointRounding.AwayFromZero), "%")]);

    private static IEnumerable<AlertFinding> Anomalies(Judged site, LoadProfile profile, LoadUnit unit, LocalDate begin) =>
        from anomaly in AnomalyFinder.Find(profile, site.Zone, AnomalyLimits.Of(profile.Measurand), site.Rule.OpeningHours)
        where anomaly.To > site.Now - Duration.FromDays(AnomalyNews)
        let first = anomaly.From.InZone(site.Zone).Date
        // What has a first day is told once for it; what goes on is told again each month that it does.
        let period = anomaly.Kind is AnomalyKind.OutOfHours or AnomalyKind.StepChange ? Text(first) : Text(anomaly.To.InZone(site.Zone).Date)[..7]
        select Finding(site, AlertStore.KindName(anomaly.Kind), period, anomaly.Reason, [.. anomaly.Figures]);

    private static IEnumerable<AlertFinding> NoData(Judged site, LoadProfile profile, LoadUnit unit, LocalDate from)
    {
        var last = profile.Length - 1;
        while (last >= 0 && !profile.Qualities.IsEmpty && profile.Qualities.Span[last] == (byte)IntervalQuality.Missing)
        {
            last--;
        }

        var until = profile.Start + Duration.FromMinutes((last + 1L) * profile.IntervalMinutes);
        var hours = (int)(site.Now - until).TotalHours;
        if (hours >= site.Rule.Hours)
        {
            // A new silence is another period: it begins at another instant.
            yield return Finding(
                site, "no-data", last < 0 ? "never" : InstantPattern.General.Format(until), $"nothing is known for {hours} hours, since {until}; the limit is {site.Rule.Hours} hours", [new("hours", hours, "h")]);
        }
    }

    private static AlertFinding Finding(Judged site, string cause, string period, string reason, IReadOnlyList<AnomalyFigure> figures) => new(
        cause, period, $"{site.Point.Id}{(site.Rule.Class is { } measure ? $" {measure}" : "")}: {Words(cause)}", reason, [.. figures.Select(f => f with { Value = Rounded(f.Value) })]);

    private static string Words(string cause) => cause switch
    {
        "threshold" => "limit exceeded",
        "no-data" => "no data",
        "out-of-hours" => "use out of hours",
        "step-change" => "level changed",
        "continuous-flow" => "probably a leak",
        "dead-meter" => "meter probably dead",
        _ => $"{cause[(cause.IndexOf('-', StringComparison.Ordinal) + 1)..]} % of budget",
    };

    private static decimal Rounded(decimal value) => decimal.Round(value, 6, MidpointRounding.AwayFromZero);

    private static string Number(decimal value) => decimal.Round(value, 3, MidpointRounding.AwayFromZero).ToString("0.###", CultureInfo.InvariantCulture);

    private static string Text(LocalDate day) => LocalDatePattern.Iso.Format(day);
}
