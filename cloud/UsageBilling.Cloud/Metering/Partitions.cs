using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Metering;

/// <summary>Partitions of metering tables, one a year, from the retention floor to the year after this one.</summary>
internal static class Partitions
{
    /// <summary>Whole years kept before the current one.</summary>
    public const int YearsKept = 6;

    /// <summary>Makes what is missing.</summary>
    public static async Task EnsureAsync(NpgsqlDataSource database, Instant now, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT metering_make_partitions($1, $2)");
        var year = now.InUtc().Year;
        command.Parameters.Add(new NpgsqlParameter { Value = year - YearsKept });
        command.Parameters.Add(new NpgsqlParameter { Value = year + 1 });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
