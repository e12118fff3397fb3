using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Reads that people bring or correct, and what that changes, in one transaction with the audit.</summary>
internal sealed class RegisterCorrections(NpgsqlDataSource database, Instant now)
{
    public static readonly string[] Kinds = ["manual", "imported", "move-in"];

    /// <summary>All corrections of registers.</summary>
    public static Task<List<(RegisterId Register, RegisterCorrection Correction)>> ReadAsync(NpgsqlConnection connection, Guid[] registers, CancellationToken cancellationToken) =>
        connection.RowsAsync("SELECT register_id, at, value, corrected_at, correction_id FROM register_correction WHERE register_id = ANY($1)", r =>
            (new RegisterId(r.GetGuid(0)), new RegisterCorrection(r.GetFieldValue<Instant>(1), r.GetInt64(2), r.GetFieldValue<Instant>(3), r.GetGuid(4))), cancellationToken, registers);

    public async Task<bool> AddAsync(RegisterReadEntry entry, string actor, CancellationToken cancellationToken)
    {
        Registering.Check(Kinds.Contains(entry.Kind), $"kind '{entry.Kind}' must be one of {string.Join(", ", Kinds)}");
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var registers = await CheckAsync(connection, entry.Register, entry.At, entry.Value, cancellationToken);
        Registering.Check(
            !registers[entry.Register.Id].Installations.IsEmpty || await TimeOfUseRegisters.IsPartAsync(connection, entry.Register.Id, cancellationToken),
            $"register {entry.Register} feeds no channel, so no interval would count this read: install it first (usage-cloud provision)");
        var store = new RegisterDayStore(connection);
        await store.LoadAsync([(entry.Register.Id, UtcDay.Of(entry.At))], cancellationToken);
        var added = await store.AddReadsAsync([(entry.Register.Id, new RegisterPoint(entry.At, entry.Value, ReadingQuality.Good), entry.Kind, $"{actor}: {entry.Source}")], cancellationToken);
        if (added.Count == 0)
        {
            return false;
        }

        await RecomputeAsync(connection, store, registers, entry.Register.Id, entry.At, cancellationToken);
        await AuditLog.WriteAsync(connection, now, [new AuditEntry(actor, "add read", $"register:{entry.Register}", null, entry)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    public async Task CorrectAsync(RegisterKey register, Instant at, long value, string reason, string actor, CancellationToken cancellationToken)
    {
        Registering.Check(!string.IsNullOrWhiteSpace(reason), "give a reason; it is kept with the correction");
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var registers = await CheckAsync(connection, register, at, value, cancellationToken);
        var before = await ReadAtAsync(connection, register.Id, at, cancellationToken);
        if (before == value)
        {
            return;
        }

        await connection.RunAsync("""
            INSERT INTO register_correction (register_id, at, correction_id, value, actor, reason, corrected_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
            """, cancellationToken, register.Id.Value, at, Guid.CreateVersion7(), value, actor, reason, now);
        await RecomputeAsync(connection, new RegisterDayStore(connection), registers, register.Id, at, cancellationToken);
        await AuditLog.WriteAsync(connection, now, [new AuditEntry(actor, "correct read", $"register:{register}", new { At = at, Value = before }, new { At = at, Value = value }, reason)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    public async Task CorrectInstallationAsync(RegisterKey register, Instant installedAt, long? start, long? end, string reason, string actor, CancellationToken cancellationToken)
    {
        Registering.Check(!string.IsNullOrWhiteSpace(reason), "give a reason; it is kept with the correction");
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var known = await RegisterCatalog.LockAsync(connection, [register.Id], cancellationToken);
        Registering.Check(known.TryGetValue(register.Id, out var found), $"register {register} is not registered");
        var terms = found!.Installations.FirstOrDefault(i => i.Terms.From == installedAt)?.Terms;
        Registering.Check(terms is not null, $"register {register} was not installed at {installedAt}");
        Registering.Check(end is null || terms!.To is not null, $"register {register} is still installed: an end register belongs to a removal");
        Registering.Check((start is null || start < terms!.Modulus) && (end is null || end < terms!.Modulus), $"register {register}: a display of {terms!.Digits} digits shows less than {terms.Modulus}");
        if ((terms.StartRegister, terms.EndRegister) == (start, end))
        {
            return;
        }

        await connection.RunAsync("UPDATE installation SET start_register = $3::bigint, end_register = $4::bigint WHERE register_id = $1 AND from_at = $2", cancellationToken, register.Id.Value, installedAt, start, end);
        var dirty = new DirtyRegisters();
        var floor = await Retention.FloorAsync(connection, cancellationToken);
        var until = terms.To ?? now + Duration.FromDays(1);
        dirty.AddSpan(register.Id, Instant.Max(installedAt, floor), Instant.Max(until, floor));
        var registers = await RegisterCatalog.LockAsync(connection, [register.Id], cancellationToken);
        await new Recomputation(connection, new RegisterDayStore(connection), registers, now).RunAsync(dirty, cancellationToken);
        await AuditLog.WriteAsync(connection, now, [new AuditEntry(
            actor, "correct installation", $"register:{register}", new { terms.StartRegister, terms.EndRegister }, new { StartRegister = start, EndRegister = end }, reason)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private async Task<Dictionary<RegisterId, KnownRegister>> CheckAsync(NpgsqlConnection connection, RegisterKey register, Instant at, long value, CancellationToken cancellationToken)
    {
        var registers = await RegisterCatalog.LockAsync(connection, [register.Id], cancellationToken);
        Registering.Check(registers.TryGetValue(register.Id, out var known), $"register {register} is not registered");
        var floor = await Retention.FloorAsync(connection, cancellationToken);
        Registering.Check(at >= floor && at <= now, $"{at} must lie between {floor}, where what is kept begins, and now");
        Registering.Check(value >= 0, $"{value} is negative: give what the display shows, without decimal point");
        foreach (var terms in known!.Installations.Select(i => i.Terms).Where(t => t.From <= at && !(t.To < at)))
        {
            Registering.Check(value < terms.Modulus, $"register {register}: {value} does not fit its display of {terms.Digits} digits");
        }

        return registers;
    }

    private Task RecomputeAsync(
        NpgsqlConnection connection, RegisterDayStore store, Dictionary<RegisterId, KnownRegister> registers, RegisterId register, Instant at, CancellationToken cancellationToken)
    {
        var dirty = new DirtyRegisters();
        dirty.Add(register, at);
        return new Recomputation(connection, store, registers, now).RunAsync(dirty, cancellationToken);
    }

    private static async Task<long?> ReadAtAsync(NpgsqlConnection connection, RegisterId register, Instant at, CancellationToken cancellationToken)
    {
        var day = UtcDay.Of(at);
        var store = new RegisterDayStore(connection);
        await store.LoadAsync([(register, day)], cancellationToken);
        return store.Points(register, day, day, []).Where(p => p.At == at).Select(p => (long?)p.Value).FirstOrDefault();
    }
}
