using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>A register as registered: its scale, its sampling grid over time, and the channels it feeds.</summary>
internal sealed record KnownRegister(RegisterId Id, RegisterKey Key, int Scale, ImmutableArray<GridFrom> Grids, ImmutableArray<ChannelInstallation> Installations)
{
    /// <summary>The sampling interval on a UTC day.</summary>
    public int IntervalOn(LocalDate day)
    {
        var minutes = Grids[0].IntervalMinutes;
        foreach (var grid in Grids)
        {
            if (grid.FromDay <= day)
            {
                minutes = grid.IntervalMinutes;
            }
        }

        return minutes;
    }
}

/// <summary>A sampling interval from a UTC day on.</summary>
internal readonly record struct GridFrom(LocalDate FromDay, int IntervalMinutes);

/// <summary>An installation with the channel it feeds.</summary>
internal sealed record ChannelInstallation(ChannelId Channel, InstalledRegister Terms);

/// <summary>Reads registers with all that belongs to them, under row locks that put projectors of the same register or channel one after the other.</summary>
internal static class RegisterCatalog
{
    /// <summary>
    /// The registers that are known among these, and every register that shares a channel with one of them. Locks are taken in one order everywhere, first
    /// registers, then channels, so that two projectors wait instead of failing.
    /// </summary>
    public static async Task<Dictionary<RegisterId, KnownRegister>> LockAsync(NpgsqlConnection connection, IEnumerable<RegisterId> registers, CancellationToken cancellationToken)
    {
        // Only what is locked is known: a register that appears after this statement may be installed meanwhile by somebody who sees no reading of it yet.
        var wanted = registers.Select(r => r.Value).Distinct().ToArray();
        var ids = (await connection.RowsAsync(
            "SELECT register_id FROM register WHERE register_id = ANY($1) ORDER BY register_id FOR NO KEY UPDATE", r => r.GetGuid(0), cancellationToken, wanted)).ToArray();
        await connection.RunAsync("""
            SELECT FROM channel WHERE channel_id IN (
              SELECT channel_id FROM installation WHERE register_id = ANY($1)
              UNION ALL SELECT i.channel_id FROM time_of_use_register t JOIN installation i ON i.register_id = t.total_id WHERE t.register_id = ANY($1))
            ORDER BY channel_id FOR NO KEY UPDATE
            """, cancellationToken, ids);
        return await ReadAsync(connection, ids, cancellationToken);
    }

    /// <summary>The same without locks.</summary>
    public static async Task<Dictionary<RegisterId, KnownRegister>> ReadAsync(NpgsqlConnection connection, Guid[] ids, CancellationToken cancellationToken)
    {
        var related = (await connection.RowsAsync("""
            SELECT DISTINCT o.register_id FROM installation i JOIN installation o ON o.channel_id = i.channel_id WHERE i.register_id = ANY($1)
            """, r => r.GetGuid(0), cancellationToken, ids)).Union(ids).ToArray();
        var grids = (await connection.RowsAsync(
            "SELECT register_id, from_day, interval_minutes FROM register_interval WHERE register_id = ANY($1) ORDER BY register_id, from_day",
            r => (Register: r.GetGuid(0), Grid: new GridFrom(r.GetFieldValue<LocalDate>(1), r.GetInt16(2))), cancellationToken, related)).ToLookup(g => g.Register, g => g.Grid);
        var registers = await connection.RowsAsync("SELECT register_id, manufacturer, serial, obis, scale FROM register WHERE register_id = ANY($1)", r => new KnownRegister(
            new RegisterId(r.GetGuid(0)),
            new RegisterKey(r.GetString(1), r.GetString(2), ObisCode.Parse(r.GetString(3))),
            r.GetInt16(4),
            [.. grids[r.GetGuid(0)]],
            []), cancellationToken, related);
        var installations = (await ReadInstallationsAsync(connection, registers, related, cancellationToken)).ToLookup(i => i.Terms.Register);
        return registers.ToDictionary(r => r.Id, r => r with { Installations = [.. installations[r.Id]] });
    }

    private static async Task<List<ChannelInstallation>> ReadInstallationsAsync(
        NpgsqlConnection connection, List<KnownRegister> registers, Guid[] ids, CancellationToken cancellationToken)
    {
        var scales = registers.ToDictionary(r => r.Id.Value, r => r.Scale);
        return await connection.RowsAsync("""
            SELECT i.register_id, i.from_at, i.to_at, i.channel_id, i.start_register, i.end_register, i.digits, i.multiplier_num, i.multiplier_den,
                   i.max_advance_hour, c.exponent,
                   EXISTS (SELECT FROM installation e WHERE e.channel_id = i.channel_id AND e.from_at < i.from_at)
            FROM installation i JOIN channel c ON c.channel_id = i.channel_id
            WHERE i.register_id = ANY($1) ORDER BY i.register_id, i.from_at
            """, r => new ChannelInstallation(new ChannelId(r.GetGuid(3)), new InstalledRegister(
                new RegisterId(r.GetGuid(0)),
                r.GetFieldValue<Instant>(1),
                r.IsDBNull(2) ? null : r.GetFieldValue<Instant>(2),
                r.IsDBNull(4) ? null : r.GetInt64(4),
                r.IsDBNull(5) ? null : r.GetInt64(5),
                r.GetInt16(6),
                new Fraction(r.GetInt64(7), r.GetInt64(8)).TimesPowerOfTen(scales[r.GetGuid(0)] - r.GetInt16(10)),
                r.IsDBNull(9) ? null : r.GetInt64(9),
                r.GetBoolean(11))), cancellationToken, ids);
    }
}
