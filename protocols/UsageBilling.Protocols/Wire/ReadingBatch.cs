using System.Collections.Immutable;
using NodaTime;

namespace UsageBilling.Protocols.Wire;

/// <summary>A batch as both ends understand it: the decoded <c>BatchBody</c>.</summary>
/// <param name="Gateway">Who sealed it.</param>
/// <param name="Stream">The stream it belongs to.</param>
/// <param name="Sequence">Position in the stream, from 1 without holes.</param>
/// <param name="PreviousHash">SHA-256 of the body before it, 32 bytes; empty for sequence 1.</param>
/// <param name="Predecessor">On sequence 1: the stream that this one replaces.</param>
/// <param name="SealedAt">When it was sealed, by the gateway's clock.</param>
/// <param name="Readings">Readings, grouped by register, each group in order of instants.</param>
/// <param name="Gap">Set when the batch stands for batches that are lost; then there are no readings.</param>
/// <param name="Events">What happened at the gateway.</param>
public sealed record ReadingBatch(
    string Gateway,
    Guid Stream,
    ulong Sequence,
    ImmutableArray<byte> PreviousHash,
    Guid? Predecessor,
    Instant SealedAt,
    ImmutableArray<Reading> Readings,
    SequenceGap? Gap,
    ImmutableArray<EventNote> Events)
{
    /// <summary>The most readings a batch may hold.</summary>
    public const int MaxReadings = 2_000;

    /// <summary>The most readings a batch holds while the gateway is live.</summary>
    public const int MaxLiveReadings = 128;

    /// <summary>
    /// How far the clock that dated the readings was off the cloud's at least, gateway minus cloud; null: less than a second, or not known.
    /// Whole milliseconds.
    /// </summary>
    public Duration? ClockOffset { get; init; }
}

/// <summary>Batches [From, the gap's own sequence] are lost; the next batch names <paramref name="NextPreviousHash"/> as its previous hash.</summary>
public sealed record SequenceGap(ulong From, ImmutableArray<byte> NextPreviousHash, string Reason);

/// <summary>Something that happened at the gateway, for people to read.</summary>
public sealed record EventNote(Instant At, string Kind, RegisterKey? Register, string Detail);
