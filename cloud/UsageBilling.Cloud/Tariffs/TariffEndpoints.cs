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
    }

    private static async Task<Ok<Page<TariffVersionSummary>>> ListAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var versions = await TariffRows.VersionsAsync(connection, await TariffRows.CodesAsync(connection, cancellationToken), cancellationToken);
        return TypedResults.Ok(new Page<TariffVersionSummary>([.. versions.Select(v => new TariffVersionSummary(v.Code, v.Version, v.ValidFrom, v.Hash))], null));
    }

    private static async Task<IResult> DocumentAsync(string code, string version, HttpContext context, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var found = (await TariffRows.VersionsAsync(connection, [code], cancellationToken)).SingleOrDefault(v => v.Version == version);
        if (found is null)
        {
            return ApiProblems.NotFound($"there is no version {version} of tariff {code}");
        }

        context.Response.Headers.ETag = $"\"{found.Hash}\"";
        return TypedResults.Text(found.Document, "application/json");
    }
}
