using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Analytics;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;
using HeatCells = UsageBilling.Metering.Analytics.HeatMap;

namespace UsageBilling.Cloud.Analytics;

/// <summary>A channel of a service point over local days, and what can be said of it.</summary>
internal sealed record AskedLoad(ServicePointRecord Point, ChannelKey Channel, LocalDate From, LocalDate To, LoadProfile Profile)
{
    private LoadUnit Unit => LoadUnit.Of(Channel.Measurand, Profile.Exponent);

    private DateTimeZone Zone => DateTimeZoneProviders.Tzdb[Point.Zone];

    private string Class => Measure.NameOf(Channel.Measurand);

    public LoadReport Load()
    {
        var figures = LoadFigures.Of(Profile);
        return new(
            Point.Id, Class, From, To, Unit.Symbol, Unit.Rate, figures.Total * Unit.Factor, figures.Known, figures.Missing,
            figures.BaseLoad * Unit.Factor, figures.Peak * Unit.Factor, figures.PeakAt, figures.PeakAt?.InZone(Zone).LocalDateTime,
            figures.LoadFactor is { } factor ? decimal.Round(factor, 4, MidpointRounding.AwayFromZero) : null);
    }

    public AnomalyReport Anomalies(OpeningHours? hours) => new(Point.Id, Class, AnomalyFinder.Find(Profile, Zone, AnomalyLimits.Of(Channel.Measurand), hours));

    public HeatMapReport HeatMap() => new(
        Point.Id, Class, Unit.Symbol,
        [.. HeatCells.Of(Profile, Zone).Select(c => new HeatHour(c.Day, c.Row, c.Local, c.Quantity * Unit.Factor, c.Missing))]);
}

/// <summary>Finds what a question is about.</summary>
internal sealed class SiteQuestions(NpgsqlDataSource database, SiteLoads loads, TimeProvider time)
{
    public Instant Now => time.GetCurrentInstant();

    /// <summary>The channel class of a service point over days, or what is wrong with the question. Without a class: the first that the service point has.</summary>
    public async Task<(AskedLoad? Asked, ProblemHttpResult? Problem)> AskAsync(string servicePoint, string? @class, (LocalDate From, LocalDate To)? days, CancellationToken cancellationToken)
    {
        if (days is not { } span)
        {
            return (null, AnalyticsEndpoints.BadDays());
        }

        if (@class is not null && Measure.Find(@class) is null)
        {
            return (null, ApiProblems.BadRequest($"class is one of {string.Join(", ", Measure.All)}"));
        }

        if (await PointAsync(servicePoint, cancellationToken) is not { } point)
        {
            return (null, ApiProblems.NotFound($"there is no service point {servicePoint}"));
        }

        var found = await loads.ReadAsync(point, @class is null ? SiteLoads.Measurands : [Measure.Find(@class)!.Value], span.From, span.To, cancellationToken);
        return found.Count == 0
            ? (null, ApiProblems.NotFound($"service point {servicePoint} has no channel{(@class is null ? "" : $" of class {@class}")}"))
            : (new AskedLoad(point, found[0].Channel, span.From, span.To, found[0].Profile), null);
    }

    /// <summary>The running period; null where there is no such service point.</summary>
    public async Task<OutlookReport?> OutlookAsync(string servicePoint, CancellationToken cancellationToken)
    {
        if (await PointAsync(servicePoint, cancellationToken) is not { } point)
        {
            return null;
        }

        var now = Now;
        var forecast = await loads.ForecastAsync(point, now, cancellationToken);
        var compared = await CompareAsync(point, forecast.Period, now, cancellationToken);
        return new(
            point.Id, forecast.Period.From, forecast.Period.To, now,
            [.. forecast.Quantities.Select(q => new ChannelOutlook(
                Measure.NameOf(q.Channel.Measurand), q.Unit.Symbol, q.SoFar * q.Unit.Factor, q.Expected * q.Unit.Factor, q.KnownIntervals, q.ExpectedIntervals,
                [.. compared[q.Channel].Select(c => c with { ChangePercent = Change(q.SoFar * q.Unit.Factor, c.Quantity) })]))],
            forecast.SoFar, forecast.Total, forecast.Problem);
    }

    private async Task<ServicePointRecord?> PointAsync(string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await AccountLookup.ServicePointAsync(connection, id, cancellationToken);
    }

    // The period before and the one a year ago, each as far as the running one has come.
    private async Task<ILookup<ChannelKey, ElapsedComparison>> CompareAsync(ServicePointRecord point, LocalPeriod period, Instant now, CancellationToken cancellationToken)
    {
        var compared = new List<(ChannelKey Channel, ElapsedComparison Comparison)>();
        foreach (var (name, earlier) in new[]
        {
            ("period-before", new LocalPeriod(period.From.PlusMonths(-1), period.To.PlusMonths(-1), period.Zone)),
            ("year-before", new LocalPeriod(period.From.PlusYears(-1), period.To.PlusYears(-1), period.Zone)),
        })
        {
            var elapsed = ElapsedPeriod.Of(period, earlier, now);
            foreach (var (channel, profile) in await loads.ReadAsync(point, SiteLoads.Measurands, earlier.From, earlier.To, cancellationToken))
            {
                var (sum, missing) = (0L, 0L);
                for (var i = 0; i < profile.Length && profile.Start + Duration.FromMinutes((i + 1L) * profile.IntervalMinutes) <= elapsed.End; i++)
                {
                    sum = checked(sum + profile.Quantities.Span[i]);
                    missing += !profile.Qualities.IsEmpty && profile.Qualities.Span[i] == (byte)IntervalQuality.Missing ? 1 : 0;
                }

                compared.Add((channel, new ElapsedComparison(name, elapsed.Start, elapsed.End, sum * LoadUnit.Of(channel.Measurand, profile.Exponent).Factor, missing, null)));
            }
        }

        return compared.ToLookup(c => c.Channel, c => c.Comparison);
    }

    private static decimal? Change(decimal now, decimal then) => then == 0 ? null : decimal.Round((now - then) / then * 100m, 1, MidpointRounding.AwayFromZero);
}
