using LiteDB;

namespace UsageBilling.Edge.Buffer;

/// <summary>
/// Where the buffer stands: one document, written with each transaction that changes anything else. An acknowledgement alone is
/// not written (it costs no fsync of its own): after a crash the cloud says again what it has.
/// </summary>
/// <param name="Stream">The open stream.</param>
/// <param name="Base">Batches of this stream have the key <c>Base + sequence</c>; older streams lie below.</param>
/// <param name="Predecessor">The stream that this one replaced.</param>
/// <param name="Fingerprint">The host that the stream is bound to.</param>
/// <param name="SealedThrough">Last sealed sequence; 0 for none.</param>
/// <param name="LastHash">Its chain hash: the next batch's previous hash.</param>
/// <param name="AcknowledgedThrough">Last sequence that the cloud has committed.</param>
/// <param name="AcknowledgedHash">Its chain hash.</param>
/// <param name="NextCycle">Key of the next stored cycle.</param>
/// <param name="UnsealedReadings">Readings not yet in a batch.</param>
/// <param name="ContentBytes">Bytes of documents, roughly.</param>
internal sealed record StreamState(
    Guid Stream,
    long Base,
    Guid? Predecessor,
    string Fingerprint,
    long SealedThrough,
    byte[] LastHash,
    long AcknowledgedThrough,
    byte[] AcknowledgedHash,
    long NextCycle,
    long UnsealedReadings,
    long ContentBytes)
{
    private const int Key = 1;

    public static StreamState New(string fingerprint) => new(Guid.NewGuid(), 0, null, fingerprint, 0, [], 0, [], 1, 0, 0);

    /// <summary>The stream after this one, when the host or the cloud says that this one's history is not ours alone.</summary>
    public StreamState Successor(string fingerprint) => this with
    {
        Stream = Guid.NewGuid(),
        Predecessor = Stream,
        Fingerprint = fingerprint,
        Base = Base + SealedThrough,
        SealedThrough = 0,
        LastHash = [],
        AcknowledgedThrough = 0,
        AcknowledgedHash = [],
    };

    public BsonDocument ToDocument() => new()
    {
        ["_id"] = Key,
        ["stream"] = Stream,
        ["base"] = Base,
        ["predecessor"] = Predecessor is { } p ? p : BsonValue.Null,
        ["host"] = Fingerprint,
        ["sealed"] = SealedThrough,
        ["hash"] = LastHash,
        ["acked"] = AcknowledgedThrough,
        ["ackedHash"] = AcknowledgedHash,
        ["nextCycle"] = NextCycle,
        ["unsealed"] = UnsealedReadings,
        ["bytes"] = ContentBytes,
    };

    public static StreamState From(BsonDocument d) => new(
        d["stream"].AsGuid,
        d["base"].AsInt64,
        d["predecessor"].IsNull ? null : d["predecessor"].AsGuid,
        d["host"].AsString,
        d["sealed"].AsInt64,
        d["hash"].AsBinary,
        d["acked"].AsInt64,
        d["ackedHash"].AsBinary,
        d["nextCycle"].AsInt64,
        d["unsealed"].AsInt64,
        d["bytes"].AsInt64);
}
