using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Cloud.Accounts;

/// <summary><c>GET /api/v1/service-points/{id}/consumption.csv</c>: the intervals of local days as a file for a spreadsheet.</summary>
internal static class ConsumptionCsv
{
    private static readonly OffsetDateTimePattern Local = OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:sso<+HH:mm>");

    public static void MapConsumptionCsv(this WebApplication app) => app.MapReadApi("Consumption")
        .MapGet("/service-points/{servicePoint}/consumption.csv", GetAsync)
        .WithSummary("Intervals of local days, first and last included (without dates: today), as CSV: UTC and local time with offset, quantity, unit, quality.")
        .Produces(200, contentType: "text/csv").ProducesProblem(404);

    private static async Task<Results<FileContentHttpResult, ProblemHttpResult>> GetAsync(
        string servicePoint, string? first, string? last, NpgsqlDataSource database, IntervalStore intervals, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await SiteSearch.FindAsync(database, servicePoint, cancellationToken) is not { ServicePoint: var point })
        {
            return ApiProblems.NotFound($"there is no service point {servicePoint}");
        }

        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        var now = time.GetCurrentInstant();
        var range = first is null && last is null ? ConsumptionRange.Of("today", null, null, now.InZone(zone).Date) : ConsumptionRange.Dates(first, last ?? first);
        if (range is null)
        {
            return ApiProblems.BadRequest($"first and last are local days like 2026-10-01, with first not after last and at most {ConsumptionRange.MostDays} days");
        }

        var (start, end) = range.In(zone);
        var channels = await ChannelMeters.ReadAsync(database, point.Id, now, cancellationToken);
        var profiles = await intervals.ReadAsync([.. channels.Select(c => c.Channel.Id)], start, end, cancellationToken);
        var csv = new StringBuilder("from_utc,from_local,minutes,channel,quantity,unit,quality\r\n");
        foreach (var channel in channels)
        {
            Write(csv, channel.Channel.Measurand.Quantity + "/" + channel.Channel.Measurand.Direction, profiles[channel.Channel.Id].Profile, zone);
        }

        var name = $"{point.Id}_{LocalDatePattern.Iso.Format(range.From)}_{LocalDatePattern.Iso.Format(range.To.PlusDays(-1))}.csv";
        return TypedResults.File(Encoding.UTF8.GetBytes(csv.ToString()), "text/csv; charset=utf-8", name);
    }

    // Names are words and quantities are plain numbers: nothing here needs quoting.
    private static void Write(StringBuilder csv, string channel, LoadProfile profile, DateTimeZone zone)
    {
        var unit = ReadableUnit.Of(profile.Measurand);
        var factor = unit.Factor * ConsumptionSeries.PowerOfTen(profile.Exponent);
        for (var i = 0; i < profile.Length; i++)
        {
            var at = profile.Start + Duration.FromMinutes((long)i * profile.IntervalMinutes);
            var quality = ConsumptionSeries.Quality(profile, i);
            var quantity = quality == IntervalQuality.Missing ? "" : (profile.Quantities.Span[i] * factor).ToString(CultureInfo.InvariantCulture);
            csv.Append(CultureInfo.InvariantCulture, $"{InstantPattern.General.Format(at)},{Local.Format(at.InZone(zone).ToOffsetDateTime())},{profile.IntervalMinutes},{channel},{quantity},{unit.Symbol},{quality.ToString().ToLowerInvariant()}\r\n");
        }
    }
}
