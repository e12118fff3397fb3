using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>A time-of-use register of a meter, such as 1-0:1.8.1 beside the total 1-0:1.8.0: it feeds no channel, and the time-of-use registers of a meter sum to its total.</summary>
/// <param name="Register">The register; registered before.</param>
/// <param name="Total">The total that it is a part of; installed at <paramref name="From"/>.</param>
/// <param name="From">As of the meter's installation.</param>
/// <param name="StartRegister">Display at <paramref name="From"/>; null: the first reading at or after it.</param>
/// <param name="Digits">Digits of the display.</param>
/// <param name="Multiplier">On top of the scale.</param>
/// <param name="MaxAdvancePerHour">Most counts an hour that a rollover may explain; null: a tenth of the display's range.</param>
public sealed record TimeOfUseInstallation(RegisterKey Register, RegisterKey Total, Instant From, long? StartRegister, int Digits, Fraction Multiplier, long? MaxAdvancePerHour = null);

/// <summary>Time-of-use registers: put into service with their meter, journalled and kept as any register, and read for the sum check.</summary>
public static class TimeOfUseRegisters
{
    private const int DaysBack = 40;

    /// <summary>Puts a register into service. Saying the same twice changes nothing.</summary>
    /// <exception cref="MeteringConfigurationException">It is unknown, of another measurand, feeds a channel itself, or was installed on other terms.</exception>
    public static async Task InstallAsync(NpgsqlDataSource database, TimeOfUseInstallation wanted, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await InstallAsync(connection, wanted, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The same in the caller's transaction.</summary>
    /// <exception cref="MeteringConfigurationException">As above.</exception>
    public static async Task InstallAsync(NpgsqlConnection connection, TimeOfUseInstallation wanted, Instant now, CancellationToken cancellationToken)
    {
        var registers = await RegisterCatalog.LockAsync(connection, [wanted.Register.Id, wanted.Total.Id], cancellationToken);
        var channel = await CheckAsync(connection, wanted, registers, cancellationToken);
        var same = await connection.RowsAsync("""
            SELECT total_id, start_register, digits, multiplier_num, multiplier_den, max_advance_hour FROM time_of_use_register WHERE register_id = $1 AND from_at = $2
            """, r => (new RegisterId(r.GetGuid(0)), r.IsDBNull(1) ? (long?)null : r.GetInt64(1), (int)r.GetInt16(2), new Fraction(r.GetInt64(3), r.GetInt64(4)), r.IsDBNull(5) ? (long?)null : r.GetInt64(5)),
            cancellationToken, wanted.Register.Id.Value, wanted.From);
        if (same.Count == 1)
        {
            Registering.Check(
                same[0] == (wanted.Total.Id, wanted.StartRegister, wanted.Digits, wanted.Multiplier, wanted.MaxAdvancePerHour), $"register {wanted.Register} was installed at {wanted.From} on other terms");
            return;
        }

        var taken = await connection.RowsAsync("""
            SELECT from_at FROM time_of_use_register WHERE register_id = $1 AND (to_at IS NULL OR to_at > $2)
            """, r => r.GetFieldValue<Instant>(0), cancellationToken, wanted.Register.Id.Value, wanted.From);
        Registering.Check(taken.Count == 0, $"register {wanted.Register} is a time-of-use register since {taken.FirstOrDefault()}: remove it first");
        await connection.RunAsync("""
            INSERT INTO time_of_use_register (register_id, from_at, total_id, start_register, digits, multiplier_num, multiplier_den, max_advance_hour) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """, cancellationToken, wanted.Register.Id.Value, wanted.From, wanted.Total.Id.Value, wanted.StartRegister, (short)wanted.Digits, wanted.Multiplier.Numerator, wanted.Multiplier.Denominator, wanted.MaxAdvancePerHour);
        await AgainAsync(connection, channel, wanted.From, now, cancellationToken);
    }

    /// <summary>Takes a register out of service with its meter. Saying the same twice changes nothing.</summary>
    /// <exception cref="MeteringConfigurationException">It was not in service then, or was removed at another time.</exception>
    public static async Task RemoveAsync(NpgsqlDataSource database, RegisterRemoval removal, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await RemoveAsync(connection, removal, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The same in the caller's transaction.</summary>
    /// <exception cref="MeteringConfigurationException">As above.</exception>
    public static async Task RemoveAsync(NpgsqlConnection connection, RegisterRemoval removal, Instant now, CancellationToken cancellationToken)
    {
        var (register, at, end) = removal;
        var rows = await connection.RowsAsync("""
            SELECT t.from_at, t.to_at, t.end_register, t.digits, i.channel_id FROM time_of_use_register t JOIN installation i ON i.register_id = t.total_id AND i.from_at <= t.from_at
            WHERE t.register_id = $1 AND t.from_at < $2 ORDER BY t.from_at DESC, i.from_at DESC LIMIT 1
            """, r => (From: r.GetFieldValue<Instant>(0), To: r.IsDBNull(1) ? (Instant?)null : r.GetFieldValue<Instant>(1), End: r.IsDBNull(2) ? (long?)null : r.GetInt64(2), Digits: (int)r.GetInt16(3), Channel: new ChannelId(r.GetGuid(4))),
            cancellationToken, register.Id.Value, at);
        Registering.Check(rows.Count == 1, $"time-of-use register {register} was not installed before {at}");
        if (rows[0].To == at && rows[0].End == end)
        {
            return;
        }

        Registering.Check(rows[0].To is null, $"time-of-use register {register}, installed at {rows[0].From}, was already removed at {rows[0].To}");
        Registering.Check(end is null || end < InstalledRegister.ModulusOf(rows[0].Digits), $"register {register}: {end} does not fit a display of {rows[0].Digits} digits");
        await MeasuredLayer.LockAsync(connection, [rows[0].Channel], cancellationToken);
        await connection.RunAsync("UPDATE time_of_use_register SET to_at = $3, end_register = $4::bigint WHERE register_id = $1 AND from_at = $2", cancellationToken, register.Id.Value, rows[0].From, at, end);
        await AgainAsync(connection, rows[0].Channel, at, now, cancellationToken);
    }

    /// <summary>The time-of-use registers behind a channel over UTC days, unwrapped, each with the total that it is a part of.</summary>
    public static async Task<IReadOnlyList<TimeOfUsePart>> ReadAsync(NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, CancellationToken cancellationToken)
    {
        var (earliest, latest) = (first.PlusDays(-1), last.PlusDays(1));
        var (start, end) = (UtcDay.StartOf(earliest), UtcDay.StartOf(latest.PlusDays(1)));
        var installed = await connection.RowsAsync("""
            SELECT DISTINCT t.register_id, t.from_at, t.to_at, t.total_id, t.start_register, t.end_register, t.digits, t.multiplier_num, t.multiplier_den, t.max_advance_hour, r.scale, c.exponent
            FROM installation i JOIN time_of_use_register t ON t.total_id = i.register_id JOIN register r ON r.register_id = t.register_id JOIN channel c ON c.channel_id = i.channel_id
            WHERE i.channel_id = $1 AND t.from_at >= i.from_at AND (i.to_at IS NULL OR t.from_at < i.to_at) AND t.from_at < $3 AND (t.to_at IS NULL OR t.to_at > $2)
            """, r => (Total: new RegisterId(r.GetGuid(3)), Terms: new InstalledRegister(
                new RegisterId(r.GetGuid(0)), r.GetFieldValue<Instant>(1), r.IsDBNull(2) ? null : r.GetFieldValue<Instant>(2), r.IsDBNull(4) ? null : r.GetInt64(4), r.IsDBNull(5) ? null : r.GetInt64(5),
                r.GetInt16(6), new Fraction(r.GetInt64(7), r.GetInt64(8)).TimesPowerOfTen(r.GetInt16(10) - r.GetInt16(11)), r.IsDBNull(9) ? null : r.GetInt64(9), false)),
            cancellationToken, channel.Value, start, end);
        if (installed.Count == 0)
        {
            return [];
        }

        var store = new RegisterDayStore(connection);
        await store.LoadAsync(installed.SelectMany(i => Enumerable.Range(0, Period.DaysBetween(earliest, latest) + 1).Select(d => (i.Terms.Register, earliest.PlusDays(d)))), cancellationToken);

        // Only differences within a day are asked for: where an installation began before these days, the first reading of them will do.
        return [.. installed.Select(i => new TimeOfUsePart(i.Total, RegisterHistory.Derive(
            i.Terms.From >= start ? i.Terms : i.Terms with { StartRegister = null }, store.Points(i.Terms.Register, earliest, latest, []), null, i.Terms.To < end)))];
    }

    /// <summary>Days of totals whose time-of-use registers were read late: they are validated again. The caller holds the locks that <see cref="RegisterCatalog"/> takes.</summary>
    internal static async Task ReadLateAsync(NpgsqlConnection connection, IReadOnlyCollection<DirtyWindow> windows, Instant now, CancellationToken cancellationToken)
    {
        if (windows.Count == 0)
        {
            return;
        }

        await connection.RunAsync("""
            INSERT INTO interval_day_due (channel_id, day, purpose, due_since)
            SELECT DISTINCT i.channel_id, d.day, 'validate', $4::timestamptz
            FROM unnest($1::uuid[], $2::date[], $3::date[]) AS w (register_id, first, last)
            JOIN time_of_use_register t ON t.register_id = w.register_id JOIN installation i ON i.register_id = t.total_id
            JOIN interval_day d ON d.channel_id = i.channel_id AND d.day >= w.first - 1 AND d.day <= w.last
            WHERE d.day < $5
            ON CONFLICT DO NOTHING
            """, cancellationToken, windows.Select(w => w.Register.Value).ToArray(), windows.Select(w => UtcDay.Of(w.First)).ToArray(), windows.Select(w => UtcDay.Of(w.Last)).ToArray(), now, UtcDay.Of(now));
    }

    /// <summary>Whether a register is, or was, a part of a total.</summary>
    internal static async Task<bool> IsPartAsync(NpgsqlConnection connection, RegisterId register, CancellationToken cancellationToken) =>
        (await connection.RowsAsync("SELECT 1 FROM time_of_use_register WHERE register_id = $1 LIMIT 1", r => r.GetInt32(0), cancellationToken, register.Value)).Count > 0;

    /// <summary>Refuses a register that is a part of another's total to feed a channel.</summary>
    internal static async Task CheckFreeAsync(NpgsqlConnection connection, RegisterKey register, Instant from, CancellationToken cancellationToken)
    {
        var parts = await connection.RowsAsync(
            "SELECT from_at FROM time_of_use_register WHERE register_id = $1 AND (to_at IS NULL OR to_at > $2)", r => r.GetFieldValue<Instant>(0), cancellationToken, register.Id.Value, from);
        Registering.Check(parts.Count == 0, $"register {register} is a time-of-use register since {parts.FirstOrDefault()}: what it counts is in its total already");
    }

    private static async Task<ChannelId> CheckAsync(NpgsqlConnection connection, TimeOfUseInstallation wanted, Dictionary<RegisterId, KnownRegister> registers, CancellationToken cancellationToken)
    {
        var register = wanted.Register;
        Registering.Check(registers.TryGetValue(register.Id, out var known), $"register {register} is not registered");
        Registering.Check(registers.TryGetValue(wanted.Total.Id, out var total), $"register {wanted.Total}, of which {register} is a part, is not registered");
        Registering.Check(
            register != wanted.Total && register.Obis.Measurand == wanted.Total.Obis.Measurand,
            $"register {register} is no part of {wanted.Total}: a time-of-use register is another one that counts the same quantity in the same direction");
        Registering.Check(wanted.Digits is >= 1 and <= 18, $"register {register}: {wanted.Digits} digits; a display has 1 to 18");
        Registering.Check(wanted.StartRegister is null || wanted.StartRegister < InstalledRegister.ModulusOf(wanted.Digits), $"register {register}: {wanted.StartRegister} does not fit a display of {wanted.Digits} digits");
        var own = known!.Installations.FirstOrDefault(i => !(i.Terms.To <= wanted.From));
        Registering.Check(own is null, $"register {register} feeds a channel since {own?.Terms.From}: it cannot be a part of {wanted.Total} as well");
        var installed = total!.Installations.FirstOrDefault(i => i.Terms.From <= wanted.From && !(i.Terms.To <= wanted.From));
        Registering.Check(installed is not null, $"register {wanted.Total} feeds no channel at {wanted.From}: install the total first");
        try
        {
            var exponent = (await MeasuredLayer.ReadTermsAsync(connection, [installed!.Channel], cancellationToken))[installed.Channel].Exponent;
            wanted.Multiplier.TimesPowerOfTen(known.Scale - exponent);
        }
        catch (OverflowException)
        {
            throw new MeteringConfigurationException($"register {register}: multiplier {wanted.Multiplier} at scale {known.Scale} does not fit its channel's exponent");
        }

        return installed.Channel;
    }

    private static Task<int> AgainAsync(NpgsqlConnection connection, ChannelId channel, Instant from, Instant now, CancellationToken cancellationToken) =>
        DueDays.ValidateAgainAsync(connection, [channel], LocalDate.Max(UtcDay.Of(from), UtcDay.Of(now).PlusDays(-DaysBack)), UtcDay.Of(now), now, cancellationToken);
}
