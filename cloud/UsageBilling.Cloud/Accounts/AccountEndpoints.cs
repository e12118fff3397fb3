using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Accounts;

/// <summary>Lists and details of who is billed for what. Changes come by provisioning.</summary>
internal static class AccountEndpoints
{
    /// <summary>An account with its contracts.</summary>
    public sealed record AccountDetail(AccountRecord Account, IReadOnlyList<ContractRecord> Contracts);

    /// <summary>A service point with who is supplied there, and when.</summary>
    public sealed record ServicePointDetail(ServicePointRecord ServicePoint, IReadOnlyList<SupplyRecord> Supplies);

    /// <summary>A service point's supply; instants in UTC.</summary>
    public sealed record SupplyRecord(string Account, string Contract, Instant From, Instant? To);

    public static void MapAccounts(this WebApplication app)
    {
        var api = app.MapReadApi("Accounts");
        api.MapGet("/suppliers", SuppliersAsync).WithSummary("All suppliers.");
        api.MapGet("/accounts", AccountsAsync).WithSummary("Accounts by number, in pages.");
        api.MapGet("/accounts/{account}", AccountAsync).WithSummary("An account with its contracts.").ProducesProblem(404);
        api.MapGet("/service-points", ServicePointsAsync).WithSummary("Service points by id, in pages.");
        api.MapGet("/service-points/{servicePoint}", ServicePointAsync).WithSummary("A service point with its supplies.").ProducesProblem(404);
    }

    private static async Task<Ok<Page<SupplierRecord>>> SuppliersAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        var suppliers = await BillableContracts.SuppliersAsync(database, cancellationToken);
        return TypedResults.Ok(new Page<SupplierRecord>([.. suppliers.Values.OrderBy(s => s.Id, StringComparer.Ordinal)], null));
    }

    private static async Task<Results<Ok<Page<AccountRecord>>, ProblemHttpResult>> AccountsAsync(NpgsqlDataSource database, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.RowsAsync($"SELECT {AccountRows.AccountColumns} FROM account WHERE account_id > $1 ORDER BY account_id LIMIT $2", AccountRows.Account, cancellationToken, paging.After ?? "", paging.Limit + 1);
        return TypedResults.Ok(paging.Page(rows, a => a.Id));
    }

    private static async Task<Results<Ok<AccountDetail>, ProblemHttpResult>> AccountAsync(string account, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await AccountRows.AccountAsync(connection, account, cancellationToken) is not { } found)
        {
            return ApiProblems.NotFound($"there is no account {account}");
        }

        var contracts = await connection.RowsAsync("""
            SELECT c.contract_id, c.account_id, c.tariff_code, c.parameters::text, c.from_date, c.to_date, c.anchor_day, s.service_point_id
            FROM contract c JOIN supply s ON s.account_id = c.account_id AND s.contract_id = c.contract_id
            WHERE c.account_id = $1 ORDER BY c.contract_id
            """,
            row => AccountRows.Contract(row, row.GetString(7)),
            cancellationToken,
            account);
        return TypedResults.Ok(new AccountDetail(found, contracts));
    }

    private static async Task<Results<Ok<Page<ServicePointRecord>>, ProblemHttpResult>> ServicePointsAsync(NpgsqlDataSource database, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.RowsAsync($"SELECT {AccountRows.ServicePointColumns} FROM service_point WHERE service_point_id > $1 ORDER BY service_point_id LIMIT $2",
            AccountRows.ServicePoint, cancellationToken, paging.After ?? "", paging.Limit + 1);
        return TypedResults.Ok(paging.Page(rows, p => p.Id));
    }

    private static async Task<Results<Ok<ServicePointDetail>, ProblemHttpResult>> ServicePointAsync(string servicePoint, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await AccountRows.ServicePointAsync(connection, servicePoint, cancellationToken) is not { } found)
        {
            return ApiProblems.NotFound($"there is no service point {servicePoint}");
        }

        var supplies = await connection.RowsAsync("SELECT account_id, contract_id, lower(valid), upper(valid) FROM supply WHERE service_point_id = $1 ORDER BY valid",
            row => new SupplyRecord(row.GetString(0), row.GetString(1), row.GetFieldValue<Instant>(2), row.IsDBNull(3) ? null : row.GetFieldValue<Instant>(3)),
            cancellationToken,
            servicePoint);
        return TypedResults.Ok(new ServicePointDetail(found, supplies));
    }
}
