using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Provisioning;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>A registered definition.</summary>
internal sealed record UsageDefinitionRow(
    string EventType, string Measure, string Aggregation, string? Value, string ServicePoint, string Unit, int Exponent, int IntervalMinutes, string WhereNothing, LocalDate From);

/// <summary>Where a channel of events stands. Error: a day that could not be computed, and why.</summary>
internal sealed record UsageChannelRow(Guid Channel, string EventType, LocalDate ClosedThrough, long Events, long LateEvents, long Duplicates, Instant? LastReceivedAt, int DaysDue, string? Error);

/// <summary>What registering a definition did; with any problem, nothing.</summary>
internal sealed record UsageDefinitionResult(Saved Saved, IReadOnlyList<ProvisioningProblem> Problems);

/// <summary><c>POST /api/v1/events</c>, and definitions.</summary>
internal static class UsageEventEndpoints
{
    public static void AddUsageEvents(this WebApplicationBuilder builder, bool work)
    {
        builder.Services.AddSingleton<EventIntake>();
        builder.Services.AddSingleton<EventDayUpkeep>();
        builder.Services.AddKeyedSingleton(typeof(EventIntake), (_, _) => new ConcurrencyLimiter(new ConcurrencyLimiterOptions
        {
            PermitLimit = EventLimits.AtOnce, QueueLimit = EventLimits.Waiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        }));
        if (work)
        {
            builder.Services.AddHostedService<EventDayWorker>();
        }
    }

    public static void MapUsageEvents(this WebApplication app)
    {
        var read = app.MapReadApi("Usage events");
        read.MapGet("/usage-definitions", DefinitionsAsync).WithSummary("What event types mean, by type, in pages.");
        read.MapGet("/usage-channels", ChannelsAsync).WithSummary("Where channels of events stand: counts of events, late ones and duplicates, in pages.");
        read.MapGet("/usage-refusals", async (NpgsqlDataSource database, CancellationToken cancellation) => TypedResults.Ok(new Page<EventRefusalRow>(await EventRefusals.ReadAsync(database, cancellation), null)))
            .WithSummary("Refused events, counted by what is wrong, by source and by type, with the latest example.");
        var write = app.MapWriteApi("Usage events");
        // No list of accepted types: in binary mode the type is that of the data, whatever it is.
        write.MapPost("/events", PostAsync)
            .WithSummary($"CloudEvents 1.0: application/cloudevents+json, application/cloudevents-batch+json, or binary mode (ce- headers); at most {EventLimits.MostEvents} events and {EventLimits.MostBytes / 1024 / 1024} MiB. Each event has its result: accepted, duplicate or refused with the reason. 422 when none could be taken.")
            .ProducesProblem(413).ProducesProblem(415).ProducesProblem(429)
            .AddOpenApiOperationTransformer(DescribeBody);
        write.MapPost("/usage-definitions", RegisterAsync).Accepts<object>("application/json")
            .WithSummary("Registers what an event type means. Idempotent; a definition never changes, subjects may be added.");
    }

    private static Task DescribeBody(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/cloudevents+json"] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.Object } },
                ["application/cloudevents-batch+json"] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.Object } } },
                ["application/json"] = new() { Schema = new OpenApiSchema() },
            },
        };
        return Task.CompletedTask;
    }

    private static async Task<IResult> PostAsync(
        HttpContext context, EventIntake intake, [FromKeyedServices(typeof(EventIntake))] ConcurrencyLimiter limiter, CancellationToken cancellationToken)
    {
        using var permit = await limiter.AcquireAsync(1, cancellationToken);
        if (!permit.IsAcquired)
        {
            context.Response.Headers.RetryAfter = "1";
            return TypedResults.Problem(statusCode: 429, title: "Too many requests at once", detail: $"{EventLimits.AtOnce + EventLimits.Waiting} requests are being worked on or wait; send the same again in a second, nothing of it was taken");
        }

        if (await BodyAsync(context.Request, cancellationToken) is not { } body)
        {
            return TooLarge($"a request has at most {EventLimits.MostBytes} bytes; send the events in several");
        }

        var (events, problem) = CloudEventDecoding.Decode(context.Request.ContentType, context.Request.Headers, body);
        if (problem is not null)
        {
            return TypedResults.Problem(statusCode: body.Length > 0 && context.Request.ContentType?.StartsWith("application/cloudevents", StringComparison.OrdinalIgnoreCase) == true ? 400 : 415, title: "No CloudEvents", detail: problem);
        }

        if (events.Count > EventLimits.MostEvents)
        {
            return TooLarge($"a batch has at most {EventLimits.MostEvents} events, not {events.Count}; send them in several");
        }

        var receipt = await intake.TakeAsync(events, cancellationToken);
        return receipt.Refused > 0 && receipt.Refused == events.Count ? TypedResults.UnprocessableEntity(receipt) : TypedResults.Ok(receipt);
    }

    private static async Task<ReadOnlyMemory<byte>?> BodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength > EventLimits.MostBytes)
        {
            return null;
        }

        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (body.Length + read > EventLimits.MostBytes)
            {
                return null;
            }

            body.Write(buffer, 0, read);
        }

        return body.ToArray();
    }

    private static ProblemHttpResult TooLarge(string detail) => TypedResults.Problem(statusCode: 413, title: "Too large", detail: detail);

    private static async Task<Results<Ok<UsageDefinitionResult>, UnprocessableEntity<UsageDefinitionResult>>> RegisterAsync(
        HttpContext context, NpgsqlDataSource database, TimeProvider time, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(context.Request.Body);
        var problems = new List<ProvisioningProblem>();
        if (UsageDefinitionDocument.Parse(await reader.ReadToEndAsync(cancellationToken), problems) is not { } usage)
        {
            return TypedResults.UnprocessableEntity(new UsageDefinitionResult(Saved.Unchanged, problems));
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var (saved, wrong) = await new UsageDefinitionStore(connection, context.User.Actor(), time.GetCurrentInstant()).SaveAsync(usage, cancellationToken);
        if (wrong.Count > 0)
        {
            return TypedResults.UnprocessableEntity(new UsageDefinitionResult(Saved.Unchanged, wrong));
        }

        await transaction.CommitAsync(cancellationToken);
        return TypedResults.Ok(new UsageDefinitionResult(saved, []));
    }

    private static async Task<Results<Ok<Page<UsageDefinitionRow>>, ProblemHttpResult>> DefinitionsAsync(NpgsqlDataSource database, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        var rows = await database.RowsAsync(
            $"SELECT {UsageDefinitions.Columns} FROM usage_definition WHERE event_type > $1 ORDER BY event_type LIMIT $2",
            r => new UsageDefinitionRow(r.GetString(0), r.GetString(1), r.GetString(2), r.TextOrNull(3), r.GetString(4), r.GetString(5), r.GetInt16(6), r.GetInt16(7), r.GetString(8), r.GetFieldValue<LocalDate>(9)),
            cancellationToken, paging.After ?? "", paging.Limit + 1);
        return TypedResults.Ok(paging.Page(rows, d => d.EventType));
    }

    private static async Task<Results<Ok<Page<UsageChannelRow>>, ProblemHttpResult>> ChannelsAsync(NpgsqlDataSource database, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging || (paging.After is not null && !Guid.TryParse(paging.After, out _)))
        {
            return ApiProblems.BadPaging();
        }

        var rows = await UsageChannels.ListAsync(database, paging.After is null ? Guid.Empty : Guid.Parse(paging.After), paging.Limit + 1, cancellationToken);
        return TypedResults.Ok(paging.Page(rows, c => c.Channel.ToString()));
    }
}
