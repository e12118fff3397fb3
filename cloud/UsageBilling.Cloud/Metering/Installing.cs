using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Removes and installs registers in one transaction, and recomputes what that changes.</summary>
internal sealed class Installing(Instant now)
{
    public async Task RunAsync(NpgsqlDataSource database, RegisterRemoval? removal, RegisterInstallation? installation, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await RunAsync(connection, removal, installation, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The same in the caller's transaction.</summary>
    public async Task RunAsync(NpgsqlConnection connection, RegisterRemoval? removal, RegisterInstallation? installation, CancellationToken cancellationToken)
    {
        var ids = new[] { removal?.Register.Id, installation?.Register.Id }.OfType<RegisterId>().ToArray();
        await RegisterCatalog.LockAsync(connection, ids, cancellationToken);
        var dirty = new DirtyRegisters();
        if (removal is not null)
        {
            await RemoveAsync(connection, removal, dirty, cancellationToken);
        }

        if (installation is not null)
        {
            await InstallAsync(connection, installation, dirty, cancellationToken);
        }

        var registers = await RegisterCatalog.LockAsync(connection, ids, cancellationToken);
        await new Recomputation(connection, new RegisterDayStore(connection), registers, now).RunAsync(dirty, cancellationToken);
    }

    private async Task RemoveAsync(NpgsqlConnection connection, RegisterRemoval removal, DirtyRegisters dirty, CancellationToken cancellationToken)
    {
        var (register, at, end) = removal;
        var rows = await connection.RowsAsync("""
            SELECT from_at, to_at, end_register, digits FROM installation WHERE register_id = $1 AND from_at < $2 ORDER BY from_at DESC LIMIT 1
            """, r => (From: r.GetFieldValue<Instant>(0), To: r.IsDBNull(1) ? (Instant?)null : r.GetFieldValue<Instant>(1), End: r.IsDBNull(2) ? (long?)null : r.GetInt64(2), Digits: (int)r.GetInt16(3)),
            cancellationToken, register.Id.Value, at);
        Registering.Check(rows.Count == 1, $"register {register} was not installed before {at}");
        var current = rows[0];
        if (current.To == at && current.End == end)
        {
            return;
        }

        Registering.Check(current.To is null, $"register {register}, installed at {current.From}, was already removed at {current.To}");
        CheckDisplay(register, end, current.Digits);
        await connection.RunAsync("UPDATE installation SET to_at = $3, end_register = $4 WHERE register_id = $1 AND from_at = $2", cancellationToken, register.Id.Value, current.From, at, end);
        dirty.AddSpan(register.Id, at, now > at ? now + Duration.FromDays(1) : at);
    }

    private async Task InstallAsync(NpgsqlConnection connection, RegisterInstallation wanted, DirtyRegisters dirty, CancellationToken cancellationToken)
    {
        var register = wanted.Register;
        await CheckAsync(connection, wanted, cancellationToken);
        var same = await connection.RowsAsync("""
            SELECT channel_id, start_register, digits, multiplier_num, multiplier_den, max_advance_hour FROM installation WHERE register_id = $1 AND from_at = $2
            """, r => (new ChannelId(r.GetGuid(0)), r.IsDBNull(1) ? (long?)null : r.GetInt64(1), (int)r.GetInt16(2), new Fraction(r.GetInt64(3), r.GetInt64(4)), r.IsDBNull(5) ? (long?)null : r.GetInt64(5)),
            cancellationToken, register.Id.Value, wanted.From);
        if (same.Count == 1)
        {
            Registering.Check(
                same[0] == (wanted.Channel.Id, wanted.StartRegister, wanted.Digits, wanted.Multiplier, wanted.MaxAdvancePerHour),
                $"register {register} was installed at {wanted.From} on other terms");
            return;
        }

        var inTheWay = await connection.RowsAsync("""
            SELECT r.manufacturer || '/' || r.serial || '/' || r.obis, i.from_at FROM installation i JOIN register r ON r.register_id = i.register_id
            WHERE (i.register_id = $1 OR i.channel_id = $2) AND (i.to_at IS NULL OR i.to_at > $3)
            """, r => $"{r.GetString(0)}, installed at {r.GetFieldValue<Instant>(1)}", cancellationToken, register.Id.Value, wanted.Channel.Id.Value, wanted.From);
        Registering.Check(inTheWay.Count == 0, $"channel {wanted.Channel} or register {register} is taken at {wanted.From}: remove {string.Join(" and ", inTheWay)} first");
        await connection.RunAsync("""
            INSERT INTO installation (register_id, from_at, channel_id, start_register, digits, multiplier_num, multiplier_den, max_advance_hour) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """, cancellationToken, register.Id.Value, wanted.From, wanted.Channel.Id.Value, wanted.StartRegister, (short)wanted.Digits,
            wanted.Multiplier.Numerator, wanted.Multiplier.Denominator, wanted.MaxAdvancePerHour);
        var until = now > wanted.From ? now + Duration.FromDays(1) : wanted.From;
        var floor = await Retention.FloorAsync(connection, cancellationToken);
        dirty.AddSpan(register.Id, wanted.From > floor ? wanted.From : floor, until > floor ? until : floor);

        // The register before it no longer ends the channel.
        foreach (var (id, to) in await connection.RowsAsync("""
            SELECT register_id, to_at FROM installation WHERE channel_id = $1 AND from_at < $2 AND to_at IS NOT NULL ORDER BY from_at DESC LIMIT 1
            """, r => (new RegisterId(r.GetGuid(0)), r.GetFieldValue<Instant>(1)), cancellationToken, wanted.Channel.Id.Value, wanted.From))
        {
            dirty.AddSpan(id, to, to);
        }
    }

    private async Task CheckAsync(NpgsqlConnection connection, RegisterInstallation wanted, CancellationToken cancellationToken)
    {
        Registering.Check(wanted.Digits is >= 1 and <= 18, $"register {wanted.Register}: {wanted.Digits} digits; a display has 1 to 18");
        Registering.Check(wanted.MaxAdvancePerHour is null or > 0, $"register {wanted.Register}: the most counts an hour must be positive");
        CheckDisplay(wanted.Register, wanted.StartRegister, wanted.Digits);
        Registering.Check(
            wanted.Register.Obis.Measurand is not { } measurand || measurand == wanted.Channel.Measurand,
            $"register {wanted.Register} counts {wanted.Register.Obis.Measurand?.Quantity} {wanted.Register.Obis.Measurand?.Direction}, channel {wanted.Channel} carries another");
        var scales = await connection.RowsAsync("SELECT scale FROM register WHERE register_id = $1", r => (int)r.GetInt16(0), cancellationToken, wanted.Register.Id.Value);
        Registering.Check(scales.Count == 1, $"register {wanted.Register} is not registered");
        await TimeOfUseRegisters.CheckFreeAsync(connection, wanted.Register, wanted.From, cancellationToken);
        var channels = await MeasuredLayer.LockAsync(connection, [wanted.Channel.Id], cancellationToken);
        Registering.Check(channels.TryGetValue(wanted.Channel.Id, out var channel), $"channel {wanted.Channel} is not registered");
        Registering.Check(channel!.Feed == ChannelFeed.Registers, channel.Feed.Refusal(wanted.Channel, ChannelFeed.Registers));
        foreach (var interval in await connection.RowsAsync("SELECT interval_minutes FROM register_interval WHERE register_id = $1", r => (int)r.GetInt16(0), cancellationToken, wanted.Register.Id.Value))
        {
            await Registering.CheckZoneAsync(connection, channel.Zone, interval, wanted.From, now, cancellationToken);
        }

        try
        {
            wanted.Multiplier.TimesPowerOfTen(scales[0] - channel.Exponent);
        }
        catch (OverflowException)
        {
            throw new MeteringConfigurationException($"register {wanted.Register}: multiplier {wanted.Multiplier} at scale {scales[0]} does not fit the channel's exponent {channel.Exponent}");
        }
    }

    private static void CheckDisplay(RegisterKey register, long? display, int digits) =>
        Registering.Check(display is null || (display >= 0 && display < InstalledRegister.ModulusOf(digits)), $"register {register}: {display} does not fit a display of {digits} digits");
}
