using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Accounts;

/// <summary>One interval of a channel. The local time is of the service point; in the hour that repeats in autumn it stands twice, the instant once.</summary>
internal sealed record ConsumptionInterval(Instant From, LocalDateTime Local, decimal Quantity, IntervalQuality Quality);

/// <summary>A channel's intervals.</summary>
internal sealed record ChannelConsumption(string Channel, string Unit, int IntervalMinutes, IReadOnlyList<ConsumptionInterval> Intervals);

/// <summary>What a service point used.</summary>
internal sealed record Consumption(string ServicePoint, string Zone, Instant From, Instant To, IReadOnlyList<ChannelConsumption> Channels);

/// <summary><c>GET /api/v1/service-points/{id}/consumption</c>.</summary>
internal static class ConsumptionEndpoints
{
    private static readonly Duration Longest = Duration.FromDays(62);

    private static readonly Measurand[] Measurands =
    [
        .. from quantity in Enum.GetValues<Quantity>()
           from direction in Enum.GetValues<Direction>()
           select new Measurand(quantity, direction),
    ];

    public static void MapConsumption(this WebApplication app) => app.MapReadApi("Consumption")
        .MapGet("/service-points/{servicePoint}/consumption", GetAsync)
        .WithSummary("Intervals of all channels of a service point over [from, to), at most 62 days: UTC and local time, quantity in base units (Wh, varh, m³), quality.")
        .ProducesProblem(404);

    private static async Task<Results<Ok<Consumption>, ProblemHttpResult>> GetAsync(
        string servicePoint, string from, string to, NpgsqlDataSource database, IntervalStore intervals, CancellationToken cancellationToken)
    {
        if (!TryInstant(from, out var start) || !TryInstant(to, out var end) || end <= start || end - start > Longest)
        {
            return ApiProblems.BadRequest("from and to are instants in UTC on the hour, like 2026-10-01T00:00:00Z, with from before to and at most 62 days between");
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await AccountRows.ServicePointAsync(connection, servicePoint, cancellationToken) is not { } point)
        {
            return ApiProblems.NotFound($"there is no service point {servicePoint}");
        }

        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        var keys = Measurands.Select(m => new ChannelKey(point.Id, m)).ToDictionary(k => k.Id);
        var profiles = await intervals.ReadAsync([.. keys.Keys], start, end, cancellationToken);
        return TypedResults.Ok(new Consumption(
            point.Id, point.Zone, start, end,
            [.. keys.Where(k => profiles.ContainsKey(k.Key)).Select(k => Describe(k.Value, profiles[k.Key].Profile, zone))]));
    }

    private static ChannelConsumption Describe(ChannelKey channel, LoadProfile profile, DateTimeZone zone)
    {
        var factor = 1m;
        for (var i = 0; i < Math.Abs(profile.Exponent); i++)
        {
            factor = profile.Exponent > 0 ? factor * 10m : factor / 10m;
        }

        var list = new List<ConsumptionInterval>(profile.Length);
        for (var i = 0; i < profile.Length; i++)
        {
            var at = profile.Start + Duration.FromMinutes((long)i * profile.IntervalMinutes);
            var quality = profile.Qualities.IsEmpty ? IntervalQuality.Measured : (IntervalQuality)profile.Qualities.Span[i];
            list.Add(new ConsumptionInterval(at, at.InZone(zone).LocalDateTime, profile.Quantities.Span[i] * factor, quality));
        }

        return new ChannelConsumption(channel.ToString(), channel.Measurand.Unit.Symbol, profile.IntervalMinutes, list);
    }

    private static bool TryInstant(string text, out Instant instant)
    {
        var result = InstantPattern.ExtendedIso.Parse(text);
        return result.TryGetValue(default, out instant) && instant.ToUnixTimeSeconds() % 3600 == 0;
    }
}
