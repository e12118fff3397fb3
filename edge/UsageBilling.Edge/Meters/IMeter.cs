using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Edge.Configuration;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Meters;

/// <summary>What reading a meter brought.</summary>
/// <param name="Readings">Its registers, each with the instant at which it was read.</param>
/// <param name="Watts">Present active power, where the meter has it.</param>
/// <param name="Events">What is to be told with these readings.</param>
public sealed record MeterRead(ImmutableArray<Reading> Readings, long? Watts, ImmutableArray<EventNote> Events);

/// <summary>A meter gave no readings; the message says why, for people.</summary>
public sealed class MeterException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A meter of the site. Used by one reader at a time.</summary>
public interface IMeter
{
    /// <summary>What the configuration says of it.</summary>
    MeterSettings Settings { get; }

    /// <summary>Reads all registers.</summary>
    /// <param name="forBilling">True at a boundary, when the readings will be stored; false for people who watch.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="MeterException">The meter gave nothing that can be used.</exception>
    ValueTask<MeterRead> ReadAsync(bool forBilling, CancellationToken cancellationToken);

    /// <summary>The readings of the last read are durably stored: what they reported need not be reported again.</summary>
    void Stored();
}

/// <summary>A meter's state, for status and people.</summary>
/// <param name="Id">Its id in the configuration.</param>
/// <param name="State"><c>ok</c>, <c>failing</c>, or <c>new</c> before the first read.</param>
/// <param name="LastReadAt">When it was last read.</param>
/// <param name="Error">Why the last read failed; null when it did not.</param>
public sealed record MeterState(string Id, string State, Instant? LastReadAt, string? Error);
