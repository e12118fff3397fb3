using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Imports;

/// <summary>How the source of an import made the values of a stretch.</summary>
/// <param name="Channel">The channel they were delivered to.</param>
/// <param name="From">First instant.</param>
/// <param name="To">First instant after.</param>
/// <param name="StatedAt">When the source said so.</param>
/// <param name="Quality">As delivered.</param>
/// <param name="Method">In the source's words: F14, linear.</param>
/// <param name="Reason">Its reason, or null.</param>
public sealed record ImportedMethod(ChannelId Channel, Instant From, Instant To, Instant StatedAt, IntervalQuality Quality, string Method, string? Reason);

/// <summary>What imports said about how values were made.</summary>
public static class ImportedMethods
{
    /// <summary>What was said about a channel over [from, to), the latest statement last.</summary>
    public static async Task<List<ImportedMethod>> ReadAsync(NpgsqlDataSource database, ChannelId channel, Instant from, Instant to, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "SELECT from_at, to_at, stated_at, quality, method, reason FROM import_method WHERE channel_id = $1 AND from_at < $3 AND to_at > $2 ORDER BY stated_at, from_at");
        command.Parameters.Add(new() { Value = channel.Value });
        command.Parameters.Add(new() { Value = from });
        command.Parameters.Add(new() { Value = to });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<ImportedMethod>();
        while (await row.ReadAsync(cancellationToken))
        {
            list.Add(new ImportedMethod(
                channel, row.GetFieldValue<Instant>(0), row.GetFieldValue<Instant>(1), row.GetFieldValue<Instant>(2), (IntervalQuality)row.GetInt16(3), row.GetString(4), row.IsDBNull(5) ? null : row.GetString(5)));
        }

        return list;
    }

    internal static async Task AddAsync(NpgsqlConnection connection, Guid import, IReadOnlyCollection<ImportedMethod> methods, CancellationToken cancellationToken)
    {
        if (methods.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(
            """
            INSERT INTO import_method (channel_id, from_at, to_at, import_id, stated_at, quality, method, reason)
            SELECT channel_id, from_at, to_at, $1, stated_at, quality, method, reason
            FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::smallint[], $7::text[], $8::text[]) AS m (channel_id, from_at, to_at, stated_at, quality, method, reason)
            ON CONFLICT DO NOTHING
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = import },
                new() { Value = methods.Select(m => m.Channel.Value).ToArray() },
                new() { Value = methods.Select(m => m.From).ToArray() },
                new() { Value = methods.Select(m => m.To).ToArray() },
                new() { Value = methods.Select(m => m.StatedAt).ToArray() },
                new() { Value = methods.Select(m => (short)m.Quality).ToArray() },
                new() { Value = methods.Select(m => m.Method).ToArray() },
                new() { Value = methods.Select(m => m.Reason).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
