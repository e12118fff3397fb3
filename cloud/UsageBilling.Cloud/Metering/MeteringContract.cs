using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

// What other slices may use of Metering, beside IntervalStore, RegisterAdministration, IntervalChanges and MeteringVerification.

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
public sealed record ChannelRegistration(ChannelKey Key, int Exponent, string Zone);

/// <summary>A register that begins to feed a channel.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Register">The register; registered before.</param>
/// <param name="From">Any instant. Where another register feeds the channel, it is removed first.</param>
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

/// <summary>The end of an installation.</summary>
/// <param name="Register">The register that stops feeding its channel.</param>
/// <param name="At">Any instant after its installation.</param>
/// <param name="EndRegister">Display at that instant; null: the last reading at or before it.</param>
public sealed record RegisterRemoval(RegisterKey Register, Instant At, long? EndRegister);

/// <summary>A change of metering configuration was refused: what is wrong and what to do.</summary>
public sealed class MeteringConfigurationException(string message) : Exception(message);

/// <summary>
/// A UTC day whose stored intervals changed after the day had ended or after a bill had pinned the version:
/// <see cref="ChangedSlots"/> differ between <see cref="FromVersion"/> and <see cref="ToVersion"/>.
/// </summary>
public sealed record IntervalDayChange(ChannelId Channel, LocalDate Day, int FromVersion, int ToVersion, ImmutableArray<int> ChangedSlots, Instant ChangedAt);

/// <summary>One thing that <see cref="MeteringVerification"/> found different: where, and what.</summary>
public sealed record MeteringDifference(string Kind, string Subject, string Detail);
