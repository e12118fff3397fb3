using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>What rating needs to know of a channel.</summary>
internal readonly record struct ChannelShape(Measurand Measurand, int Exponent, int IntervalMinutes);

/// <summary>A day with the version that a manifest names.</summary>
internal sealed record VersionedDay(LocalDate Day, int Version, IntervalDay Intervals, ImmutableArray<byte> Hash);

/// <summary>Reads current interval days of many channels and puts them together.</summary>
internal static class ProfileReading
{
    public static async Task<ImmutableDictionary<ChannelId, ChannelProfile>> ReadAsync(
        NpgsqlDataSource database, IReadOnlyCollection<ChannelId> channels, Instant from, Instant to, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var ids = channels.Select(c => c.Value).ToArray();
        var shapes = await ReadShapesAsync(connection, ids, from, cancellationToken);
        var days = await connection.RowsAsync("""
            SELECT channel_id, day, version, interval_minutes, quantities, qualities, hash
            FROM interval_day WHERE channel_id = ANY($1) AND day >= $2 AND day <= $3 ORDER BY channel_id, day
            """, r => (Channel: new ChannelId(r.GetGuid(0)), Day: Read(r, 1)), cancellationToken, ids, UtcDay.Of(from), UtcDay.Of(to - Duration.Epsilon));
        var byChannel = days.ToLookup(d => d.Channel, d => d.Day);
        return shapes.ToImmutableDictionary(s => s.Key, s => Assemble(s.Key, s.Value, from, to, [.. byChannel[s.Key]]));
    }

    /// <summary>Measurand, exponent and the interval at an instant, for days that have none of their own.</summary>
    public static async Task<Dictionary<ChannelId, ChannelShape>> ReadShapesAsync(NpgsqlConnection connection, Guid[] channels, Instant at, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync("""
            SELECT c.channel_id, c.quantity, c.direction, c.exponent,
              (SELECT g.interval_minutes FROM installation i JOIN register_interval g ON g.register_id = i.register_id
               WHERE i.channel_id = c.channel_id ORDER BY i.from_at <= $2 DESC, i.from_at DESC, g.from_day DESC LIMIT 1)
            FROM channel c WHERE c.channel_id = ANY($1)
            """, r => (Id: new ChannelId(r.GetGuid(0)), Shape: new ChannelShape(
                new Measurand((Quantity)r.GetInt16(1), (Direction)r.GetInt16(2)), r.GetInt16(3), r.IsDBNull(4) ? 15 : r.GetInt16(4))), cancellationToken, channels, at);
        return rows.ToDictionary(r => r.Id, r => r.Shape);
    }

    /// <summary>Day, version, interval, quantities, qualities and hash from six columns.</summary>
    public static VersionedDay Read(NpgsqlDataReader row, int at) => new(
        row.GetFieldValue<LocalDate>(at),
        row.GetInt32(at + 1),
        IntervalDay.Unpack(row.GetInt16(at + 2), row.GetFieldValue<byte[]>(at + 3), row.GetFieldValue<byte[]>(at + 4)),
        [.. row.GetFieldValue<byte[]>(at + 5)]);

    private static ChannelProfile Assemble(ChannelId channel, ChannelShape shape, Instant from, Instant to, VersionedDay[] days)
    {
        var profile = ProfileAssembly.Assemble(
            shape.Measurand, shape.Exponent, from, to, [.. days.Select(d => KeyValuePair.Create(d.Day, d.Intervals))], shape.IntervalMinutes);
        var known = days.ToDictionary(d => d.Day);
        var missing = IntervalDay.Missing(profile.IntervalMinutes);
        var manifest = ImmutableArray.CreateBuilder<ManifestEntry>();
        for (var date = UtcDay.Of(from); UtcDay.StartOf(date) < to; date = date.PlusDays(1))
        {
            var day = known.GetValueOrDefault(date);
            var intervals = day?.Intervals ?? missing;
            var first = Slot(from, date, intervals);
            var count = Slot(to, date, intervals) - first;
            // A whole day's slice hash is the day's hash.
            var hash = day is not null && count == intervals.Slots ? day.Hash : intervals.HashSlice(first, count);
            manifest.Add(new ManifestEntry(channel, date, first, count, day?.Version ?? 0, hash));
        }

        return new ChannelProfile(channel, profile, manifest.ToImmutable());
    }

    private static int Slot(Instant at, LocalDate day, IntervalDay intervals) =>
        (int)Math.Clamp((at - UtcDay.StartOf(day)).BclCompatibleTicks / (intervals.IntervalMinutes * NodaConstants.TicksPerMinute), 0, intervals.Slots);
}
