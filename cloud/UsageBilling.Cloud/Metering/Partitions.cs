using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Metering;

/// <summary>Partitions of metering tables, one a year, from the retention floor to the year after this one.</summary>
internal static class Partitions
{
    /// <summary>Makes what is missing.</summary>
    public static async Task EnsureAsync(NpgsqlDataSource database, Instant now, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT metering_make_partitions(extract(year FROM floor_day)::integer, $1) FROM retention");
        command.Parameters.Add(new NpgsqlParameter { Value = now.InUtc().Year + 1 });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
