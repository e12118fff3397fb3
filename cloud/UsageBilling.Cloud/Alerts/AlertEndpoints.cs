using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Provisioning;

namespace UsageBilling.Cloud.Alerts;

/// <summary>A target; whether it has a secret, never which.</summary>
public sealed record AlertTargetRow(string Id, string Kind, string Address, bool Active, bool HasSecret);

/// <summary>A rule with when it was judged last and what kept it from being judged.</summary>
public sealed record AlertRuleRow(AlertRule Rule, Instant? JudgedAt, string? Error);

/// <summary>An alert with how far its deliveries are.</summary>
internal sealed record AlertRow(AlertMessage Alert, IReadOnlyList<AlertDeliveryRow> Deliveries);

/// <summary>A delivery: <c>pending</c>, <c>delivered</c> or <c>failed</c>.</summary>
internal sealed record AlertDeliveryRow(string Target, string State, int Attempts, Instant? NextAt, Instant? DeliveredAt, string? Error);

/// <summary>What saving did; with any problem, nothing.</summary>
internal sealed record AlertSaved(Saved Saved, IReadOnlyList<ProvisioningProblem> Problems);

/// <summary>Targets, rules, alerts.</summary>
internal static class AlertEndpoints
{
    public static void AddAlerts(this WebApplicationBuilder builder, CloudSettings settings, bool work)
    {
        var services = builder.Services;
        services.AddSingleton(new WebhookAddresses(settings.WebhookNetworks));
        services.AddSingleton(s => new Webhook(s.GetRequiredService<WebhookAddresses>()));
        services.AddSingleton(new Mail(settings.Mail));
        services.AddSingleton<AlertStore>();
        services.AddSingleton<AlertJudge>();
        services.AddSingleton<AlertDelivery>();
        if (work)
        {
            services.AddHostedService<AlertWorker>();
        }
    }

    public static void MapAlerts(this WebApplication app)
    {
        var read = app.MapReadApi("Alerts");
        read.MapGet("/alerts", AlertsAsync).WithSummary("Alerts, latest first, with their deliveries, in pages.");
        read.MapGet("/alert-rules", RulesAsync).WithSummary("What is watched, by id, in pages.");
        read.MapGet("/alert-targets", TargetsAsync).WithSummary("Where alerts go, by id, in pages. Secrets are never shown.");
        var write = app.MapWriteApi("Alerts");
        write.MapPost("/alert-targets", SaveTargetAsync).Accepts<object>("application/json")
            .WithSummary("Saves a target: an e-mail address, or a webhook with its signing secret (whsec_…, Standard Webhooks). Webhooks go by https to public addresses and to networks that the operator names.");
        write.MapPost("/alert-rules", SaveRuleAsync).Accepts<object>("application/json")
            .WithSummary("Saves a rule: kind threshold (class, per interval, day or period, limit), budget (amount; or class and limit), anomaly (class, with opens, closes and days) or no-data (class, hours).");
        write.MapPost("/alerts/{alert:guid}/deliveries/{target}/retry", RetryAsync).WithSummary("Tries a delivery again that was given up.").ProducesProblem(404);
    }

    private static async Task<Results<Ok<AlertSaved>, UnprocessableEntity<AlertSaved>>> SaveTargetAsync(HttpContext context, AlertStore store, WebhookAddresses addresses, CancellationToken cancellationToken)
    {
        var problems = new List<ProvisioningProblem>();
        using var reader = new StreamReader(context.Request.Body);
        return AlertDocuments.Target(await reader.ReadToEndAsync(cancellationToken), addresses, problems) is { } target
            ? TypedResults.Ok(new AlertSaved(await store.SaveAsync(target, context.User.Actor(), cancellationToken), []))
            : TypedResults.UnprocessableEntity(new AlertSaved(Saved.Unchanged, problems));
    }

    private static async Task<Results<Ok<AlertSaved>, UnprocessableEntity<AlertSaved>>> SaveRuleAsync(HttpContext context, AlertStore store, CancellationToken cancellationToken)
    {
        var problems = new List<ProvisioningProblem>();
        using var reader = new StreamReader(context.Request.Body);
        if (AlertDocuments.Rule(await reader.ReadToEndAsync(cancellationToken), problems) is not { } rule)
        {
            return TypedResults.UnprocessableEntity(new AlertSaved(Saved.Unchanged, problems));
        }

        var (saved, wrong) = await store.SaveAsync(rule, context.User.Actor(), cancellationToken);
        return wrong.Count == 0 ? TypedResults.Ok(new AlertSaved(saved, [])) : TypedResults.UnprocessableEntity(new AlertSaved(saved, wrong));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RetryAsync(Guid alert, string target, HttpContext context, AlertStore store, CancellationToken cancellationToken) =>
        await store.RetryAsync(alert, target, context.User.Actor(), cancellationToken)
            ? TypedResults.NoContent()
            : ApiProblems.NotFound($"there is no delivery of alert {alert} to {target} that was given up");

    private static async Task<Results<Ok<Page<AlertRow>>, ProblemHttpResult>> AlertsAsync(NpgsqlDataSource database, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging || (paging.After is not null && !AlertList.IsKey(paging.After)))
        {
            return ApiProblems.BadPaging();
        }

        return TypedResults.Ok(paging.Page(await AlertList.ReadAsync(database, paging.After, paging.Limit + 1, cancellationToken), AlertList.Key));
    }

    private static async Task<Results<Ok<Page<AlertRuleRow>>, ProblemHttpResult>> RulesAsync(NpgsqlDataSource database, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        return TypedResults.Ok(paging.Page(await AlertList.RulesAsync(database, paging.After ?? "", paging.Limit + 1, cancellationToken), r => r.Rule.Id));
    }

    private static async Task<Results<Ok<Page<AlertTargetRow>>, ProblemHttpResult>> TargetsAsync(NpgsqlDataSource database, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        return TypedResults.Ok(paging.Page(await AlertList.TargetsAsync(database, paging.After ?? "", paging.Limit + 1, cancellationToken), t => t.Id));
    }
}
