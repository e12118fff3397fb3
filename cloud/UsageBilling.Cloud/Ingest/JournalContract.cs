using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Ingest;

/// <summary>A stream with batches that are committed and not yet projected: the batches (<see cref="ProjectedThrough"/>, <see cref="CommittedThrough"/>].</summary>
public sealed record UnprojectedStream(string Gateway, Guid Stream, long ProjectedThrough, long CommittedThrough);

/// <summary>One batch as received: its body, byte for byte.</summary>
public sealed record JournalBatch(string Gateway, Guid Stream, long Sequence, Instant ReceivedAt, byte[] Body);

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
public sealed record ParkedReadings(string Gateway, Guid Stream, long Sequence, string Register, string Reason, string Detail, int Readings, Instant At);

/// <summary>What Metering takes from the journal. Every call runs in the caller's transaction.</summary>
public static class Journal
{
    /// <summary>Locks the rows of up to <paramref name="limit"/> streams that have something to project and that nobody else has locked.</summary>
    public static Task<ImmutableArray<UnprojectedStream>> LockUnprojectedAsync(NpgsqlConnection connection, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{connection}{limit}");

    /// <summary>Batches (ProjectedThrough, CommittedThrough] of the streams in order of stream and sequence, up to <paramref name="limit"/> in all; a stream may come out cut short.</summary>
    public static Task<ImmutableArray<JournalBatch>> ReadUnprojectedAsync(NpgsqlConnection connection, IReadOnlyList<UnprojectedStream> streams, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{connection}{streams}{limit}");

    /// <summary>Moves positions of streams locked before forward.</summary>
    public static Task MoveProjectedAsync(NpgsqlConnection connection, IReadOnlyCollection<(string Gateway, Guid Stream, long Through)> positions, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{connection}{positions}");

    /// <summary>Parks readings.</summary>
    public static Task ParkAsync(NpgsqlConnection connection, IReadOnlyCollection<ParkedReadings> parked, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{connection}{parked}");

    /// <summary>Removes up to <paramref name="limit"/> parked rows of these registers with this reason and returns the batches they name, for another attempt.</summary>
    public static Task<ImmutableArray<JournalBatch>> TakeParkedAsync(
        NpgsqlConnection connection, IReadOnlyCollection<RegisterKey> registers, string reason, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{connection}{registers}{reason}{limit}");

    /// <summary>All batches in which any of these registers occurs, or all there are, in order of stream and sequence; for verification and replay.</summary>
    public static IAsyncEnumerable<JournalBatch> ReadAllAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{connection}");
}
