using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Api;

namespace UsageBilling.Cloud.Ledger;

/// <summary>One side of a posting: debits positive, credits negative.</summary>
internal sealed record LegView(string LedgerAccount, decimal Amount);

/// <summary>A posting of an account.</summary>
internal sealed record PostingView(string Source, Instant PostedAt, LocalDate ValueDate, string Currency, IReadOnlyList<LegView> Legs);

/// <summary>An account's postings, and what the customer owes.</summary>
internal sealed record LedgerView(string Account, decimal Balance, IReadOnlyList<PostingView> Postings);

/// <summary><c>GET /api/v1/accounts/{account}/ledger</c>.</summary>
internal static class LedgerEndpoints
{
    public static void MapLedger(this WebApplication app) => app.MapReadApi("Ledger")
        .MapGet("/accounts/{account}/ledger", GetAsync).WithSummary("The latest 500 postings of an account and its receivable balance over all.").ProducesProblem(404);

    private static async Task<Results<Ok<LedgerView>, ProblemHttpResult>> GetAsync(string account, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await AccountLookup.AccountAsync(connection, account, cancellationToken) is null)
        {
            return ApiProblems.NotFound($"there is no account {account}");
        }

        await using var command = new NpgsqlCommand(
            """
            SELECT source, posted_at, value_date, currency, leg_accounts, leg_amounts,
                   (SELECT coalesce(sum(amount), 0) FROM ledger_leg WHERE account_id = $1 AND ledger_account = 'receivable')
            FROM ledger_posting WHERE account_id = $1 ORDER BY posted_at DESC, source LIMIT 500
            """,
            connection);
        command.Parameters.Add(new() { Value = account });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var balance = 0m;
        var postings = new List<PostingView>();
        while (await row.ReadAsync(cancellationToken))
        {
            balance = row.GetDecimal(6);
            postings.Add(new PostingView(
                row.GetString(0), row.GetFieldValue<Instant>(1), row.GetFieldValue<LocalDate>(2), row.GetString(3),
                [.. row.GetFieldValue<string[]>(4).Zip(row.GetFieldValue<decimal[]>(5), (name, amount) => new LegView(name, amount))]));
        }

        return TypedResults.Ok(new LedgerView(account, balance, postings));
    }
}
