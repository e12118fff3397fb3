using NodaTime;
using Npgsql;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Imports;

/// <summary>What a file says of the meter behind a stretch of a channel.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="From">First instant.</param>
/// <param name="To">First instant after.</param>
/// <param name="Serial">The meter's serial number; empty where the file names none.</param>
/// <param name="Unit">The unit of the file's numbers; empty where it names none.</param>
public sealed record ImportedMeter(ChannelId Channel, Instant From, Instant To, string Serial, string Unit);

/// <summary>A meter's serial number or unit in a file that differs from what an earlier file said of that time, or of the time before it.</summary>
/// <param name="From">First instant that the file says it of.</param>
/// <param name="To">First instant after.</param>
/// <param name="Before">As the earlier file said.</param>
/// <param name="Now">As this file says.</param>
public readonly record struct ImportedChange(Instant From, Instant To, string Before, string Now);

/// <summary>What imports said of meters.</summary>
public static class ImportedMeters
{
    private const int LongestText = 100;

    /// <summary>Serial numbers that changed between imports, of what they say of [from, to). A change that one file itself states is none.</summary>
    public static Task<List<ImportedChange>> ReadSerialChangesAsync(NpgsqlConnection connection, ChannelId channel, Instant from, Instant to, CancellationToken cancellationToken) =>
        ReadChangesAsync(connection, "serial", channel, from, to, cancellationToken);

    /// <summary>The same of units.</summary>
    public static Task<List<ImportedChange>> ReadUnitChangesAsync(NpgsqlConnection connection, ChannelId channel, Instant from, Instant to, CancellationToken cancellationToken) =>
        ReadChangesAsync(connection, "unit", channel, from, to, cancellationToken);

    internal static async Task AddAsync(NpgsqlConnection connection, Guid import, Instant receivedAt, IReadOnlyCollection<ImportedMeter> meters, CancellationToken cancellationToken)
    {
        if (meters.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(
            """
            INSERT INTO import_meter (channel_id, from_at, to_at, import_id, received_at, serial, unit)
            SELECT channel_id, from_at, to_at, $1, $2, serial, unit
            FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[]) AS m (channel_id, from_at, to_at, serial, unit)
            ON CONFLICT DO NOTHING
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = import },
                new() { Value = receivedAt },
                new() { Value = meters.Select(m => m.Channel.Value).ToArray() },
                new() { Value = meters.Select(m => m.From).ToArray() },
                new() { Value = meters.Select(m => m.To).ToArray() },
                new() { Value = meters.Select(m => Storable(m.Serial)).ToArray() },
                new() { Value = meters.Select(m => Storable(m.Unit)).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<List<ImportedChange>> ReadChangesAsync(NpgsqlConnection connection, string what, ChannelId channel, Instant from, Instant to, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT s.from_at, s.to_at, e.{what}, s.{what} FROM import_meter s
            JOIN LATERAL (
              SELECT b.{what}, b.import_id FROM import_meter b
              WHERE b.channel_id = s.channel_id AND b.from_at <= s.from_at AND b.{what} <> ''
                AND CASE WHEN b.import_id = s.import_id THEN b.{what} <> s.{what} ELSE (b.received_at, b.import_id) < (s.received_at, s.import_id) END
              ORDER BY b.from_at DESC, b.import_id = s.import_id DESC, b.received_at DESC, b.import_id DESC LIMIT 1) e ON true
            WHERE s.channel_id = $1 AND s.from_at < $3 AND s.to_at > $2 AND s.{what} <> '' AND upper(s.{what}) <> upper(e.{what}) AND e.import_id <> s.import_id
            ORDER BY s.from_at, s.received_at
            """,
            connection)
        {
            Parameters = { new() { Value = channel.Value }, new() { Value = from }, new() { Value = to } },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var changes = new List<ImportedChange>();
        while (await row.ReadAsync(cancellationToken))
        {
            changes.Add(new ImportedChange(row.GetFieldValue<Instant>(0), row.GetFieldValue<Instant>(1), row.GetString(2), row.GetString(3)));
        }

        return changes;
    }

    internal static string Storable(string text) => string.Concat(text.Take(LongestText).Select(c => char.IsControl(c) ? '\uFFFD' : c));
}
