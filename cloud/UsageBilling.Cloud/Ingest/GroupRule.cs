using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Ingest;

/// <summary>
/// Offers a group's batches to their streams, whose rows are locked, and collects what follows. Batches whose sequence is committed are compared
/// with what the journal holds, which is asked for once for the group.
/// </summary>
internal sealed class GroupRule(IReadOnlyDictionary<StreamKey, StreamPosition> positions)
{
    private readonly Dictionary<(StreamKey, long), byte[]> taken = [];
    private readonly List<VerifiedBatch> repeated = [];
    private readonly HashSet<StreamKey> acknowledge = [];

    public GroupOutcome Outcome { get; } = new();

    /// <summary>Batches to look up in the journal before <see cref="Compare"/>.</summary>
    public IReadOnlyList<VerifiedBatch> Repeated => repeated;

    public void Offer(VerifiedBatch batch)
    {
        var position = positions[batch.Stream];
        var receivedAt = batch.Incoming.ReceivedAt;
        switch (position.Take(batch.Link, receivedAt))
        {
            case Ingest.Offer.Committed:
                acknowledge.Add(batch.Stream);
                Journal(batch, position);
                break;
            case Ingest.Offer.Ahead:
                Journal(batch, position);
                break;
            case Ingest.Offer.Duplicate:
                break;
            case Ingest.Offer.Repeated when taken.TryGetValue((batch.Stream, batch.Link.Sequence), out var chainHash):
                Compare(batch, chainHash);
                break;
            case Ingest.Offer.Repeated:
                repeated.Add(batch);
                break;
            case Ingest.Offer.TooFarAhead:
                Outcome.Replies.Add(IngestReply.Because(
                    batch.Stream, Ack.Types.Kind.Resend, position.CommittedThrough + 1, $"sequence {batch.Link.Sequence} is beyond the window", position));
                break;
            case Ingest.Offer.Forked:
                Fork(batch, RefusalReasons.Forked, $"sequence {batch.Link.Sequence} does not belong to the history that is committed through {position.CommittedThrough}");
                break;
            case Ingest.Offer.Closed:
                Fork(batch, RefusalReasons.StreamClosed, $"sequence {batch.Link.Sequence} of a stream that its successor has closed");
                break;
        }
    }

    /// <summary>Decides on a batch whose sequence is committed, given the chain hash that the journal has there; null: it has none.</summary>
    public void Compare(VerifiedBatch batch, byte[]? journalled)
    {
        if (journalled is null)
        {
            // A gap record stands at this place: the gateway had given these readings up, then sent them after all.
            Refuse(batch, RefusalReasons.BehindGap, $"sequence {batch.Link.Sequence} is covered by a gap record");
            acknowledge.Add(batch.Stream);
        }
        else if (journalled.AsSpan().SequenceEqual(batch.Link.ChainHash))
        {
            acknowledge.Add(batch.Stream); // its acknowledgement was lost: say it again
        }
        else
        {
            Fork(batch, RefusalReasons.Forked, $"sequence {batch.Link.Sequence} was committed with other bytes");
        }
    }

    /// <summary>Refuses a batch before any stream is asked.</summary>
    public void Refuse(Refusal refusal)
    {
        Outcome.Refused.Add(refusal);
        if (refusal is { Reason: RefusalReasons.BadSignature or RefusalReasons.ClosedKey or RefusalReasons.UnknownKey, Stream: { } stream, Sequence: { } sequence })
        {
            Outcome.Replies.Add(IngestReply.Because(new StreamKey(refusal.Gateway, stream), Ack.Types.Kind.ReSign, sequence, refusal.Reason));
        }
    }

    /// <summary>Adds what all offers together ask for.</summary>
    public GroupOutcome Finish()
    {
        foreach (var (stream, position) in positions)
        {
            foreach (var link in position.SetAside)
            {
                var reason = $"its previous hash is not that of sequence {link.Sequence - 1}";
                Outcome.SetAside.Add((stream, link, reason));
                Outcome.Replies.Add(IngestReply.Because(stream, Ack.Types.Kind.Forked, link.Sequence, reason, position));
            }
        }

        foreach (var stream in acknowledge)
        {
            if (positions[stream].CommittedThrough > 0)
            {
                Outcome.Replies.Add(IngestReply.Committed(stream, positions[stream]));
            }
        }

        return Outcome;
    }

    private void Journal(VerifiedBatch batch, StreamPosition position)
    {
        taken[(batch.Stream, batch.Link.Sequence)] = batch.Link.ChainHash;
        Outcome.Journalled.Add(batch);
        Outcome.Changed[batch.Stream] = (position, batch.Incoming.ReceivedAt);
        if (batch.ParkReason is { } reason)
        {
            Outcome.Parked.Add(new ParkedReadings(
                batch.Stream.Gateway, batch.Stream.Stream, batch.Link.Sequence, "", reason, batch.ParkDetail, batch.Readings, batch.Incoming.ReceivedAt));
        }

        var predecessor = batch.Predecessor is { } named && named != batch.Stream.Stream ? new StreamKey(batch.Stream.Gateway, named) : default(StreamKey?);
        if (predecessor is { } old && positions.TryGetValue(old, out var closing) && !closing.Closed)
        {
            closing.Close();
            Outcome.Closings.Add((old, batch.Stream.Stream));
        }
    }

    private void Fork(VerifiedBatch batch, string reason, string detail)
    {
        Refuse(batch, reason, detail);
        Outcome.Replies.Add(IngestReply.Because(batch.Stream, Ack.Types.Kind.Forked, batch.Link.Sequence, detail, positions[batch.Stream]));
    }

    private void Refuse(VerifiedBatch batch, string reason, string detail) => Outcome.Refused.Add(
        new Refusal(batch.Incoming, batch.Stream.Gateway, reason, detail, batch.Hash, batch.Stream.Stream, batch.Link.Sequence));
}
