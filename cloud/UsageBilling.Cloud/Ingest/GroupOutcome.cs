using Google.Protobuf;
using NodaTime;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Ingest;

/// <summary>What the cloud has to say to a gateway about one of its streams.</summary>
internal sealed record IngestReply(string Gateway, Ack Ack)
{
    public static IngestReply Committed(StreamKey key, StreamPosition position) => new(key.Gateway, new Ack
    {
        Stream = BatchCodec.Bytes(key.Stream),
        Kind = Ack.Types.Kind.Committed,
        CommittedThrough = (ulong)position.CommittedThrough,
        Hash = ByteString.CopyFrom(position.LastHash),
    });

    public static IngestReply Because(StreamKey key, Ack.Types.Kind kind, long from, string reason, StreamPosition? position = null) => new(key.Gateway, new Ack
    {
        Stream = BatchCodec.Bytes(key.Stream),
        Kind = kind,
        From = (ulong)from,
        Reason = reason,
        CommittedThrough = (ulong)(position?.CommittedThrough ?? 0),
        Hash = ByteString.CopyFrom(position?.LastHash ?? []),
    });
}

/// <summary>What a group of batches does to the database, and what is said afterwards. Filled by the pure rule, written in one transaction.</summary>
internal sealed class GroupOutcome
{
    public List<VerifiedBatch> Journalled { get; } = [];

    public List<ParkedReadings> Parked { get; } = [];

    public List<(StreamKey Stream, Link Link, string Reason)> SetAside { get; } = [];

    public List<(StreamKey Stream, Guid Successor)> Closings { get; } = [];

    public List<Refusal> Refused { get; } = [];

    public List<IngestReply> Replies { get; } = [];

    /// <summary>Streams whose row changed, with the last time something of theirs was received.</summary>
    public Dictionary<StreamKey, (StreamPosition Position, Instant ReceivedAt)> Changed { get; } = [];
}
