namespace UsageBilling.Edge.Buffer;

/// <summary>How much the buffer may keep and for how long.</summary>
public sealed record BufferOptions
{
    /// <summary>The gateway's name, part of each batch.</summary>
    public required string Gateway { get; init; }

    /// <summary>
    /// Bytes on disk that the buffer may take. The default value is 512 MiB: more than five years of 32 registers every 15 minutes.
    /// When it is reached, the oldest acknowledged batches go first; then unsealed readings are thinned to hourly, then to daily
    /// registers, each time with an event; when even that is not enough, storing fails loudly.
    /// </summary>
    public long MaxBytes { get; init; } = 512L << 20;

    /// <summary>Free bytes that must remain on the file system; below them the buffer behaves as if it were full. The default value is 32 MiB.</summary>
    public long MinFreeBytes { get; init; } = 32L << 20;

    /// <summary>How long acknowledged batches are kept for a cloud that is restored from a backup. The default value is 14 days.</summary>
    public TimeSpan KeepAcknowledged { get; init; } = TimeSpan.FromDays(14);

    /// <summary>
    /// What <see cref="KeepAcknowledged"/> is counted by. The default value is null: the gateway's clock. A simulated site's months pass
    /// in seconds, and what the cloud may ask for again does not age with them.
    /// </summary>
    public TimeProvider? RetentionTime { get; init; }

    /// <summary>
    /// How long readings wait for the clock to become trusted before they are sealed with doubtful instants. The default value is 15 minutes.
    /// </summary>
    public TimeSpan ClockPatience { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>The host the stream is bound to; null (the default) reads it from the machine.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>Take the stored stream as it is, whatever machine this is: for looking into a buffer, never for running one. The default value is false.</summary>
    public bool AdoptFingerprint { get; init; }
}
