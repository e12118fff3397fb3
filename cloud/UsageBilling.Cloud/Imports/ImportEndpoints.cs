using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using UsageBilling.Cloud.Api;

namespace UsageBilling.Cloud.Imports;

/// <summary>Imports over HTTP: the file is the request's body, or the first file of a form.</summary>
internal static class ImportEndpoints
{
    public static void AddImports(this WebApplicationBuilder builder, bool work)
    {
        builder.Services.AddSingleton<ImportRun>();
        if (work)
        {
            builder.Services.AddHostedService<ImportWorker>();
        }
    }

    public static void MapImports(this WebApplication app)
    {
        app.MapWriteApi("Imports").MapPost("/imports", PostAsync).DisableAntiforgery().WithMetadata(new DisableRequestSizeLimitAttribute())
            .Accepts<byte[]>("application/octet-stream", "text/csv", "text/plain", "text/xml", "application/xml", "application/gzip", "application/zip", "application/x-www-form-urlencoded", "multipart/form-data")
            .WithSummary("Take a file of meter data: NEM12, NEM13, Green Button or CSV, as it is, or gzip, or a ZIP archive of one file. The same file is taken once. With dryRun=true nothing is stored.");
        var api = app.MapReadApi("Imports");
        api.MapGet("/imports", ListAsync).WithSummary("Imports, newest first, in pages.");
        api.MapGet("/imports/{import:guid}", GetAsync).WithSummary("An import with what the file holds, and every problem with its line.").ProducesProblem(404);
        api.MapGet("/imports/{import:guid}/file", FileAsync).WithSummary("The file as it came.").Produces(200, contentType: "application/octet-stream").ProducesProblem(404);
    }

    private static async Task<Results<Ok<JsonObject>, UnprocessableEntity<JsonObject>, ProblemHttpResult>> PostAsync(
        HttpContext context, ImportRun imports, string? format, string? name, string? zone, string? point, string? unit, string? stamps, int? intervalMinutes, string? dates, string? @decimal, [FromQuery] string[]? column, bool? dryRun)
    {
        var read = new ImportFormat(format ?? string.Empty, Path.GetFileName(name ?? "upload"), zone, point, unit ?? "kWh", stamps, intervalMinutes, dates, @decimal, column is { Length: > 0 } ? column : null);
        if (read.Wrong() is { } wrong)
        {
            return ApiProblems.BadRequest(wrong);
        }

        var cancellation = context.RequestAborted;
        var path = Path.GetTempFileName();
        try
        {
            if (await SaveAsync(context.Request, path, cancellation) is { } problem)
            {
                return ApiProblems.BadRequest(problem);
            }

            if (dryRun == true)
            {
                var survey = await imports.TryAsync(RawFile.At(path), read, cancellation);
                using var text = new MemoryStream();
                ImportReport.WriteJson(text, survey);
                var dry = JsonNode.Parse(text.ToArray())!.AsObject();
                return survey.Refused ? TypedResults.UnprocessableEntity(dry) : TypedResults.Ok(dry);
            }

            var outcome = await imports.RunAsync(RawFile.At(path), read, context.User.Actor(), null, cancellation);
            var result = Describe(outcome.Record, outcome.Report);
            result["before"] = outcome.Before;
            return outcome.Record.State is "rejected" or "failed" ? TypedResults.UnprocessableEntity(result) : TypedResults.Ok(result);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task<Results<Ok<Page<ImportRecord>>, ProblemHttpResult>> ListAsync(NpgsqlDataSource database, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        (Instant, Guid)? after = null;
        if (paging.After is { } text)
        {
            var parts = text.Split(' ');
            if (parts.Length != 2 || !InstantPattern.ExtendedIso.Parse(parts[0]).TryGetValue(default, out var at) || !Guid.TryParse(parts[1], out var id))
            {
                return ApiProblems.BadPaging();
            }

            after = (at, id);
        }

        var rows = await ImportStore.ListAsync(database, after, paging.Limit + 1, cancellationToken);
        return TypedResults.Ok(paging.Page(rows, r => $"{InstantPattern.ExtendedIso.Format(r.ReceivedAt)} {r.Id}"));
    }

    private static async Task<Results<Ok<JsonObject>, ProblemHttpResult>> GetAsync(Guid import, NpgsqlDataSource database, CancellationToken cancellationToken) =>
        await ImportStore.FindAsync(database, import, cancellationToken) is { } record
            ? TypedResults.Ok(Describe(record, (await ImportStore.DetailsAsync(database, import, cancellationToken)).Report))
            : ApiProblems.NotFound($"there is no import {import}");

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> FileAsync(Guid import, NpgsqlDataSource database, CancellationToken cancellationToken) =>
        await ImportStore.FindAsync(database, import, cancellationToken) is { } record
            ? TypedResults.File(ImportStore.Raw(database, record).OpenRaw(), "application/octet-stream", record.FileName)
            : ApiProblems.NotFound($"there is no import {import}");

    private static JsonObject Describe(ImportRecord record, string report)
    {
        var result = JsonNode.Parse(report)!.AsObject();
        result["import"] = record.Id.ToString();
        result["state"] = record.State;
        result["file"] = record.FileName;
        result["format"] = record.Format;
        result["sha256"] = record.Sha256;
        result["bytes"] = record.Bytes;
        result["receivedAt"] = InstantPattern.ExtendedIso.Format(record.ReceivedAt);
        result["daysDelivered"] = record.DaysDelivered;
        result["daysAdded"] = record.DaysAdded;
        result["daysParked"] = record.DaysParked;
        return result;
    }

    private static async Task<string?> SaveAsync(HttpRequest request, string path, CancellationToken cancellation)
    {
        await using var target = File.Create(path);
        if (request.HasFormContentType && MediaTypeHeaderValue.TryParse(request.ContentType, out var type) && HeaderUtilities.RemoveQuotes(type.Boundary).Value is { Length: > 0 } boundary)
        {
            var form = new MultipartReader(boundary, request.Body);
            while (await form.ReadNextSectionAsync(cancellation) is { } section)
            {
                if (section.GetContentDispositionHeader() is { } disposition && disposition.IsFileDisposition())
                {
                    await section.Body.CopyToAsync(target, cancellation);
                    return null;
                }
            }

            return "the form has no file";
        }

        await request.Body.CopyToAsync(target, cancellation);
        return null;
    }
}
