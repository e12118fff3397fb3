using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime.Text;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Exports;

/// <summary><c>GET /api/v1/service-points/{servicePoint}/export</c>.</summary>
internal static class ExportEndpoints
{
    public static void MapExports(this WebApplication app) => app.MapReadApi("Exports")
        .MapGet("/service-points/{servicePoint}/export", GetAsync)
        .WithSummary("Intervals of local days [from, to) of one channel as Green Button XML, NEM12 or CSV. Without quantity and direction: active import; without days: the last 31; without format: CSV.")
        .Produces(200, contentType: "text/csv").ProducesProblem(404);

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetAsync(
        string servicePoint, string? format, string? quantity, string? direction, string? from, string? to, NpgsqlDataSource database, TimeProvider time, CancellationToken cancellationToken)
    {
        var tomorrow = time.GetCurrentInstant().InUtc().Date.PlusDays(1);
        var (request, wrong) = ExportRequest.Read(
            format ?? "csv", $"{servicePoint}/{quantity ?? "ActiveEnergy"}/{direction ?? "Import"}", from ?? LocalDatePattern.Iso.Format(tomorrow.PlusDays(-31)), to ?? LocalDatePattern.Iso.Format(tomorrow));
        if (request is null)
        {
            return ApiProblems.BadRequest(wrong!);
        }

        // Written whole before it is sent: an export that fails half way is an error, never a short file.
        var file = new FileStream(Path.GetTempFileName(), FileMode.Create, FileAccess.ReadWrite, FileShare.None, 64 * 1024, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        var outcome = await new Export(database, time).WriteAsync(request, () => file, cancellationToken);
        if (!outcome.Written)
        {
            await file.DisposeAsync();
            return ApiProblems.NotFound(outcome.Reason!);
        }

        file.Position = 0;
        return TypedResults.File(file, request.ContentType, request.FileName);
    }
}
