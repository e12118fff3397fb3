using NodaTime;

namespace UsageBilling.Cloud.Ingest;

/// <summary>A message on <c>ub/v1/{gateway}/batches</c>, as a broker delivered it.</summary>
/// <param name="Gateway">Whose topic it came on; the broker has checked that the sender is that gateway.</param>
/// <param name="Payload">The bytes of a <c>SignedBatch</c>.</param>
/// <param name="ReceivedAt">When it was delivered.</param>
/// <param name="NamedStream">Stream by the message's user property, for a body that cannot be read.</param>
/// <param name="NamedSequence">Sequence by the message's user property.</param>
/// <param name="SettleAsync">Tells the broker that the message is dealt with (PUBACK); called when its fate is in the database.</param>
internal sealed record IncomingBatch(
    string Gateway,
    byte[] Payload,
    Instant ReceivedAt,
    Guid? NamedStream = null,
    long? NamedSequence = null,
    Func<CancellationToken, Task>? SettleAsync = null);

/// <summary>A batch whose signature holds, ready to be offered to its stream.</summary>
internal sealed record VerifiedBatch
{
    public required IncomingBatch Incoming { get; init; }
    public required StreamKey Stream { get; init; }
    public required Link Link { get; init; }
    public required BatchKind Kind { get; init; }
    public required byte[] Hash { get; init; }
    public required string KeyId { get; init; }
    public required byte[] Signature { get; init; }
    public required byte[] Body { get; init; }
    public Guid? Predecessor { get; init; }
    public int Readings { get; init; }
    public Instant? FirstAt { get; init; }
    public Instant? LastAt { get; init; }
    public Guid[] Registers { get; init; } = [];
    public string? ParkReason { get; init; }
    public string ParkDetail { get; init; } = "";

    /// <summary>The same batch without what the database refused to take of it: its body is journalled, its readings are parked.</summary>
    public VerifiedBatch AsUnstorable(string detail) => this with
    {
        Kind = BatchKind.Unreadable,
        Readings = 0,
        FirstAt = null,
        LastAt = null,
        Registers = [],
        ParkReason = ParkReasons.Unstorable,
        ParkDetail = detail,
    };
}

/// <summary>Names a stream.</summary>
internal readonly record struct StreamKey(string Gateway, Guid Stream);

/// <summary>Why a batch was not offered to its stream, or not taken by it. Stored.</summary>
internal static class RefusalReasons
{
    public const string TooLarge = "too-large";
    public const string Unreadable = "unreadable";
    public const string UnknownGateway = "unknown-gateway";
    public const string ForeignGateway = "foreign-gateway";
    public const string UnknownKey = "unknown-key";
    public const string ClosedKey = "closed-key";
    public const string BadSignature = "bad-signature";
    public const string Forked = "forked";
    public const string StreamClosed = "stream-closed";
    public const string BehindGap = "behind-gap";
    public const string Unstorable = "unstorable";
    public const string TopicNotAllowed = "topic-not-allowed";
}

/// <summary>A batch that was refused: kept bounded per gateway and reason, and counted.</summary>
internal sealed record Refusal(IncomingBatch Incoming, string Gateway, string Reason, string Detail, byte[] Hash, Guid? Stream, long? Sequence)
{
    /// <summary>The name under which senders that are no gateway are kept; it is no valid gateway name.</summary>
    public const string Nobody = "?";
}
