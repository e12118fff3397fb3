using NodaTime;

namespace UsageBilling.Edge.Buffer;

/// <summary>Where the open stream stands.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Predecessor">The stream before it.</param>
/// <param name="SealedThrough">Last sealed sequence, 0 for none.</param>
/// <param name="AcknowledgedThrough">Last sequence the cloud has committed.</param>
/// <param name="AcknowledgedHash">Its chain hash; empty for none.</param>
/// <param name="UnsealedReadings">Readings that wait.</param>
/// <param name="ContentBytes">Bytes of documents.</param>
public sealed record BufferPosition(
    Guid Stream, Guid? Predecessor, long SealedThrough, long AcknowledgedThrough, byte[] AcknowledgedHash, long UnsealedReadings, long ContentBytes);

/// <summary>What the buffer holds, counted.</summary>
/// <param name="Position">Where the stream stands.</param>
/// <param name="KeptBatches">Batches on disk, acknowledged ones included.</param>
/// <param name="OldestKept">Lowest sequence of the open stream on disk, 0 for none.</param>
/// <param name="UnsealedCycles">Cycles that wait.</param>
/// <param name="OldestUnsealed">When the oldest of them was sampled.</param>
/// <param name="NewestUnsealed">When the newest of them was sampled.</param>
/// <param name="DamagedCycles">Cycles kept apart because they fail their checksum.</param>
/// <param name="FileBytes">Size of database and log.</param>
/// <param name="Full">True while storing needs thinning.</param>
public sealed record BufferContents(
    BufferPosition Position,
    long KeptBatches,
    long OldestKept,
    long UnsealedCycles,
    Instant? OldestUnsealed,
    Instant? NewestUnsealed,
    long DamagedCycles,
    long FileBytes,
    bool Full);
