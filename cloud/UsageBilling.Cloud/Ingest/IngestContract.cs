using NodaTime;

namespace UsageBilling.Cloud.Ingest;

/// <summary>A stream with batches that are committed and not yet projected: the batches (<see cref="ProjectedThrough"/>, <see cref="CommittedThrough"/>].</summary>
public sealed record UnprojectedStream(string Gateway, Guid Stream, long ProjectedThrough, long CommittedThrough);

/// <summary>What a batch in the journal holds. Stored.</summary>
public enum BatchKind : short
{
    /// <summary>Readings.</summary>
    Readings = 0,

    /// <summary>A signed gap: stands for batches that are lost.</summary>
    Gap = 1,

    /// <summary>A signed body that cannot be decoded; Ingest has parked it as a whole, there is nothing to project.</summary>
    Unreadable = 2,
}

/// <summary>One batch as received: its body, byte for byte.</summary>
public sealed record JournalBatch(string Gateway, Guid Stream, long Sequence, Instant ReceivedAt, byte[] Body, BatchKind Kind = BatchKind.Readings);

/// <summary>
/// Readings of one register in one batch that could not be taken, and why. The batch stays in the journal, so the key of the row is all that a replay
/// needs: (gateway, stream, sequence, register, reason) is unique, parking twice changes nothing.
/// </summary>
/// <param name="Gateway">Who sent it.</param>
/// <param name="Stream">Its stream.</param>
/// <param name="Sequence">The batch.</param>
/// <param name="Register">manufacturer/serial/obis; empty when the whole batch is parked.</param>
/// <param name="Reason">A short code: unknown-register, implausible-time, wrong-scale, beyond-display, unprojectable…</param>
/// <param name="Detail">In words, with the values.</param>
/// <param name="Readings">How many.</param>
/// <param name="At">When it was parked.</param>
/// <param name="FirstAt">Instant of the first of them; null when the whole batch is parked.</param>
/// <param name="LastAt">Instant of the last.</param>
public sealed record ParkedReadings(
    string Gateway, Guid Stream, long Sequence, string Register, string Reason, string Detail, int Readings, Instant At, Instant? FirstAt = null, Instant? LastAt = null);

/// <summary>Why Ingest itself parks a batch.</summary>
public static class ParkReasons
{
    /// <summary>The body cannot be decoded.</summary>
    public const string Unparseable = "unparseable";

    /// <summary>The database would not take what the body says; the body is journalled.</summary>
    public const string Unstorable = "unstorable";
}

/// <summary>Wakes whoever projects after a commit of this instance; other instances' commits are found by polling.</summary>
public sealed class CommitSignal : IDisposable
{
    private readonly SemaphoreSlim committed = new(0, 1);

    /// <summary>Something was committed. Signals that nobody took yet are one signal.</summary>
    public void Set()
    {
        try
        {
            committed.Release();
        }
        catch (SemaphoreFullException)
        {
            // The one that waits will see this commit too.
        }
    }

    /// <summary>Waits for a commit, at most for <paramref name="poll"/>.</summary>
    public Task WaitAsync(TimeSpan poll, CancellationToken cancellation) => committed.WaitAsync(poll, cancellation);

    /// <inheritdoc/>
    public void Dispose() => committed.Dispose();
}

/// <summary>Where the embedded broker listens, once it does; null where an external one is used.</summary>
public sealed class EmbeddedBrokerPort
{
    /// <summary>The port without TLS.</summary>
    public int? Value { get; internal set; }
}
