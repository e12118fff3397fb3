using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Invoices;

namespace UsageBilling.Cloud.Api;

/// <summary>The system at a glance: how much there is, and what waits for somebody.</summary>
internal sealed record Overview(AccountCount Accounts, IReadOnlyList<BillCount> Bills, InvoiceCount Invoices, int BillExceptions, int OpenRebillProposals);

/// <summary><c>GET /api/v1/overview</c>.</summary>
internal static class OverviewEndpoint
{
    public static void MapOverview(this WebApplication app) => app.MapReadApi("Overview")
        .MapGet("/overview", GetAsync).WithSummary("How much there is, and what waits for somebody.");

    private static async Task<Ok<Overview>> GetAsync(NpgsqlDataSource database, CancellationToken cancellationToken) => TypedResults.Ok(new Overview(
        await AccountLookup.CountAsync(database, cancellationToken),
        await BillDetails.CountsAsync(database, cancellationToken),
        await InvoiceReading.CountAsync(database, cancellationToken),
        (await BillDetails.ExceptionsAsync(database, cancellationToken)).Count,
        (await BillDetails.ProposalsAsync(database, cancellationToken)).Count(p => p.State == "open")));
}
