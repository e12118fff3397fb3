using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>A decision about findings, one or many.</summary>
/// <param name="Action">accept, estimate, edit or replay.</param>
/// <param name="Findings">Which; an edit names one.</param>
/// <param name="Reason">Why; kept with the decision.</param>
/// <param name="Method">For estimate: check-meter, alternate-channel, zero, linear, average-like-days or like-day-table; null: the first that can.</param>
/// <param name="Edit">For edit: the quantities.</param>
internal sealed record FindingActionRequest(string Action, IReadOnlyList<FindingKey> Findings, string Reason, string? Method = null, IntervalEdit? Edit = null);

/// <summary>What became of one of them.</summary>
internal sealed record FindingActionResult(FindingKey Finding, FindingOutcome Outcome, string Detail);

/// <summary>Quantities set by hand.</summary>
internal sealed record DayEditRequest(int FirstSlot, IReadOnlyList<long> Quantities, string Reason);

/// <summary>Why somebody takes something back.</summary>
internal sealed record WithdrawalRequest(string Reason);

/// <summary>Everything that was ever done to a channel's local day: versions of its UTC days, overrides with their actors and reasons, findings with their events.</summary>
internal sealed record DayHistory(Guid Channel, LocalDate Day, Instant From, Instant To, IReadOnlyList<DayVersion> Versions, IReadOnlyList<KeptOverride> Overrides, IReadOnlyList<FindingEvent> Findings);

/// <summary>Findings, decisions, histories and rule sets over HTTP.</summary>
internal static class ValidationEndpoints
{
    private const int MostAtOnce = 500;

    public static void AddValidation(this WebApplicationBuilder builder, bool work)
    {
        builder.Services.AddSingleton<RuleSets>();
        builder.Services.AddSingleton<ValidationRun>();
        builder.Services.AddSingleton<ValidatedDays>();
        builder.Services.AddSingleton<FindingDecisions>();
        builder.Services.AddSingleton<FindingActions>();
        builder.Services.AddSingleton<GatewayReplays>();
        builder.Services.AddSingleton(s => new ZeroReasons(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<TimeProvider>()));
        if (work)
        {
            builder.Services.AddHostedService<ValidationWorker>();
        }
    }

    public static void MapValidation(this WebApplication app)
    {
        var read = app.MapReadApi("Validation");
        read.MapGet("/validation/findings", ListAsync).WithSummary("The exceptions list, most money at stake first; by rule, site, state, age in days, money.");
        read.MapGet("/validation/findings/{channel:guid}/{day}/{rule}", FindAsync).WithSummary("A finding; its ETag goes into If-Match of decisions.").ProducesProblem(404);
        read.MapGet("/validation/summary", async (NpgsqlDataSource database, CancellationToken cancellation) => TypedResults.Ok(new Page<FindingCount>(await FindingWorklist.CountAsync(database, cancellation), null)))
            .WithSummary("Open findings by rule, with the oldest and what is at stake.");
        read.MapGet("/validation/channels/{channel:guid}/days/{day}/history", HistoryAsync).WithSummary("Who changed what on a local day, when and why.").ProducesProblem(404);
        read.MapGet("/validation/rule-sets", async (RuleSets sets, CancellationToken cancellation) => TypedResults.Ok(new Page<LoadedRuleSet>(await sets.ListAsync(cancellation), null)))
            .WithSummary("Documents of limits, the latest first, with how far days are validated again by them.");
        read.MapGet("/validation/rule-sets/{ruleSet}", DocumentAsync).WithSummary("A document of limits as it was loaded.").ProducesProblem(404);

        var write = app.MapWriteApi("Validation");
        write.MapPost("/validation/actions", ActAsync).WithSummary("Accepts, estimates, edits, or asks the gateway to replay: one finding or many, each with its own outcome.").ProducesProblem(404).ProducesProblem(412);
        write.MapPost("/validation/channels/{channel:guid}/days/{day}/edits", EditAsync).WithSummary("Sets quantities by hand; they stand until taken back.");
        write.MapPost("/validation/channels/{channel:guid}/overrides/{id:guid}/withdraw", WithdrawAsync).WithSummary("Takes an estimate or edit back: what was measured shows again.").ProducesProblem(404);
        write.MapPost("/validation/rule-sets", LoadAsync).WithSummary("Loads a document of limits, which is in force from now on; days that no bill stands on yet, two months back, and those of open findings are validated again.");
    }

    private static async Task<Results<Ok<Page<FindingRow>>, ProblemHttpResult>> ListAsync(
        NpgsqlDataSource database, TimeProvider time, string? rule, string? point, string? state, int? olderThanDays, decimal? atLeast, Guid? channel, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        FindingRow? after = null;
        if (paging.After is { } key && (Parse(key) is not { } named || (after = await FindingWorklist.FindAsync(database, named, cancellationToken)) is null))
        {
            return ApiProblems.BadPaging();
        }

        var rows = await FindingWorklist.FindAsync(database, new FindingQuery(rule, point, state, olderThanDays, atLeast, channel), time.GetCurrentInstant(), after, paging.Limit + 1, cancellationToken);
        return TypedResults.Ok(paging.Page(rows, r => $"{r.Channel}/{r.Day:uuuu-MM-dd}/{r.Rule}"));
    }

    private static async Task<Results<Ok<FindingRow>, ProblemHttpResult>> FindAsync(Guid channel, string day, string rule, HttpContext context, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        if (Parse($"{channel}/{day}/{rule}") is not { } key || await FindingWorklist.FindAsync(database, key, cancellationToken) is not { } found)
        {
            return ApiProblems.NotFound($"there is no finding {rule} of channel {channel} on {day}");
        }

        context.Response.Headers.ETag = found.ETag;
        return TypedResults.Ok(found);
    }

    private static async Task<Results<Ok<DayHistory>, ProblemHttpResult>> HistoryAsync(Guid channel, string day, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        if (LocalDatePattern.Iso.Parse(day) is not { Success: true } date || !IsBelievable(date.Value))
        {
            return ApiProblems.BadRequest("day is a local date such as 2026-03-29");
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var id = new ChannelId(channel);
        if (!(await MeasuredLayer.ReadTermsAsync(connection, [id], cancellationToken)).TryGetValue(id, out var terms))
        {
            return ApiProblems.NotFound($"there is no channel {channel}");
        }

        var span = LocalDay.Of(date.Value, DateTimeZoneProviders.Tzdb[terms.Zone]);
        var (first, last) = (UtcDay.Of(span.Start), UtcDay.Of(span.End - Duration.Epsilon));
        return TypedResults.Ok(new DayHistory(
            channel, date.Value, span.Start, span.End,
            await IntervalOverrides.ReadVersionsAsync(connection, id, first, last, cancellationToken),
            await IntervalOverrides.ReadAsync(connection, id, first, last, cancellationToken),
            await FindingWorklist.EventsAsync(connection, id, date.Value, cancellationToken)));
    }

    private static async Task<Results<ContentHttpResult, ProblemHttpResult>> DocumentAsync(string ruleSet, RuleSets sets, CancellationToken cancellationToken) =>
        await sets.DocumentAsync(ruleSet, cancellationToken) is { } document ? TypedResults.Content(document, "application/json") : ApiProblems.NotFound($"there is no rule set {ruleSet}");

    private static async Task<Results<Ok<RuleSetLoad>, ProblemHttpResult>> LoadAsync(JsonElement document, HttpContext context, RuleSets sets, CancellationToken cancellationToken)
    {
        var load = await sets.LoadAsync(document.GetRawText(), context.User.Actor(), cancellationToken);
        return load.Problems.Count == 0
            ? TypedResults.Ok(load)
            : TypedResults.Problem(statusCode: 400, title: "The document has problems", detail: string.Join("; ", load.Problems.Select(p => $"{p.Path} {p.Message}")));
    }

    private static async Task<Results<Ok<Page<FindingActionResult>>, ProblemHttpResult>> ActAsync(FindingActionRequest request, HttpContext context, FindingActions actions, CancellationToken cancellationToken)
    {
        if (request.Findings is null || request.Findings.Count is 0 or > MostAtOnce || request.Findings.Any(f => f is null || f.Rule is null))
        {
            return ApiProblems.BadRequest($"name 1 to {MostAtOnce} findings");
        }

        if (Reason(request.Reason) is { } problem)
        {
            return problem;
        }

        var method = default(EstimationMethod?);
        if (request.Method is { } name)
        {
            var known = Enum.GetValues<EstimationMethod>();
            if (!known.Any(m => EstimationMethods.NameOf(m) == name))
            {
                return ApiProblems.BadRequest($"method is one of {string.Join(", ", known.Select(EstimationMethods.NameOf))}");
            }

            method = known.Single(m => EstimationMethods.NameOf(m) == name);
        }

        if (request.Edit is { Quantities: null })
        {
            return ApiProblems.BadRequest("edit is firstSlot and quantities, one a slot, in the channel's unit");
        }

        if (request.Action is not ("accept" or "estimate" or "edit" or "replay") || (request.Action == "edit" && (request.Edit is null || request.Findings.Count != 1)))
        {
            return ApiProblems.BadRequest("action is accept, estimate, edit (one finding, with its quantities) or replay");
        }

        var match = context.Request.Headers.IfMatch.ToString().Trim('"');
        var revision = match.Length == 0 ? null : int.TryParse(match, NumberStyles.None, CultureInfo.InvariantCulture, out var seen) ? seen : (int?)0;
        if (revision is not null && request.Findings.Count > 1)
        {
            return ApiProblems.BadRequest("If-Match belongs to one finding");
        }

        var results = new List<FindingActionResult>();
        foreach (var finding in request.Findings)
        {
            var result = await actions.RunAsync(request.Action, finding, context.User.Actor(), request.Reason, revision, method, request.Edit, cancellationToken);
            results.Add(new FindingActionResult(finding, result.Outcome, result.Detail));
        }

        return results is [{ Outcome: not FindingOutcome.Done } only] ? Refused(only) : TypedResults.Ok(new Page<FindingActionResult>(results, null));
    }

    private static ProblemHttpResult Refused(FindingActionResult result) => result.Outcome switch
    {
        FindingOutcome.NotFound => ApiProblems.NotFound(result.Detail),
        FindingOutcome.Changed => TypedResults.Problem(statusCode: 412, title: "Changed", detail: result.Detail),
        _ => ApiProblems.Conflict(result.Detail),
    };

    private static async Task<Results<NoContent, ProblemHttpResult>> EditAsync(
        Guid channel, string day, DayEditRequest request, HttpContext context, FindingDecisions decisions, CancellationToken cancellationToken)
    {
        if (LocalDatePattern.Iso.Parse(day) is not { Success: true } date || !IsBelievable(date.Value))
        {
            return ApiProblems.BadRequest("day is a local date such as 2026-03-29");
        }

        if (request.Quantities is null)
        {
            return ApiProblems.BadRequest("give firstSlot, quantities (one a slot, in the channel's unit) and reason");
        }

        return Reason(request.Reason)
            ?? (await decisions.EditDayAsync(new ChannelId(channel), date.Value, context.User.Actor(), request.Reason, new IntervalEdit(request.FirstSlot, request.Quantities), cancellationToken) is { } problem
                ? ApiProblems.BadRequest(problem)
                : (Results<NoContent, ProblemHttpResult>)TypedResults.NoContent());
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> WithdrawAsync(
        Guid channel, Guid id, WithdrawalRequest request, HttpContext context, FindingDecisions decisions, CancellationToken cancellationToken) =>
        Reason(request.Reason)
            ?? (await decisions.WithdrawAsync(new ChannelId(channel), id, context.User.Actor(), request.Reason, cancellationToken)
                ? (Results<NoContent, ProblemHttpResult>)TypedResults.NoContent()
                : ApiProblems.NotFound($"channel {channel} has no override {id} that stands"));

    private static ProblemHttpResult? Reason(string reason) =>
        string.IsNullOrWhiteSpace(reason) || reason.Length > 1000 ? ApiProblems.BadRequest("give a reason of 1 to 1000 characters; it is kept") : null;

    /// <summary>Years in which a meter may have measured, or may yet.</summary>
    private static bool IsBelievable(LocalDate day) => day.Year is >= 1970 and < 2200;

    private static FindingKey? Parse(string text) =>
        text.Split('/') is [var channel, var day, var rule] && Guid.TryParse(channel, out var id) && LocalDatePattern.Iso.Parse(day) is { Success: true } date ? new FindingKey(id, date.Value, rule) : null;
}
