using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Validation;

/// <summary>The holidays of the rules in force: days on which people live as on a Sunday.</summary>
public static class Holidays
{
    /// <summary>Reads them.</summary>
    public static async Task<IReadOnlySet<LocalDate>> ReadAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await new RuleSets(database, TimeProvider.System).CurrentAsync(connection, cancellationToken)).Holidays;
    }
}
