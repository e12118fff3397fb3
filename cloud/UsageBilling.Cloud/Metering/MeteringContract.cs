using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

// Everything that other slices may use of Metering.

/// <summary>
/// What a bill used of one channel on one UTC day. <see cref="Version"/> 0 says that the day had no row: every slot missing.
/// <see cref="SliceHash"/> is <see cref="IntervalDay.HashSlice(int, int)"/> over the slots [FirstSlot, FirstSlot + SlotCount).
/// </summary>
public sealed record ManifestEntry(ChannelId Channel, LocalDate Day, int FirstSlot, int SlotCount, int Version, ImmutableArray<byte> SliceHash)
{
    /// <summary>The hash as lower-case hexadecimal digits, for canonical JSON.</summary>
    public string SliceHashHex => Convert.ToHexStringLower(SliceHash.AsSpan());
}

/// <summary>The intervals of a channel over a span, and the manifest that reads them again.</summary>
public sealed record ChannelProfile(ChannelId Channel, LoadProfile Profile, ImmutableArray<ManifestEntry> Manifest);

/// <summary>
/// Where a channel stood at an instant: the display of the register then installed, and the channel's total since its first
/// installation. Between two calls, the difference of <see cref="Total"/> is the sum of the channel's measured intervals.
/// </summary>
/// <param name="Register">The register installed at the instant.</param>
/// <param name="At">The instant.</param>
/// <param name="Display">Raw register, in the meter's own digits; for an instant between two reads, the one before.</param>
/// <param name="Scale">Power of ten of the display, in the base unit.</param>
/// <param name="Digits">Digits of the display.</param>
/// <param name="Quality">Measured when the register was read at that instant, interpolated between reads, missing after the last.</param>
/// <param name="Total">Scaled total in the channel's exponent.</param>
public sealed record RegisterStatement(RegisterKey Register, Instant At, long Display, int Scale, int Digits, IntervalQuality Quality, long Total);

/// <summary>A register to know. Readings of registers that nobody registered are parked and replay by themselves afterwards.</summary>
/// <param name="Key">Manufacturer, serial, OBIS.</param>
/// <param name="Scale">Power of ten of one count, in the OBIS code's base unit. A reading of another scale is converted when that is exact, otherwise parked.</param>
/// <param name="IntervalMinutes">Sampling interval: 5, 10, 15, 30 or 60.</param>
public sealed record RegisterRegistration(RegisterKey Key, int Scale, int IntervalMinutes);

/// <summary>A channel to know.</summary>
/// <param name="Key">Point and measurand.</param>
/// <param name="Exponent">Power of ten of one stored unit, in the base unit (0 for Wh, −3 for litres of water).</param>
/// <param name="Zone">IANA zone of the service point; the interval must divide every offset that it has.</param>
/// <param name="Feed">Where its quantities come from; fixed for ever. A virtual channel is registered with its formula instead.</param>
public sealed record ChannelRegistration(ChannelKey Key, int Exponent, string Zone, ChannelFeed Feed = ChannelFeed.Registers);

/// <summary>A register that begins to feed a channel.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Register">The register; registered before.</param>
/// <param name="From">Any instant. Where another register feeds the channel, remove it first, or use <see cref="RegisterAdministration.ExchangeAsync"/>.</param>
/// <param name="StartRegister">Display at <paramref name="From"/>; null: the first reading at or after it.</param>
/// <param name="Digits">Digits of the display, 1 to 18: rollover is modulo 10^digits.</param>
/// <param name="Multiplier">Transformer ratio or pulse value, on top of the scale.</param>
/// <param name="MaxAdvancePerHour">Most counts an hour that a rollover may explain; null: a tenth of the display's range, however long it took.</param>
public sealed record RegisterInstallation(
    ChannelKey Channel,
    RegisterKey Register,
    Instant From,
    long? StartRegister,
    int Digits,
    Fraction Multiplier,
    long? MaxAdvancePerHour = null);

/// <summary>A read that a person or another system brings.</summary>
/// <param name="Register">The register.</param>
/// <param name="At">When the display was read.</param>
/// <param name="Value">Raw integer in the meter's own digits, at the register's scale.</param>
/// <param name="Kind"><c>manual</c>, <c>imported</c> or <c>move-in</c>.</param>
/// <param name="Source">Where it comes from, for people.</param>
public sealed record RegisterReadEntry(RegisterKey Register, Instant At, long Value, string Kind, string Source);

/// <summary>The end of an installation.</summary>
/// <param name="Register">The register that stops feeding its channel.</param>
/// <param name="At">Any instant after its installation.</param>
/// <param name="EndRegister">Display at that instant; null: the last reading at or before it.</param>
public sealed record RegisterRemoval(RegisterKey Register, Instant At, long? EndRegister);

/// <summary>A change of metering configuration was refused: what is wrong and what to do.</summary>
public sealed class MeteringConfigurationException(string message) : Exception(message);

/// <summary>
/// A UTC day that a bill has pinned (<see cref="IntervalStore.PinAsync"/>) changed: <see cref="ChangedSlots"/> differ between
/// <see cref="FromVersion"/> and <see cref="ToVersion"/>. A bill is touched when a changed slot lies in the slot range that its manifest names for
/// the channel and day, and the manifest's version is older than <see cref="ToVersion"/>.
/// </summary>
public sealed record IntervalDayChange(ChannelId Channel, LocalDate Day, int FromVersion, int ToVersion, ImmutableArray<int> ChangedSlots, Instant ChangedAt);

/// <summary>An interval that a bill used and that is different now. Quantities are in the channel's unit, as decimals.</summary>
public sealed record IntervalDifference(
    Instant From, int Minutes, string Unit, decimal Billed, IntervalQuality BilledQuality, decimal Current, IntervalQuality CurrentQuality)
{
    /// <summary>Now minus billed.</summary>
    public decimal Difference => Current - Billed;
}

/// <summary>One thing that <see cref="MeteringVerification"/> found different: where, and what.</summary>
public sealed record MeteringDifference(string Kind, string Subject, string Detail);

/// <summary>Reads stored intervals for rating, with the manifest that reads exactly the same again.</summary>
public sealed class IntervalStore(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Intervals of channels over [from, to), both on the UTC grid. Unknown channels are not in the result.</summary>
    public Task<ImmutableDictionary<ChannelId, ChannelProfile>> ReadAsync(IReadOnlyCollection<ChannelId> channels, Instant from, Instant to, CancellationToken cancellationToken) =>
        ProfileReading.ReadAsync(database, channels, from, to, cancellationToken);

    /// <summary>The profile of a manifest: the versions it names, from the current rows or from history. One channel, days in order.</summary>
    /// <exception cref="InvalidOperationException">A version is not kept, or its bytes are not those that the manifest's hash names.</exception>
    public Task<LoadProfile> ReadManifestAsync(IReadOnlyList<ManifestEntry> manifest, CancellationToken cancellationToken) =>
        ManifestReading.ReadAsync(database, manifest, cancellationToken);

    /// <summary>Each interval of a manifest that is different now, in order. One channel, days in order; intervals of another length are compared where both begin and end.</summary>
    public Task<ImmutableArray<IntervalDifference>> ReadDifferencesAsync(IReadOnlyList<ManifestEntry> manifest, CancellationToken cancellationToken) =>
        ManifestDifference.ReadAsync(database, manifest, cancellationToken);

    /// <summary>
    /// Keeps the named versions for ever and asks for <see cref="IntervalDayChange"/>s of their days, in the caller's transaction.
    /// False when one was replaced meanwhile and not kept: roll back and read again.
    /// </summary>
    public Task<bool> PinAsync(NpgsqlConnection connection, IReadOnlyCollection<ManifestEntry> manifest, CancellationToken cancellationToken) =>
        ManifestReading.PinAsync(connection, manifest, time.GetCurrentInstant(), cancellationToken);

    /// <summary>Where the channel's register stood at an instant; null where none was installed.</summary>
    public async Task<RegisterStatement?> ReadRegisterAsync(ChannelId channel, Instant at, CancellationToken cancellationToken) =>
        (await ReadRegistersAsync([channel], at, cancellationToken)).GetValueOrDefault(channel);

    /// <summary>The same for many channels; those without a register at the instant are not in the result.</summary>
    public Task<ImmutableDictionary<ChannelId, RegisterStatement>> ReadRegistersAsync(IReadOnlyCollection<ChannelId> channels, Instant at, CancellationToken cancellationToken) =>
        RegisterStatements.ReadAsync(database, channels, at, time.GetCurrentInstant(), cancellationToken);
}

/// <summary>Pinned days that changed: a worklist for whoever pins.</summary>
public static class IntervalChanges
{
    /// <summary>
    /// Takes up to <paramref name="limit"/> changes out of the list in the caller's transaction, oldest first. Concurrent callers get different ones;
    /// when the transaction is rolled back they are in the list again.
    /// </summary>
    public static Task<ImmutableArray<IntervalDayChange>> TakeAsync(NpgsqlConnection connection, int limit, CancellationToken cancellationToken) =>
        ManifestReading.TakeChangesAsync(connection, limit, cancellationToken);
}

/// <summary>
/// Puts registers and channels into service. Every call is idempotent: saying the same twice changes nothing; contradicting what is there
/// throws <see cref="MeteringConfigurationException"/>.
/// </summary>
public sealed class RegisterAdministration(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Registers a register. The projector takes up its parked readings by itself.</summary>
    public Task RegisterAsync(RegisterRegistration registration, CancellationToken cancellationToken) =>
        Registering.RegisterAsync(database, registration, time.GetCurrentInstant(), cancellationToken);

    /// <summary>Registers a channel.</summary>
    public Task RegisterAsync(ChannelRegistration registration, CancellationToken cancellationToken) =>
        Registering.RegisterAsync(database, registration, time.GetCurrentInstant(), cancellationToken);

    /// <summary>Registers a channel in the caller's transaction.</summary>
    public static Task RegisterAsync(NpgsqlConnection connection, ChannelRegistration registration, Instant now, CancellationToken cancellationToken) =>
        Registering.RegisterAsync(connection, registration, now, cancellationToken);

    /// <summary>Registers a register in the caller's transaction.</summary>
    public static Task RegisterAsync(NpgsqlConnection connection, RegisterRegistration registration, Instant now, CancellationToken cancellationToken) =>
        Registering.RegisterAsync(connection, registration, now, cancellationToken);

    /// <summary>Lets a register feed a channel from an instant on, and computes the intervals of what is already there.</summary>
    public Task InstallAsync(RegisterInstallation installation, CancellationToken cancellationToken) =>
        new Installing(time.GetCurrentInstant()).RunAsync(database, null, installation, cancellationToken);

    /// <summary>The same in the caller's transaction.</summary>
    public static Task InstallAsync(NpgsqlConnection connection, RegisterInstallation installation, Instant now, CancellationToken cancellationToken) =>
        new Installing(now).RunAsync(connection, null, installation, cancellationToken);

    /// <summary>Ends an installation and computes the intervals after it anew.</summary>
    public Task RemoveAsync(RegisterRemoval removal, CancellationToken cancellationToken) =>
        new Installing(time.GetCurrentInstant()).RunAsync(database, removal, null, cancellationToken);

    /// <summary>The same in the caller's transaction.</summary>
    public static Task RemoveAsync(NpgsqlConnection connection, RegisterRemoval removal, Instant now, CancellationToken cancellationToken) =>
        new Installing(now).RunAsync(connection, removal, null, cancellationToken);

    /// <summary>
    /// Locks what registers feed, in the order that projectors keep, for a transaction that goes on to put many of them into service: whoever waits for it does not hold what it needs.
    /// </summary>
    public static Task LockAsync(NpgsqlConnection connection, IEnumerable<RegisterKey> registers, CancellationToken cancellationToken) =>
        RegisterCatalog.LockAsync(connection, registers.Select(r => r.Id), cancellationToken);

    /// <summary>Removal of one register and installation of another, in one transaction.</summary>
    public Task ExchangeAsync(RegisterRemoval removal, RegisterInstallation installation, CancellationToken cancellationToken) =>
        new Installing(time.GetCurrentInstant()).RunAsync(database, removal, installation, cancellationToken);

    /// <summary>Puts a time-of-use register into service: a part of a total that feeds a channel.</summary>
    public Task InstallAsync(TimeOfUseInstallation installation, CancellationToken cancellationToken) =>
        TimeOfUseRegisters.InstallAsync(database, installation, time.GetCurrentInstant(), cancellationToken);

    /// <summary>Takes a time-of-use register out of service.</summary>
    public Task RemoveTimeOfUseAsync(RegisterRemoval removal, CancellationToken cancellationToken) =>
        TimeOfUseRegisters.RemoveAsync(database, removal, time.GetCurrentInstant(), cancellationToken);

    /// <summary>Takes a read that did not come from a gateway. False when it was known.</summary>
    public Task<bool> AddReadAsync(RegisterReadEntry entry, string actor, CancellationToken cancellationToken) =>
        new RegisterCorrections(database, time.GetCurrentInstant()).AddAsync(entry, actor, cancellationToken);

    /// <summary>Says what a register really showed at an instant; it supersedes what was read there, which stays. Audited.</summary>
    public Task CorrectReadAsync(RegisterKey register, Instant at, long value, string reason, string actor, CancellationToken cancellationToken) =>
        new RegisterCorrections(database, time.GetCurrentInstant()).CorrectAsync(register, at, value, reason, actor, cancellationToken);

    /// <summary>Corrects the displays noted at the start and end of an installation. Audited.</summary>
    public Task CorrectInstallationAsync(RegisterKey register, Instant installedAt, long? startRegister, long? endRegister, string reason, string actor, CancellationToken cancellationToken) =>
        new RegisterCorrections(database, time.GetCurrentInstant()).CorrectInstallationAsync(register, installedAt, startRegister, endRegister, reason, actor, cancellationToken);

    /// <summary>Samples at another interval from a UTC day on that has no readings yet.</summary>
    public Task ChangeIntervalAsync(RegisterKey register, LocalDate fromDay, int intervalMinutes, CancellationToken cancellationToken) =>
        Registering.ChangeIntervalAsync(database, register, fromDay, intervalMinutes, time.GetCurrentInstant(), cancellationToken);
}

/// <summary>Recomputes register days, segments and intervals from the journal and compares them with what is stored. Reads only.</summary>
public sealed class MeteringVerification(NpgsqlDataSource database)
{
    /// <summary>How much of what the last run compared; what there is none of is not named.</summary>
    public IReadOnlyDictionary<string, int> Compared { get; private set; } = ImmutableDictionary<string, int>.Empty;

    /// <summary>Every difference found: hash chain of each stream, register days, off-grid reads, segments, interval days, conservation. Empty when all is well.</summary>
    public async Task<ImmutableArray<MeteringDifference>> RunAsync(CancellationToken cancellationToken)
    {
        var comparison = new JournalComparison(database);
        var differences = await comparison.RunAsync(cancellationToken);
        Compared = new[] { ("batches", comparison.Batches), ("register days", comparison.RegisterDays), ("days without registers", comparison.DaysWithoutRegisters) }.Where(c => c.Item2 > 0).ToDictionary(c => c.Item1, c => c.Item2);
        return differences;
    }
}
