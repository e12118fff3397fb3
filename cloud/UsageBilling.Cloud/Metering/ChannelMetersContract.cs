using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>A channel of a point with the register that feeds it now.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Exponent">Power of ten of one stored unit, in the base unit.</param>
/// <param name="Register">The register; null where none is installed.</param>
/// <param name="Multiplier">On top of the register's scale.</param>
public sealed record ChannelMeter(ChannelKey Channel, int Exponent, RegisterKey? Register, Fraction Multiplier);

/// <summary>Which channels a point has, and which register feeds each.</summary>
public static class ChannelMeters
{
    /// <summary>The channels of a point by quantity and direction, with what is installed at an instant.</summary>
    public static async Task<List<ChannelMeter>> ReadAsync(NpgsqlDataSource database, string point, Instant at, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.RowsAsync(
            """
            SELECT c.quantity, c.direction, c.exponent, r.manufacturer, r.serial, r.obis, i.multiplier_num, i.multiplier_den
            FROM channel c
            LEFT JOIN installation i ON i.channel_id = c.channel_id AND i.from_at <= $2 AND (i.to_at IS NULL OR i.to_at > $2)
            LEFT JOIN register r ON r.register_id = i.register_id
            WHERE c.point = $1 ORDER BY c.quantity, c.direction
            """,
            r => new ChannelMeter(
                new ChannelKey(point, new Measurand((Quantity)r.GetInt16(0), (Direction)r.GetInt16(1))),
                r.GetInt16(2),
                r.IsDBNull(3) ? null : new RegisterKey(r.GetString(3), r.GetString(4), ObisCode.Parse(r.GetString(5))),
                r.IsDBNull(6) ? new Fraction(1, 1) : new Fraction(r.GetInt64(6), r.GetInt64(7))),
            cancellationToken, point, at);
    }
}
