using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Accounts;

/// <summary>How much there is.</summary>
public sealed record AccountCount(int Suppliers, int Accounts, int ServicePoints, int Contracts);

/// <summary>Single records, for whoever has a connection.</summary>
public static class AccountLookup
{
    /// <summary>An account, or null.</summary>
    public static Task<AccountRecord?> AccountAsync(NpgsqlConnection connection, string id, CancellationToken cancellationToken) =>
        AccountRows.AccountAsync(connection, id, cancellationToken);

    /// <summary>The service point, or null.</summary>
    public static Task<ServicePointRecord?> ServicePointAsync(NpgsqlConnection connection, string id, CancellationToken cancellationToken) =>
        AccountRows.ServicePointAsync(connection, id, cancellationToken);

    /// <summary>Service points by id; unknown ones are not in the result.</summary>
    public static async Task<Dictionary<string, ServicePointRecord>> ServicePointsAsync(NpgsqlConnection connection, IEnumerable<string> ids, CancellationToken cancellationToken) =>
        (await connection.RowsAsync($"SELECT {AccountRows.ServicePointColumns} FROM service_point WHERE service_point_id = ANY($1)", AccountRows.ServicePoint, cancellationToken, (object)ids.Distinct().ToArray()))
            .ToDictionary(p => p.Id, StringComparer.Ordinal);

    /// <summary>The supplier, or null.</summary>
    public static Task<SupplierRecord?> SupplierAsync(NpgsqlConnection connection, string id, CancellationToken cancellationToken) =>
        AccountRows.SupplierAsync(connection, id, cancellationToken);

    /// <summary>Counts for the overview.</summary>
    public static async Task<AccountCount> CountAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.RowsAsync("""
            SELECT (SELECT count(*) FROM supplier)::integer, (SELECT count(*) FROM account)::integer, (SELECT count(*) FROM service_point)::integer, (SELECT count(*) FROM contract)::integer
            """,
            row => new AccountCount(row.GetInt32(0), row.GetInt32(1), row.GetInt32(2), row.GetInt32(3)),
            cancellationToken)).Single();
    }
}
