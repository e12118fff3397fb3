using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Ingest;

/// <summary>What a batch in the journal holds. Stored.</summary>
public enum BatchKind : short
{
    /// <summary>Readings, to be decoded with <c>BatchCodec</c>; decoding succeeds.</summary>
    Readings = 0,

    /// <summary>A signed gap: stands for batches that are lost.</summary>
    Gap = 1,

    /// <summary>A signed body that nobody could read; parked as a whole.</summary>
    Unreadable = 2,
}

/// <summary>A batch as the journal keeps it.</summary>
/// <param name="Gateway">Who sent it.</param>
/// <param name="Stream">Its stream.</param>
/// <param name="Sequence">Its place in the stream.</param>
/// <param name="ReceivedAt">When it was received.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Hash">SHA-256 of the body.</param>
/// <param name="Body">The body as it was signed.</param>
public sealed record JournalledBatch(string Gateway, Guid Stream, long Sequence, Instant ReceivedAt, BatchKind Kind, byte[] Hash, byte[] Body);

/// <summary>
/// The next batches of one stream to project, in order of sequence, with the stream's projection locked until the transaction ends.
/// <see cref="Through"/> is what <see cref="StreamReader.MarkProjectedAsync"/> moves the position to; sequences inside a gap have no batch.
/// </summary>
public sealed record StreamWork(string Gateway, Guid Stream, long ProjectedThrough, long Through, IReadOnlyList<JournalledBatch> Batches);

/// <summary>Part of a batch that is in the journal but could not be taken.</summary>
/// <param name="Gateway">Gateway of the batch.</param>
/// <param name="Stream">Stream of the batch.</param>
/// <param name="Sequence">Sequence of the batch.</param>
/// <param name="Register">The register concerned; null for the batch as a whole.</param>
/// <param name="Reason">One of <see cref="ParkReasons"/>.</param>
/// <param name="Detail">For people.</param>
/// <param name="Readings">How many readings wait.</param>
public sealed record ParkedPart(string Gateway, Guid Stream, long Sequence, RegisterId? Register, string Reason, string Detail, int Readings);

/// <summary>Why something is parked.</summary>
public static class ParkReasons
{
    /// <summary>The body cannot be decoded.</summary>
    public const string Unparseable = "unparseable";

    /// <summary>The database would not take the batch's description; its body is journalled.</summary>
    public const string Unstorable = "unstorable";

    /// <summary>Nobody registered the register yet; taken by itself once somebody does.</summary>
    public const string UnknownRegister = "unknown-register";

    /// <summary>The instant lies outside [retention floor, now + 1 day].</summary>
    public const string ImplausibleTime = "implausible-time";
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
