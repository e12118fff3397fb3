using System.Text.Json.Nodes;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Accounts;

/// <summary>A contract with whom and where it bills.</summary>
public sealed record BillableContract(ContractRecord Contract, AccountRecord Account, ServicePointRecord ServicePoint);

/// <summary>Contracts to bill, in pages by account and contract.</summary>
public static class BillableContracts
{
    /// <summary>Up to <paramref name="limit"/> contracts that are in force on some day of [from, to), after a key; one account or contract only where named.</summary>
    public static async Task<List<BillableContract>> ReadAsync(
        NpgsqlDataSource database,
        LocalDate from,
        LocalDate to,
        (string Account, string Contract) after,
        int limit,
        string? account,
        string? contract,
        CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            {Contracts}
            WHERE (c.account_id, c.contract_id) > ($1, $2) AND c.from_date < $4 AND (c.to_date IS NULL OR c.to_date > $3)
              AND ($6 IS NULL OR c.account_id = $6) AND ($7 IS NULL OR c.contract_id = $7)
            ORDER BY c.account_id, c.contract_id
            LIMIT $5
            """);
        command.Parameters.Add(new() { Value = after.Account });
        command.Parameters.Add(new() { Value = after.Contract });
        command.Parameters.Add(new() { Value = from });
        command.Parameters.Add(new() { Value = to });
        command.Parameters.Add(new() { Value = limit });
        command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = account, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = contract, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var contracts = new List<BillableContract>();
        while (await row.ReadAsync(cancellationToken))
        {
            contracts.Add(Read(row));
        }

        return contracts;
    }

    /// <summary>All suppliers by id; there are few.</summary>
    public static async Task<Dictionary<string, SupplierRecord>> SuppliersAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.RowsAsync($"SELECT {AccountRows.SupplierColumns} FROM supplier", AccountRows.Supplier, cancellationToken)).ToDictionary(s => s.Id);
    }

    /// <summary>The supplier's id of each account.</summary>
    public static async Task<Dictionary<string, string>> SupplierOfAsync(NpgsqlDataSource database, IReadOnlyCollection<string> accounts, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var pairs = await connection.RowsAsync("SELECT account_id, supplier_id FROM account WHERE account_id = ANY($1)", row => (row.GetString(0), row.GetString(1)), cancellationToken, (object)accounts.ToArray());
        return pairs.ToDictionary(p => p.Item1, p => p.Item2);
    }

    /// <summary>The segment of each account.</summary>
    public static async Task<Dictionary<string, string>> SegmentsAsync(NpgsqlDataSource database, IReadOnlyCollection<string> accounts, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var pairs = await connection.RowsAsync("SELECT account_id, segment FROM account WHERE account_id = ANY($1)", row => (row.GetString(0), row.GetString(1)), cancellationToken, (object)accounts.ToArray());
        return pairs.ToDictionary(p => p.Item1, p => p.Item2);
    }

    /// <summary>The contract that a service point has at an instant, or null.</summary>
    public static async Task<BillableContract?> AtAsync(NpgsqlDataSource database, string servicePoint, Instant at, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"{Contracts} WHERE s.service_point_id = $1 AND s.valid @> $2::timestamptz");
        command.Parameters.Add(new() { Value = servicePoint });
        command.Parameters.Add(new() { Value = at });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? Read(row) : null;
    }

    private const string Contracts =
        """
        SELECT c.contract_id, c.account_id, c.tariff_code, c.parameters::text, c.from_date, c.to_date, c.anchor_day,
               a.account_id, a.supplier_id, a.name, a.street, a.postal_code, a.city, a.country, a.email, a.vat_id, a.buyer_reference, a.segment, a.currency,
               p.service_point_id, p.metering_point, p.zone, p.street, p.postal_code, p.city, p.country
        FROM contract c
        JOIN account a ON a.account_id = c.account_id
        JOIN supply s ON s.account_id = c.account_id AND s.contract_id = c.contract_id
        JOIN service_point p ON p.service_point_id = s.service_point_id
        """;

    private static BillableContract Read(NpgsqlDataReader row) => new(
        new ContractRecord(
            row.GetString(0), row.GetString(1), row.GetString(19), row.GetString(2), JsonNode.Parse(row.GetString(3))!.AsObject(),
            row.GetFieldValue<LocalDate>(4), row.IsDBNull(5) ? null : row.GetFieldValue<LocalDate>(5), row.GetInt16(6)),
        new AccountRecord(
            row.GetString(7), row.GetString(8), row.GetString(9), Address(row, 10), Text(row, 14), Text(row, 15), Text(row, 16), row.GetString(17), row.GetString(18)),
        new ServicePointRecord(row.GetString(19), row.GetString(20), row.GetString(21), Address(row, 22)));

    private static Address Address(NpgsqlDataReader row, int column) =>
        new(row.GetString(column), row.GetString(column + 1), row.GetString(column + 2), row.GetString(column + 3));

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
