using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Billing;

/// <summary>What a bill run is asked for: the month whose periods it bills, and whether it issues.</summary>
internal sealed record BillRunRequest(string Period, bool Issue = false);

/// <summary>A bill run as it stands.</summary>
public sealed record BillRunStatus(
    Guid Id, LocalDate Period, bool Issue, string Actor, Instant StartedAt, Instant? FinishedAt, int Contracts, int Billed, int Unchanged, int Held, int Failed, int NotDue, int Issued);

/// <summary>Why somebody decided.</summary>
internal sealed record DecisionRequest(string Reason);

/// <summary>A charge line of a bill.</summary>
internal sealed record BillLine(
    string Component, string Description, string Kind, string? Period, int? Tier, LocalDate From, LocalDate To, decimal Quantity, string Unit, decimal Price, decimal PriceBase, decimal Amount,
    string TaxCategory, decimal TaxRate, string TariffVersion, string Formula);

/// <summary>A bill with its lines and what is doubtful about it.</summary>
internal sealed record BillDetail(BillSummary Bill, IReadOnlyList<BillLine> Lines, IReadOnlyList<BillIssue> Issues);

/// <summary>Bill runs, bills, and what people decide about them.</summary>
internal static class BillEndpoints
{
    public static void AddBilling(this WebApplicationBuilder builder, bool work)
    {
        var services = builder.Services;
        services.AddSingleton<MeterStatements>();
        services.AddSingleton<BillRun>();
        services.AddSingleton<BillingCycle>();
        services.AddSingleton<BillDecisions>();
        services.AddSingleton<RebillProposals>();
        if (work)
        {
            services.AddHostedService<BillingWorker>();
        }
    }

    public static void MapBilling(this WebApplication app)
    {
        var read = app.MapReadApi("Bills");
        read.MapGet("/bill-runs", RunsAsync).WithSummary("Bill runs, latest first.");
        read.MapGet("/bill-runs/{run:guid}", RunAsync).WithSummary("A bill run as it stands.").ProducesProblem(404);
        read.MapGet("/bills", BillsAsync).WithSummary("Bills, in pages; by state, period (2026-10) or account.");
        read.MapGet("/bills/{bill:guid}", BillAsync).WithSummary("A bill with its lines and issues; its ETag goes into If-Match of decisions.").ProducesProblem(404);
        read.MapGet("/bills/{bill:guid}/changes", ChangesAsync).WithSummary("What is different now from what a bill used, interval by interval: why a rebill is proposed, and by how much.").ProducesProblem(404);
        read.MapGet("/bill-exceptions", async (NpgsqlDataSource database, CancellationToken cancellation) => TypedResults.Ok(new Page<BillException>(await BillDetails.ExceptionsAsync(database, cancellation), null)))
            .WithSummary("What could not be billed at all, and why.");
        read.MapGet("/rebill-proposals", async (NpgsqlDataSource database, CancellationToken cancellation) => TypedResults.Ok(new Page<RebillProposal>(await BillDetails.ProposalsAsync(database, cancellation), null)))
            .WithSummary("Bills whose data changed after they were rated.");

        var write = app.MapWriteApi("Bills");
        write.MapPost("/bill-runs", BeginAsync).WithSummary("Asks for a bill run; a worker does it. An unfinished one of the same kind is answered instead of a second.");
        Decision(write, "release", (d, bill, actor, reason, seen, cancellation) => d.ReleaseAsync(bill, actor, reason, seen, cancellation), "Lets a held bill go on.");
        Decision(write, "hold", (d, bill, actor, reason, seen, cancellation) => d.HoldAsync(bill, actor, reason, seen, cancellation), "Holds a bill that is not frozen.");
        Decision(write, "dismiss", (d, bill, actor, reason, seen, cancellation) => d.DismissAsync(bill, actor, reason, seen, cancellation), "Leaves a bill as it is although its data changed.");
        write.MapPost("/bills/{bill:guid}/cancel", CancelAsync).WithSummary("Takes an issued bill back with a credit note.").WithMetadata(new TakesIfMatch()).ProducesProblem(404).ProducesProblem(412);
        write.MapPost("/bills/{bill:guid}/rebill", RebillAsync).WithSummary("Takes an issued bill back and issues a new one that names it.").WithMetadata(new TakesIfMatch()).ProducesProblem(404).ProducesProblem(412);
    }

    private delegate Task<DecisionOutcome> Decide(BillDecisions decisions, Guid bill, string actor, string reason, SeenBill? seen, CancellationToken cancellationToken);

    private static void Decision(RouteGroupBuilder api, string name, Decide decide, string summary) => api
        .MapPost($"/bills/{{bill:guid}}/{name}", async Task<Results<Ok<BillSummary>, ProblemHttpResult>> (Guid bill, DecisionRequest request, HttpContext context, BillDecisions decisions, NpgsqlDataSource database) =>
            await DecideAsync(bill, request, context, database, (reason, seen) => decide(decisions, bill, context.User.Actor(), reason, seen, context.RequestAborted)))
        .WithSummary(summary).WithMetadata(new TakesIfMatch()).ProducesProblem(404).ProducesProblem(412);

    private static Task<Results<Ok<BillSummary>, ProblemHttpResult>> CancelAsync(
        Guid bill, DecisionRequest request, HttpContext context, BillDecisions decisions, BillingCycle cycle, NpgsqlDataSource database) =>
        DecideAsync(bill, request, context, database, async (reason, seen) =>
        {
            var outcome = await decisions.CancelAsync(bill, context.User.Actor(), reason, seen, context.RequestAborted);
            if (outcome == DecisionOutcome.Done)
            {
                await cycle.IssueWaitingAsync(context.RequestAborted);
            }

            return outcome;
        });

    private static Task<Results<Ok<BillSummary>, ProblemHttpResult>> RebillAsync(
        Guid bill, DecisionRequest request, HttpContext context, BillDecisions decisions, BillingCycle cycle, NpgsqlDataSource database) =>
        DecideAsync(bill, request, context, database, async (reason, seen) =>
        {
            var outcome = await decisions.CancelAsync(bill, context.User.Actor(), reason, seen, context.RequestAborted);
            if (outcome == DecisionOutcome.Done && await BillDetails.FindAsync(database, bill, context.RequestAborted) is { } found)
            {
                await cycle.IssueWaitingAsync(context.RequestAborted);
                await cycle.RebillAsync(found.Summary.PeriodStart, found.Summary.Account, found.Summary.Contract, context.RequestAborted);
            }

            return outcome;
        });

    private static async Task<Results<Ok<BillSummary>, ProblemHttpResult>> DecideAsync(
        Guid bill, DecisionRequest request, HttpContext context, NpgsqlDataSource database, Func<string, SeenBill?, Task<DecisionOutcome>> decide)
    {
        if (string.IsNullOrWhiteSpace(request.Reason) || request.Reason.Length > 1000)
        {
            return ApiProblems.BadRequest("give a reason of 1 to 1000 characters; it is kept with the decision");
        }

        SeenBill? seen = null;
        if (context.Request.Headers.IfMatch is { Count: > 0 } match && match.ToString() != "*")
        {
            // The tags that match now: whoever saw another one is told so, and what changes after this is seen by the decision itself.
            if (await BillDetails.FindAsync(database, bill, context.RequestAborted) is { } found)
            {
                seen = new SeenBill(found.Summary.State, found.Summary.RatedAt);
                if (!match.SelectMany(m => m!.Split(',', StringSplitOptions.TrimEntries)).Contains(seen.Value.Tag))
                {
                    return Changed();
                }
            }
        }

        return await decide(request.Reason, seen) switch
        {
            DecisionOutcome.NotFound => ApiProblems.NotFound($"there is no bill {bill}"),
            DecisionOutcome.Changed => Changed(),
            DecisionOutcome.NotPossible => ApiProblems.Conflict("the bill is in a state in which this cannot be decided, or an error stands on it; read it again"),
            _ => TypedResults.Ok((await BillDetails.FindAsync(database, bill, context.RequestAborted))!.Value.Summary),
        };
    }

    private static ProblemHttpResult Changed() => TypedResults.Problem(statusCode: 412, title: "Changed", detail: "the bill has changed since; read it again");

    private static async Task<Results<Accepted<BillRunStatus>, ProblemHttpResult>> BeginAsync(
        BillRunRequest request, HttpContext context, BillingCycle cycle, NpgsqlDataSource database, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!BillingMonth.TryParse(request.Period, out var month) || month.From > time.GetCurrentInstant().InUtc().Date)
        {
            return ApiProblems.BadRequest("period is a month that has begun, like 2026-10");
        }

        var run = await cycle.BeginAsync(month.From, request.Issue, context.User.Actor(), cancellationToken);
        return TypedResults.Accepted($"{ApiRoutes.Prefix}/bill-runs/{run}", (await ReadRunsAsync(database, run, cancellationToken)).Single());
    }

    private static async Task<Ok<Page<BillRunStatus>>> RunsAsync(NpgsqlDataSource database, CancellationToken cancellationToken) =>
        TypedResults.Ok(new Page<BillRunStatus>(await ReadRunsAsync(database, null, cancellationToken), null));

    private static async Task<Results<Ok<BillRunStatus>, ProblemHttpResult>> RunAsync(Guid run, NpgsqlDataSource database, CancellationToken cancellationToken) =>
        (await ReadRunsAsync(database, run, cancellationToken)).SingleOrDefault() is { } found ? TypedResults.Ok(found) : ApiProblems.NotFound($"there is no bill run {run}");

    public static async Task<List<BillRunStatus>> ReadRunsAsync(NpgsqlDataSource database, Guid? run, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT run_id, period, issue, actor, started_at, finished_at, contracts, billed, unchanged, held, failed, not_due, issued
            FROM bill_run WHERE $1::uuid IS NULL OR run_id = $1 ORDER BY started_at DESC LIMIT 100
            """);
        command.Parameters.Add(new() { Value = (object?)run ?? DBNull.Value });
        return await BillDetails.ListAsync(
            command,
            row => new BillRunStatus(
                row.GetGuid(0), row.GetFieldValue<LocalDate>(1), row.GetBoolean(2), row.GetString(3), row.GetFieldValue<Instant>(4), row.IsDBNull(5) ? null : row.GetFieldValue<Instant>(5),
                row.GetInt32(6), row.GetInt32(7), row.GetInt32(8), row.GetInt32(9), row.GetInt32(10), row.GetInt32(11), row.GetInt32(12)),
            cancellationToken);
    }

    private static async Task<Results<Ok<Page<BillSummary>>, ProblemHttpResult>> BillsAsync(
        NpgsqlDataSource database, string? state, string? period, string? account, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging || (paging.After is not null && !Guid.TryParse(paging.After, out _)))
        {
            return ApiProblems.BadPaging();
        }

        // By name, in any case, as answers spell it; not by number.
        var wanted = Enum.GetValues<BillState>().Where(s => s.ToString().Equals(state, StringComparison.OrdinalIgnoreCase)).Select(s => (BillState?)s).FirstOrDefault();
        if (state is not null && wanted is null)
        {
            return ApiProblems.BadRequest($"state is one of {string.Join(", ", Enum.GetNames<BillState>().Select(n => n.ToLowerInvariant()))}");
        }

        BillingMonth month = default;
        if (period is not null && !BillingMonth.TryParse(period, out month))
        {
            return ApiProblems.BadRequest("period is a month like 2026-10");
        }

        await using var command = database.CreateCommand(
            $"""
            SELECT {BillDetails.Columns} FROM bill
            WHERE ($1::uuid IS NULL OR bill_id > $1) AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR account_id = $3)
              AND ($4::date IS NULL OR (period_start >= $4 AND period_start < $5))
            ORDER BY bill_id LIMIT $6
            """);
        command.Parameters.Add(new() { Value = paging.After is { } after ? Guid.Parse(after) : DBNull.Value });
        command.Parameters.Add(new() { Value = (object?)wanted?.ToString().ToLowerInvariant() ?? DBNull.Value });
        command.Parameters.Add(new() { Value = (object?)account ?? DBNull.Value });
        command.Parameters.Add(new() { Value = period is null ? DBNull.Value : month.From });
        command.Parameters.Add(new() { Value = period is null ? DBNull.Value : month.To, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Date });
        command.Parameters.Add(new() { Value = paging.Limit + 1 });
        return TypedResults.Ok(paging.Page(await BillDetails.ListAsync(command, BillDetails.Summary, cancellationToken), b => b.Id.ToString()));
    }

    private static async Task<Results<Ok<Page<BilledIntervalChange>>, ProblemHttpResult>> ChangesAsync(Guid bill, NpgsqlDataSource database, IntervalStore intervals, CancellationToken cancellationToken) =>
        await BillDetails.ChangesAsync(database, intervals, bill, cancellationToken) is { } changes
            ? TypedResults.Ok(new Page<BilledIntervalChange>(changes, null))
            : ApiProblems.NotFound($"there is no bill {bill}");

    private static async Task<Results<Ok<BillDetail>, ProblemHttpResult>> BillAsync(Guid bill, HttpContext context, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        if (await BillDetails.FindAsync(database, bill, cancellationToken) is not { } found)
        {
            return ApiProblems.NotFound($"there is no bill {bill}");
        }

        context.Response.Headers.ETag = new SeenBill(found.Summary.State, found.Summary.RatedAt).Tag;
        var lines = found.Content.Charges.Lines.Select(l => new BillLine(
            l.Component, l.Description, l.Kind.ToString().ToLowerInvariant(), l.Period, l.Tier, l.From, l.To, l.Quantity, l.Unit.Symbol, l.Price, l.PriceBase, l.Amount,
            l.TaxCategory, l.TaxRate, l.TariffVersion, l.Formula));
        return TypedResults.Ok(new BillDetail(found.Summary, [.. lines], found.Content.Issues));
    }
}
