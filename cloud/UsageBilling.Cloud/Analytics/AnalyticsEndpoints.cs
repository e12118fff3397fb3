using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Billing;
using UsageBilling.Metering.Analytics;

namespace UsageBilling.Cloud.Analytics;

/// <summary>Use up to an instant against the same elapsed part of an earlier period; change is null where nothing was used then.</summary>
internal sealed record ElapsedComparison(string With, Instant From, Instant To, decimal Quantity, long Missing, decimal? ChangePercent);

/// <summary>The load of a channel over local days. Loads are per hour in <see cref="RateUnit"/>.</summary>
internal sealed record LoadReport(
    string ServicePoint, string Class, LocalDate From, LocalDate To, string Unit, string RateUnit, decimal Quantity, int KnownIntervals, int MissingIntervals,
    decimal? BaseLoad, decimal? Peak, Instant? PeakAt, LocalDateTime? PeakAtLocal, decimal? LoadFactor);

/// <summary>A channel so far and at the end of the period, with what it is compared with.</summary>
internal sealed record ChannelOutlook(string Class, string Unit, decimal SoFar, decimal Expected, int KnownIntervals, int Intervals, IReadOnlyList<ElapsedComparison> Compared);

/// <summary>A service point's running period. Money is missing where it cannot be rated, and the problem says why.</summary>
internal sealed record OutlookReport(string ServicePoint, LocalDate From, LocalDate To, Instant Until, IReadOnlyList<ChannelOutlook> Channels, ContractCost? CostSoFar, ContractCost? ExpectedCost, string? Problem);

/// <summary>The unusual at a service point.</summary>
internal sealed record AnomalyReport(string ServicePoint, string Class, IReadOnlyList<Anomaly> Anomalies);

/// <summary>Day × hour of a channel.</summary>
internal sealed record HeatMapReport(string ServicePoint, string Class, string Unit, IReadOnlyList<HeatHour> Hours);

/// <summary>One hour: its number within the local day (0 to 22, 23 or 24) and its local time with offset.</summary>
internal sealed record HeatHour(LocalDate Day, int Row, OffsetDateTime Local, decimal? Quantity, int Missing);

/// <summary>Questions about stored intervals and issued documents. They compute from what bills are made from, and store nothing.</summary>
internal static class AnalyticsEndpoints
{
    private const int MostDays = 400;

    public static void AddAnalytics(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ContractCosts>();
        builder.Services.AddSingleton<SiteLoads>();
        builder.Services.AddSingleton<ConsumptionTotals>();
        builder.Services.AddSingleton<SiteQuestions>();
    }

    public static void MapAnalytics(this WebApplication app)
    {
        var api = app.MapReadApi("Analytics");
        api.MapGet("/analytics/consumption", ConsumptionAsync)
            .WithSummary("Consumption over local days [from, to) by site (in pages), class, tariff or segment; always by channel class too, because units differ. At most 400 days.");
        api.MapGet("/analytics/revenue", RevenueAsync).WithSummary("Revenue by segment and currency: issued invoices less credit notes of billed periods that begin in [from, to).");
        api.MapGet("/service-points/{servicePoint}/load", LoadAsync).WithSummary("Base load, peak with its time and load factor of a channel class over local days [from, to), at most 400.").ProducesProblem(404);
        api.MapGet("/service-points/{servicePoint}/outlook", OutlookAsync)
            .WithSummary("The running billing period: use so far, against the same elapsed part of the period and the year before, and the forecast of quantity and money at its end.").ProducesProblem(404);
        api.MapGet("/service-points/{servicePoint}/anomalies", AnomaliesAsync)
            .WithSummary("What is unusual in a channel class over local days [from, to): out-of-hours use (with opens, closes and days), step change, continuous flow, dead meter; with the reason in words and the figures.").ProducesProblem(404);
        api.MapGet("/service-points/{servicePoint}/heat-map", HeatMapAsync).WithSummary("Use by local day and hour of a channel class, days of 23 and 25 hours as they are.").ProducesProblem(404);
    }

    private static async Task<Results<Ok<Page<ConsumptionTotal>>, ProblemHttpResult>> ConsumptionAsync(
        ConsumptionTotals totals, SiteQuestions questions, string? from, string? to, string? by, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Days(from, to, questions.Now) is not { } days)
        {
            return BadDays();
        }

        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        var after = (paging.After ?? "/").Split('/');
        if (!Enum.TryParse<ConsumptionGroup>(by ?? "site", ignoreCase: true, out var group) || (by is not null && char.IsDigit(by[0])) || after.Length != 2)
        {
            return ApiProblems.BadRequest("by is site, class, tariff or segment");
        }

        var (found, last) = await totals.ReadAsync(group, days.From, days.To, (after[0], after[1]), group == ConsumptionGroup.Site ? paging.Limit : null, cancellationToken);
        return TypedResults.Ok(new Page<ConsumptionTotal>(found, last is null ? null : Paging.Cursor(last)));
    }

    private static async Task<Results<Ok<Page<SegmentRevenue>>, ProblemHttpResult>> RevenueAsync(NpgsqlDataSource database, SiteQuestions questions, string? from, string? to, CancellationToken cancellationToken) =>
        Days(from, to, questions.Now) is not { } days ? BadDays() : TypedResults.Ok(new Page<SegmentRevenue>(await RevenueBySegment.ReadAsync(database, days.From, days.To, cancellationToken), null));

    private static async Task<Results<Ok<LoadReport>, ProblemHttpResult>> LoadAsync(
        string servicePoint, SiteQuestions questions, string? from, string? to, string? @class, CancellationToken cancellationToken)
    {
        var (asked, problem) = await questions.AskAsync(servicePoint, @class, Days(from, to, questions.Now), cancellationToken);
        return asked is null ? problem! : TypedResults.Ok(asked.Load());
    }

    private static async Task<Results<Ok<OutlookReport>, ProblemHttpResult>> OutlookAsync(string servicePoint, SiteQuestions questions, CancellationToken cancellationToken) =>
        await questions.OutlookAsync(servicePoint, cancellationToken) is { } outlook ? TypedResults.Ok(outlook) : ApiProblems.NotFound($"there is no service point {servicePoint}");

    private static async Task<Results<Ok<AnomalyReport>, ProblemHttpResult>> AnomaliesAsync(
        string servicePoint, SiteQuestions questions, string? from, string? to, string? @class, string? opens, string? closes, string? days, CancellationToken cancellationToken)
    {
        var (hours, wrong) = AnalyticsHours.Read(opens, closes, days);
        if (wrong is not null)
        {
            return ApiProblems.BadRequest(wrong);
        }

        var (asked, problem) = await questions.AskAsync(servicePoint, @class, Days(from, to, questions.Now), cancellationToken);
        return asked is null ? problem! : TypedResults.Ok(asked.Anomalies(hours));
    }

    private static async Task<Results<Ok<HeatMapReport>, ProblemHttpResult>> HeatMapAsync(
        string servicePoint, SiteQuestions questions, string? from, string? to, string? @class, CancellationToken cancellationToken)
    {
        var (asked, problem) = await questions.AskAsync(servicePoint, @class, Days(from, to, questions.Now), cancellationToken);
        return asked is null ? problem! : TypedResults.Ok(asked.HeatMap());
    }

    // Without days: the last four weeks, today included.
    private static (LocalDate From, LocalDate To)? Days(string? from, string? to, Instant now)
    {
        if (from is null && to is null)
        {
            var today = now.InUtc().Date;
            return (today.PlusDays(-27), today.PlusDays(1));
        }

        return LocalDatePattern.Iso.Parse(from ?? "") is { Success: true } first && LocalDatePattern.Iso.Parse(to ?? "") is { Success: true } end
            && end.Value > first.Value && first.Value.Year is >= 1990 and < 2200 && end.Value.Year < 2200 && Period.DaysBetween(first.Value, end.Value) <= MostDays
                ? (first.Value, end.Value)
                : null;
    }

    internal static ProblemHttpResult BadDays() => ApiProblems.BadRequest($"from and to are local days like 2026-10-01 and 2026-11-01, from included and to not, at most {MostDays} of them; without both: the last four weeks");
}
