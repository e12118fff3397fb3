using NodaTime;

namespace UsageBilling.Protocols;

/// <summary>What was doubtful about a reading when it was taken. Stored: bits never change meaning.</summary>
[Flags]
public enum ReadingQuality : byte
{
    /// <summary>Nothing doubtful.</summary>
    Good = 0,

    /// <summary>The instant was resolved after the fact or the clock was not trusted.</summary>
    ClockUncertain = 1,

    /// <summary>Pulses are known to have been lost before this reading: the register is a lower bound.</summary>
    PulsesLost = 2,

    /// <summary>The meter itself reports a fault.</summary>
    MeterFault = 4,

    /// <summary>The register was set by hand at the gateway (new counter, reset).</summary>
    RegisterSet = 8,
}

/// <summary>
/// A meter's cumulative register at an instant. <see cref="Value"/> × 10^<see cref="Scale"/> is in the OBIS code's base unit
/// (Wh, varh, m³); the value is the raw integer in the meter's own digits, so that rollover is exact.
/// </summary>
/// <param name="Register">Which register.</param>
/// <param name="At">When it was read, to the millisecond.</param>
/// <param name="Value">Raw integer, not negative for real registers.</param>
/// <param name="Scale">Power of ten, −9 to 9.</param>
/// <param name="Quality">What was doubtful.</param>
public readonly record struct Reading(RegisterKey Register, Instant At, long Value, int Scale, ReadingQuality Quality);
