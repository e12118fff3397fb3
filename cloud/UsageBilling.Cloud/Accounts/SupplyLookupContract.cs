using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Accounts;

/// <summary>Whether anybody is supplied somewhere.</summary>
public static class SupplyLookup
{
    /// <summary>True where somebody is supplied at the point at some instant of [from, to), and where the point is no service point, so that nobody could be.</summary>
    public static async Task<bool> IsSuppliedAsync(NpgsqlConnection connection, string point, Instant from, Instant to, CancellationToken cancellationToken) =>
        (await connection.RowsAsync("""
            SELECT NOT EXISTS (SELECT FROM service_point WHERE service_point_id = $1)
              OR EXISTS (SELECT FROM supply WHERE service_point_id = $1 AND valid && tstzrange($2, $3))
            """,
            row => row.GetBoolean(0), cancellationToken, point, from, to)).Single();
}
