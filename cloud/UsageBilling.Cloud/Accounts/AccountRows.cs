using System.Text.Json.Nodes;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Accounts;

/// <summary>Rows as records. Each shape is read in one place.</summary>
internal static class AccountRows
{
    public const string SupplierColumns =
        "supplier_id, name, street, postal_code, city, country, vat_id, registration, email, phone, iban, bic, zone, currency, invoice_series, payment_days";

    public const string AccountColumns = "account_id, supplier_id, name, street, postal_code, city, country, email, vat_id, buyer_reference, segment, currency";

    public const string ServicePointColumns = "service_point_id, metering_point, zone, street, postal_code, city, country";

    public static async Task<SupplierRecord?> SupplierAsync(NpgsqlConnection connection, string id, CancellationToken cancellationToken) =>
        (await connection.RowsAsync($"SELECT {SupplierColumns} FROM supplier WHERE supplier_id = $1", Supplier, cancellationToken, id)).SingleOrDefault();

    public static async Task<AccountRecord?> AccountAsync(NpgsqlConnection connection, string id, CancellationToken cancellationToken) =>
        (await connection.RowsAsync($"SELECT {AccountColumns} FROM account WHERE account_id = $1", Account, cancellationToken, id)).SingleOrDefault();

    public static async Task<ServicePointRecord?> ServicePointAsync(NpgsqlConnection connection, string id, CancellationToken cancellationToken) =>
        (await connection.RowsAsync($"SELECT {ServicePointColumns} FROM service_point WHERE service_point_id = $1", ServicePoint, cancellationToken, id)).SingleOrDefault();

    public static async Task<ContractRecord?> ContractAsync(NpgsqlConnection connection, string account, string contract, CancellationToken cancellationToken)
    {
        // Two statements: contract is distributed and supply is everywhere; both are within the account.
        var points = await connection.RowsAsync("SELECT service_point_id FROM supply WHERE account_id = $1 AND contract_id = $2", r => r.GetString(0), cancellationToken, account, contract);
        return (await connection.RowsAsync("SELECT contract_id, account_id, tariff_code, parameters::text, from_date, to_date, anchor_day FROM contract WHERE account_id = $1 AND contract_id = $2",
            row => Contract(row, points.Single()),
            cancellationToken,
            account,
            contract)).SingleOrDefault();
    }

    public static SupplierRecord Supplier(NpgsqlDataReader row) => new(
        row.GetString(0), row.GetString(1), Address(row, 2), row.GetString(6), row.TextOrNull(7), row.GetString(8), row.TextOrNull(9), row.GetString(10), row.TextOrNull(11),
        row.GetString(12), row.GetString(13), row.GetString(14), row.GetInt32(15));

    public static AccountRecord Account(NpgsqlDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), Address(row, 3), row.TextOrNull(7), row.TextOrNull(8), row.TextOrNull(9), row.GetString(10), row.GetString(11));

    public static ServicePointRecord ServicePoint(NpgsqlDataReader row) => new(row.GetString(0), row.GetString(1), row.GetString(2), Address(row, 3));

    public static ContractRecord Contract(NpgsqlDataReader row, string servicePoint) => new(
        row.GetString(0), row.GetString(1), servicePoint, row.GetString(2), JsonNode.Parse(row.GetString(3))!.AsObject(),
        row.GetFieldValue<LocalDate>(4), row.IsDBNull(5) ? null : row.GetFieldValue<LocalDate>(5), row.GetInt16(6));

    private static Address Address(NpgsqlDataReader row, int column) =>
        new(row.GetString(column), row.GetString(column + 1), row.GetString(column + 2), row.GetString(column + 3));
}
