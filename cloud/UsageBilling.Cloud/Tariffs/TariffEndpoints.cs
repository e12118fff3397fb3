using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Api;

namespace UsageBilling.Cloud.Tariffs;

/// <summary>Stored tariffs.</summary>
internal static class TariffEndpoints
{
    /// <summary>A version in a list.</summary>
    public sealed record TariffVersionSummary(string Code, string Version, LocalDate ValidFrom, string Hash);

    public static void MapTariffs(this WebApplication app)
    {
        var api = app.MapReadApi("Tariffs");
        api.MapGet("/tariffs", ListAsync).WithSummary("All tariff versions.");
        api.MapGet("/tariffs/{code}/versions/{version}", DocumentAsync).WithSummary("A version's document, byte for byte.").Produces(200, contentType: "application/json").ProducesProblem(404);
        api.MapGet("/price-series", async (NpgsqlDataSource database, CancellationToken cancellation) => TypedResults.Ok(new Page<PriceSeriesSummary>(await PriceSeries.ListAsync(database, cancellation), null)))
            .WithSummary("Price and factor series that tariffs name: how far each reaches, and who loaded it last.");
        app.MapWriteApi("Tariffs").MapPost("/price-series/{series}", LoadAsync).Accepts<string>("text/csv")
            .WithSummary("Loads values of a series: CSV with the header start,value; times with an offset, or local ones of ?zone=. Values that were loaded before stand unless ?reason= says why they change. The same again changes nothing.");
    }

    private static async Task<Results<Ok<PriceSeriesLoad>, ProblemHttpResult>> LoadAsync(
        string series, string? zone, string? reason, HttpContext context, NpgsqlDataSource database, TimeProvider time, CancellationToken cancellationToken)
    {
        if (context.Request.ContentLength > PriceSeries.MostBytes)
        {
            return TypedResults.Problem(statusCode: 413, title: "Too large", detail: $"a load has at most {PriceSeries.MostBytes} bytes; send it in parts");
        }

        using var reader = new StreamReader(context.Request.Body);
        var load = await PriceSeries.LoadAsync(database, series, await reader.ReadToEndAsync(cancellationToken), zone ?? "UTC", context.User.Actor(), reason, time.GetUtcNow(), cancellationToken);
        return load.Problems.Count == 0
            ? TypedResults.Ok(load)
            : TypedResults.Problem(statusCode: 400, title: "Nothing was loaded", detail: string.Join("; ", load.Problems.Select(p => p.Line is { } line ? $"line {line}: {p.Message}" : $"{p.Path}: {p.Message}")));
    }

    private static async Task<Ok<Page<TariffVersionSummary>>> ListAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var versions = await TariffRows.VersionsAsync(connection, await TariffRows.CodesAsync(connection, cancellationToken), cancellationToken);
        return TypedResults.Ok(new Page<TariffVersionSummary>([.. versions.Select(v => new TariffVersionSummary(v.Code, v.Version, v.ValidFrom, v.Hash))], null));
    }

    private static async Task<IResult> DocumentAsync(string code, string version, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var found = (await TariffRows.VersionsAsync(connection, [code], cancellationToken)).SingleOrDefault(v => v.Version == version);
        if (found is null)
        {
            return ApiProblems.NotFound($"there is no version {version} of tariff {code}");
        }

        return TypedResults.File(System.Text.Encoding.UTF8.GetBytes(found.Document), "application/json", entityTag: new Microsoft.Net.Http.Headers.EntityTagHeaderValue($"\"{found.Hash}\""));
    }
}
