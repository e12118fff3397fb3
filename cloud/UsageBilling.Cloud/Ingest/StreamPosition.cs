using NodaTime;

namespace UsageBilling.Cloud.Ingest;

/// <summary>A batch as a link of its stream's chain.</summary>
/// <param name="From">First sequence it stands for: its own, or for a gap record the first lost one.</param>
/// <param name="Sequence">Its sequence.</param>
/// <param name="PreviousHash">The chain hash it follows; empty where it cannot say.</param>
/// <param name="ChainHash">The chain hash after it: the body's hash, or for a gap what the gap anchors.</param>
internal readonly record struct Link(long From, long Sequence, byte[] PreviousHash, byte[] ChainHash);

/// <summary>What a stream makes of an offered batch.</summary>
internal enum Offer
{
    /// <summary>It continues the contiguous prefix: journal it, acknowledge.</summary>
    Committed,

    /// <summary>It lies behind a hole: journal it, acknowledge nothing yet.</summary>
    Ahead,

    /// <summary>The same batch waits behind the hole already.</summary>
    Duplicate,

    /// <summary>Its sequence is committed; whether with the same bytes, the journal knows.</summary>
    Repeated,

    /// <summary>It belongs to another history: keep as evidence.</summary>
    Forked,

    /// <summary>It lies too far beyond the hole to be kept: have it sent again.</summary>
    TooFarAhead,

    /// <summary>The stream was closed by its successor.</summary>
    Closed,
}

/// <summary>
/// Where a stream stands, and the rule by which a batch changes that. Pure: whoever holds the stream's row lock offers batches in any order,
/// and any order within the window ends in the same position.
/// </summary>
internal sealed class StreamPosition(long committedThrough, byte[] lastHash, IEnumerable<Link> ahead, Instant? holeSince, bool closed)
{
    /// <summary>How far beyond the contiguous prefix batches are kept.</summary>
    public const int Window = 256;

    private readonly SortedList<long, Link> ahead = new(ahead.ToDictionary(l => l.Sequence));

    /// <summary>The last sequence of the verified contiguous prefix; 0: none.</summary>
    public long CommittedThrough { get; private set; } = committedThrough;

    /// <summary>The chain hash after <see cref="CommittedThrough"/>.</summary>
    public byte[] LastHash { get; private set; } = lastHash;

    /// <summary>Links behind a hole, in order of sequence.</summary>
    public IList<Link> Ahead => ahead.Values;

    /// <summary>Since when the hole before <see cref="Ahead"/> has been open.</summary>
    public Instant? HoleSince { get; private set; } = holeSince;

    /// <summary>True once a successor has replaced the stream.</summary>
    public bool Closed { get; private set; } = closed;

    /// <summary>Links that were taken ahead and then did not follow their predecessor.</summary>
    public List<Link> SetAside { get; } = [];

    /// <summary>Offers a batch received at an instant.</summary>
    public Offer Take(in Link link, Instant receivedAt)
    {
        if (link.Sequence <= CommittedThrough)
        {
            return Offer.Repeated;
        }

        if (Closed)
        {
            return Offer.Closed;
        }

        if (ahead.TryGetValue(link.Sequence, out var known))
        {
            return known.ChainHash.AsSpan().SequenceEqual(link.ChainHash) ? Offer.Duplicate : Offer.Forked;
        }

        if (link.From > CommittedThrough + 1)
        {
            if (link.Sequence > CommittedThrough + Window)
            {
                return Offer.TooFarAhead;
            }

            ahead.Add(link.Sequence, link);
            HoleSince ??= receivedAt;
            return Offer.Ahead;
        }

        if (!Follows(link))
        {
            return Offer.Forked;
        }

        Advance(link);
        CloseHole(receivedAt);
        return Offer.Committed;
    }

    /// <summary>A successor replaces the stream; what waits behind a hole was not acknowledged and comes again in the successor.</summary>
    public void Close() => Closed = true;

    // A gap that begins inside the prefix follows nothing in particular: the gateway lost those batches after they were committed.
    private bool Follows(in Link link) =>
        link.From <= CommittedThrough || link.PreviousHash.Length == 0 || link.PreviousHash.AsSpan().SequenceEqual(LastHash);

    private void Advance(in Link link)
    {
        CommittedThrough = link.Sequence;
        LastHash = link.ChainHash;
    }

    private void CloseHole(Instant at)
    {
        while (ahead.Count > 0 && ahead.Values[0] is var next && next.From <= CommittedThrough + 1)
        {
            ahead.RemoveAt(0);
            if (next.Sequence <= CommittedThrough)
            {
                continue; // a gap record stands for it too
            }

            if (Follows(next))
            {
                Advance(next);
            }
            else
            {
                SetAside.Add(next);
            }
        }

        HoleSince = ahead.Count == 0 ? null : at;
    }
}
