using System.Collections.Immutable;
using UsageBilling.Edge.Configuration;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Meters;

/// <summary>What reading a meter brought.</summary>
/// <param name="Readings">Its registers, each with the instant at which it was read.</param>
/// <param name="Watts">Present active power, where the meter has it and people watch.</param>
/// <param name="Events">What is to be told with these readings.</param>
public sealed record MeterRead(ImmutableArray<Reading> Readings, long? Watts, ImmutableArray<EventNote> Events);

/// <summary>A meter gave no readings; the message says why, for people.</summary>
public sealed class MeterException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The serial number of another meter that answers instead; null where that is not the reason.</summary>
    public string? OtherSerial { get; init; }

    /// <summary>The registers that would have been read of the meter that is configured.</summary>
    public ImmutableArray<RegisterKey> Missed { get; init; } = [];
}

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
