using Npgsql;

namespace UsageBilling.Cloud.Accounts;

/// <summary>Single records, for whoever has a connection.</summary>
public static class AccountLookup
{
    /// <summary>The service point, or null.</summary>
    public static Task<ServicePointRecord?> ServicePointAsync(NpgsqlConnection connection, string id, CancellationToken cancellationToken) =>
        AccountRows.ServicePointAsync(connection, id, cancellationToken);

    /// <summary>The supplier, or null.</summary>
    public static Task<SupplierRecord?> SupplierAsync(NpgsqlConnection connection, string id, CancellationToken cancellationToken) =>
        AccountRows.SupplierAsync(connection, id, cancellationToken);
}
