using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Uplink;

/// <summary>Where the cloud's broker is and how batches travel there.</summary>
public sealed record UplinkOptions
{
    /// <summary>The gateway's name: MQTT client id and topic.</summary>
    public required string Gateway { get; init; }

    /// <summary>Broker's host name.</summary>
    public required string Host { get; init; }

    /// <summary>Broker's port. The default value is 1883; 8883 is usual with TLS.</summary>
    public int Port { get; init; } = 1883;

    /// <summary>Use TLS. The default value is false.</summary>
    public bool Tls { get; init; }

    /// <summary>PEM file with the only certificate authorities to trust; null trusts the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>MQTT user; null means the gateway's name.</summary>
    public string? User { get; init; }

    /// <summary>File with the MQTT password, read anew for each connection; null connects without one.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Most batches sent and not yet acknowledged. The default value is 16.</summary>
    public int Window { get; init; } = 16;

    /// <summary>After this time without an acknowledgement a batch is sent again. The default value is 30 seconds.</summary>
    public TimeSpan ResendAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest wait for the broker to answer a packet. The default value is 20 seconds.</summary>
    public TimeSpan PacketTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>First upper bound of the wait before a reconnection; doubles up to <see cref="ReconnectAtMost"/>. The default value is 1 second.</summary>
    public TimeSpan ReconnectFrom { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Highest upper bound of the wait before a reconnection. The default value is 5 minutes.</summary>
    public TimeSpan ReconnectAtMost { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A session that lasted this long resets the wait. The default value is 1 minute.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often the status document is published at least. The default value is 1 minute.</summary>
    public TimeSpan StatusEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How soon after the last one a status document says that the position changed. The default value is 2 seconds.</summary>
    public TimeSpan StatusSoonest { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The least time between two batches that are not full. The default value is 250 milliseconds: nothing to a meter that is read every
    /// few minutes, and full batches where cycles come faster than that.
    /// </summary>
    public TimeSpan SealEvery { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Most readings in a batch while there is no backlog. The default value is 128.</summary>
    public int LiveReadings { get; init; } = ReadingBatch.MaxLiveReadings;

    /// <summary>Most readings in a batch from a backlog. The default value is 2,000.</summary>
    public int BacklogReadings { get; init; } = ReadingBatch.MaxReadings;

    /// <summary>
    /// Readings a second at which a backlog drains. The default value is 0: as fast as the cloud acknowledges, which the
    /// window bounds already. Set it on metered links.
    /// </summary>
    public int DrainReadingsPerSecond { get; init; }

    /// <summary>The least time between two live batches that overtake a backlog. The default value is 1 second.</summary>
    public TimeSpan LiveInterleave { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Says what is wrong with the options, each with what to do about it.</summary>
    public IEnumerable<string> Problems()
    {
        if (!Name.IsValid(Gateway))
        {
            yield return $"gateway '{Gateway}' must be 1 to {Name.MaxLength} letters, digits, '-', '_' or '.'";
        }

        if (string.IsNullOrWhiteSpace(Host))
        {
            yield return "host is empty: give the broker's name or address";
        }

        if (Port is < 1 or > 65535)
        {
            yield return $"port {Port} is not between 1 and 65535";
        }

        if (CaFile is not null && !Tls)
        {
            yield return "a CA file is given but TLS is off: set tls: true";
        }

        if (CaFile is not null && !File.Exists(CaFile))
        {
            yield return $"CA file {CaFile} does not exist";
        }

        if (Window is < 1 or > 1000)
        {
            yield return $"window {Window} is not between 1 and 1000";
        }

        if (LiveReadings is < 1 or > ReadingBatch.MaxReadings || BacklogReadings is < 1 or > ReadingBatch.MaxReadings)
        {
            yield return $"readings in a batch must be between 1 and {ReadingBatch.MaxReadings}";
        }
    }
}
