using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Makes registers and channels known, and changes a register's sampling interval.</summary>
internal static class Registering
{
    private static readonly LocalDate Always = new(1900, 1, 1);

    public static async Task RegisterAsync(NpgsqlDataSource database, RegisterRegistration registration, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await RegisterAsync(connection, registration, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    public static async Task RegisterAsync(NpgsqlConnection connection, RegisterRegistration registration, Instant now, CancellationToken cancellationToken)
    {
        CheckInterval(registration.IntervalMinutes);
        Check(registration.Scale is >= -9 and <= 9, $"register {registration.Key}: scale {registration.Scale} must be between -9 and 9");
        var key = registration.Key;
        var id = key.Id.Value;
        await connection.RunAsync("""
            INSERT INTO register (register_id, manufacturer, serial, obis, scale, registered_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (register_id) DO NOTHING
            """, cancellationToken, id, key.Manufacturer, key.Serial, key.Obis.ToString(), (short)registration.Scale, now);
        await connection.RunAsync("""
            INSERT INTO register_interval (register_id, from_day, interval_minutes) VALUES ($1, $2, $3) ON CONFLICT (register_id, from_day) DO NOTHING
            """, cancellationToken, id, Always, (short)registration.IntervalMinutes);
        var scale = await connection.RowsAsync("SELECT scale FROM register WHERE register_id = $1", r => (int)r.GetInt16(0), cancellationToken, id);
        var intervals = await connection.RowsAsync("SELECT interval_minutes FROM register_interval WHERE register_id = $1", r => (int)r.GetInt16(0), cancellationToken, id);
        Check(scale[0] == registration.Scale, $"register {key} has scale {scale[0]}, not {registration.Scale}; its readings are stored with it, so register another serial number or keep it");
        Check(intervals.Contains(registration.IntervalMinutes), $"register {key} is sampled every {intervals[^1]} minutes, not {registration.IntervalMinutes}; change the interval from a day on instead");
    }

    public static async Task RegisterAsync(NpgsqlDataSource database, ChannelRegistration registration, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await RegisterAsync(connection, registration, now, cancellationToken);
    }

    public static async Task RegisterAsync(NpgsqlConnection connection, ChannelRegistration registration, Instant now, CancellationToken cancellationToken)
    {
        var (key, exponent, zone, feed) = registration;
        Check(exponent is >= -9 and <= 9, $"channel {key}: exponent {exponent} must be between -9 and 9");
        Check(DateTimeZoneProviders.Tzdb.GetZoneOrNull(zone) is not null, $"channel {key}: '{zone}' is not an IANA zone such as Europe/Berlin");
        await connection.RunAsync("""
            INSERT INTO channel (channel_id, point, quantity, direction, unit, exponent, zone, feed, registered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (channel_id) DO NOTHING
            """, cancellationToken, key.Id.Value, key.Point, (short)key.Measurand.Quantity, (short)key.Measurand.Direction, key.Measurand.Unit.Symbol, (short)exponent, zone, (short)feed, now);
        var stored = (await MeasuredLayer.ReadTermsAsync(connection, [key.Id], cancellationToken))[key.Id];
        Check(
            (stored.Exponent, stored.Zone) == (exponent, zone),
            $"channel {key} has exponent {stored.Exponent} and zone {stored.Zone}, not {exponent} and {zone}; intervals and bills stand on them");
        Check(stored.Feed == feed, stored.Feed.Refusal(key, feed));
    }

    public static async Task ChangeIntervalAsync(NpgsqlDataSource database, RegisterKey register, LocalDate fromDay, int intervalMinutes, Instant now, CancellationToken cancellationToken)
    {
        CheckInterval(intervalMinutes);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var known = await RegisterCatalog.LockAsync(connection, [register.Id], cancellationToken);
        Check(known.TryGetValue(register.Id, out var current), $"register {register} is not registered");
        if (current!.Grids.Contains(new GridFrom(fromDay, intervalMinutes)))
        {
            return;
        }

        var read = await connection.RowsAsync(
            "SELECT max(day) FROM register_day WHERE register_id = $1 AND day >= $2 HAVING max(day) IS NOT NULL", r => r.GetFieldValue<LocalDate>(0), cancellationToken, register.Id.Value, fromDay);
        Check(read.Count == 0, $"register {register} has readings until {(read.Count == 0 ? fromDay : read[0]):uuuu-MM-dd}: change the interval from a later UTC day on");
        Check(current.Grids.All(g => g.FromDay < fromDay), $"register {register} already changes its interval on or after {fromDay:uuuu-MM-dd}");
        foreach (var zone in await connection.RowsAsync("""
            SELECT DISTINCT c.zone FROM installation i JOIN channel c ON c.channel_id = i.channel_id WHERE i.register_id = $1
            """, r => r.GetString(0), cancellationToken, register.Id.Value))
        {
            await CheckZoneAsync(connection, zone, intervalMinutes, UtcDay.StartOf(fromDay), now, cancellationToken);
        }

        await connection.RunAsync("INSERT INTO register_interval (register_id, from_day, interval_minutes) VALUES ($1, $2, $3)", cancellationToken, register.Id.Value, fromDay, (short)intervalMinutes);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The interval must divide every offset that the zone has, from then on, or the oldest data kept, to what its rules foresee.</summary>
    public static async Task CheckZoneAsync(NpgsqlConnection connection, string zone, int intervalMinutes, Instant from, Instant now, CancellationToken cancellationToken)
    {
        var problem = ZoneRule.Problem(DateTimeZoneProviders.Tzdb[zone], intervalMinutes, Instant.Max(from, await Retention.FloorAsync(connection, cancellationToken)), Instant.Max(from, now) + Duration.FromDays(366));
        Check(problem is null, problem ?? "");
    }

    public static void Check(bool holds, string problem)
    {
        if (!holds)
        {
            throw new MeteringConfigurationException(problem);
        }
    }

    private static void CheckInterval(int minutes) => Check(minutes is 5 or 10 or 15 or 30 or 60, $"{minutes} minutes: an interval is 5, 10, 15, 30 or 60 minutes");
}
