using LiteDB;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Buffer;

/// <summary>A sealed batch as it is kept and sent, byte for byte.</summary>
/// <param name="Sequence">Position in its stream.</param>
/// <param name="Stream">Its stream.</param>
/// <param name="Body">The bytes that hash and signature cover.</param>
/// <param name="Hash">The hash of the body when it was sealed.</param>
/// <param name="ChainHash">The previous hash of the batch after it: the hash, except for a gap.</param>
/// <param name="KeyId">Key that signed it last.</param>
/// <param name="Signature">The signature.</param>
/// <param name="Readings">How many readings it holds.</param>
public sealed record SealedBatch(
    long Sequence, Guid Stream, byte[] Body, byte[] Hash, byte[] ChainHash, string KeyId, byte[] Signature, int Readings)
{
    /// <summary>False when the body's bytes are no longer those that were sealed.</summary>
    public bool IsIntact => BatchSignature.Hash(Body).AsSpan().SequenceEqual(Hash);

    internal BsonDocument ToDocument(long @base) => new()
    {
        ["_id"] = @base + Sequence,
        ["seq"] = Sequence,
        ["stream"] = Stream,
        ["body"] = Body,
        ["hash"] = Hash,
        ["chain"] = ChainHash,
        ["key"] = KeyId,
        ["sig"] = Signature,
        ["n"] = Readings,
    };

    internal static SealedBatch From(BsonDocument d) => new(
        d["seq"].AsInt64, d["stream"].AsGuid, d["body"].AsBinary, d["hash"].AsBinary, d["chain"].AsBinary, d["key"].AsString, d["sig"].AsBinary, d["n"].AsInt32);

    internal static int SizeOf(BsonDocument d) => BufferFile.SpaceFor(d["body"].AsBinary.Length + 300);
}
