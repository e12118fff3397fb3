using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Accounts;

/// <summary>A service point with who is supplied there (or was, last); account and name are empty where nobody ever was.</summary>
public sealed record Site(ServicePointRecord ServicePoint, string Account, string Name);

/// <summary>Finds accounts and service points by what people remember of them.</summary>
public static class SiteSearch
{
    /// <summary>Service points whose id, metering point, street, account number or customer's name holds the text; all for an empty text, in order of accounts.</summary>
    public static async Task<List<Site>> FindAsync(NpgsqlDataSource database, string text, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.RowsAsync($"""
            SELECT {PointColumns}, coalesce(a.account_id, ''), coalesce(a.name, '')
            FROM service_point p
            LEFT JOIN LATERAL (SELECT account_id FROM supply s WHERE s.service_point_id = p.service_point_id ORDER BY s.valid DESC LIMIT 1) s ON true
            LEFT JOIN account a ON a.account_id = s.account_id
            WHERE $1 = '' OR concat_ws(' ', p.service_point_id, p.metering_point, p.street, a.account_id, a.name) ILIKE '%' || $1 || '%'
            ORDER BY a.account_id, p.service_point_id LIMIT $2
            """,
            Site, cancellationToken, Pattern(text), limit);
    }

    /// <summary>One service point, or null.</summary>
    public static async Task<Site?> FindAsync(NpgsqlDataSource database, string servicePoint, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.RowsAsync($"""
            SELECT {PointColumns}, coalesce(a.account_id, ''), coalesce(a.name, '')
            FROM service_point p
            LEFT JOIN LATERAL (SELECT account_id FROM supply s WHERE s.service_point_id = p.service_point_id ORDER BY s.valid DESC LIMIT 1) s ON true
            LEFT JOIN account a ON a.account_id = s.account_id
            WHERE p.service_point_id = $1
            """,
            Site, cancellationToken, servicePoint)).SingleOrDefault();
    }

    /// <summary>Numbers of up to <paramref name="limit"/> accounts whose number or name holds the text.</summary>
    public static async Task<string[]> AccountsAsync(NpgsqlDataSource database, string text, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.RowsAsync("SELECT account_id FROM account WHERE account_id ILIKE $1 || '%' OR name ILIKE '%' || $1 || '%' ORDER BY account_id LIMIT $2", r => r.GetString(0), cancellationToken, Pattern(text), limit)];
    }

    /// <summary>Names of accounts by number.</summary>
    public static async Task<Dictionary<string, string>> NamesAsync(NpgsqlDataSource database, IEnumerable<string> accounts, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.RowsAsync("SELECT account_id, name FROM account WHERE account_id = ANY($1)", r => (Id: r.GetString(0), Name: r.GetString(1)), cancellationToken, (object)accounts.Distinct().ToArray()))
            .ToDictionary(r => r.Id, r => r.Name);
    }

    private const string PointColumns = "p.service_point_id, p.metering_point, p.zone, p.street, p.postal_code, p.city, p.country";

    // What people type is looked for as it is: % and _ have no meaning.
    private static string Pattern(string text) => text.Trim().Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal);

    private static Site Site(NpgsqlDataReader row) => new(AccountRows.ServicePoint(row), row.GetString(7), row.GetString(8));
}
