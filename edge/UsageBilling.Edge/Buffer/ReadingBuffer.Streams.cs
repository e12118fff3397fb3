using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Buffer;

/// <summary>Positions, acknowledgements and everything that answers to a cloud that sees the stream differently.</summary>
public sealed partial class ReadingBuffer
{
    /// <summary>Where the open stream stands after the last commit.</summary>
    public BufferPosition Position
    {
        get
        {
            var s = _state;
            return new BufferPosition(s.Stream, s.Predecessor, s.SealedThrough, s.AcknowledgedThrough, s.AcknowledgedHash, s.UnsealedReadings, s.ContentBytes);
        }
    }

    /// <summary>Kept batches of the open stream from a sequence on, at most so many.</summary>
    public Task<IReadOnlyList<SealedBatch>> Read(long from, int count, CancellationToken cancellationToken = default) => Run<IReadOnlyList<SealedBatch>>(
        t => [.. t.Range(BufferTransaction.Batches, t.State.Base + from, t.State.Base + t.State.SealedThrough, count).Select(SealedBatch.From)], cancellationToken);

    /// <summary>Lowest sequence of the open stream that is kept; 0 when none is.</summary>
    public Task<long> OldestKept(CancellationToken cancellationToken = default) => Run(OldestKept, cancellationToken);

    /// <summary>Counts what the buffer holds.</summary>
    public Task<BufferContents> Inspect(CancellationToken cancellationToken = default) => Run(
        t =>
        {
            var oldest = t.Range(BufferTransaction.Cycles, 0, long.MaxValue, 1).FirstOrDefault();
            var newest = t.Last(BufferTransaction.Cycles, 0, long.MaxValue);
            return new BufferContents(
                Position,
                t.Count(BufferTransaction.Batches),
                OldestKept(t),
                t.Count(BufferTransaction.Cycles),
                oldest is null ? null : CycleDocument.StampOf(oldest).At,
                newest is null ? null : CycleDocument.StampOf(newest).At,
                t.Count(BufferTransaction.Damaged),
                FileBytes,
                IsFull);
        },
        cancellationToken);

    /// <summary>Size of database and log.</summary>
    public long FileBytes => new DirectoryInfo(_folder).EnumerateFiles("readings*.db").Sum(f => f.Length);

    /// <summary>
    /// The cloud has committed a stream through a sequence, with that chain hash. Moves forward only, and only over our own history;
    /// false when it says nothing new or another hash.
    /// </summary>
    public Task<bool> Acknowledge(Guid stream, long through, byte[] hash, CancellationToken cancellationToken = default) => Run(
        t =>
        {
            var s = t.State;
            if (stream != s.Stream || through <= s.AcknowledgedThrough || through > s.SealedThrough || !IsOurs(t, through, hash))
            {
                return false;
            }

            t.State = s with { AcknowledgedThrough = through, AcknowledgedHash = hash };
            return true;
        },
        cancellationToken);

    /// <summary>
    /// The cloud's answer to our position request: takes its position, forwards or backwards, and makes a gap where it is behind what
    /// is kept. False when it names a history that is not ours; the caller then opens a new stream.
    /// </summary>
    public Task<bool> TakePosition(Guid stream, long through, byte[] hash, SealTerms terms, CancellationToken cancellationToken = default) => Run(
        t =>
        {
            var s = t.State;
            if (stream != s.Stream || through > s.SealedThrough || !TryBridge(t, through, hash, terms))
            {
                return false;
            }

            if (through == 0 && s.AcknowledgedThrough > 0)
            {
                ReplayOlderStreams(t);
            }

            if (through < s.AcknowledgedThrough)
            {
                Log.MovedBack(_logger, s.AcknowledgedThrough, through);
                ForgetMarks(t, through);
            }

            t.State = t.State with { AcknowledgedThrough = through, AcknowledgedHash = through == 0 ? [] : hash };
            return true;
        },
        cancellationToken);

    /// <summary>
    /// Signs kept batches from a sequence on anew with the current key: same body, same hash. A body that no longer has its hash is replaced by a gap.
    /// Returns how many were signed anew.
    /// </summary>
    public Task<int> SignAgain(long from, SealTerms terms, CancellationToken cancellationToken = default) => Run(
        t =>
        {
            var count = 0;
            for (var sequence = Math.Max(from, t.State.AcknowledgedThrough + 1); sequence <= t.State.SealedThrough; sequence++)
            {
                if (t.Get(BufferTransaction.Batches, t.State.Base + sequence) is not { } document)
                {
                    continue;
                }

                var batch = SealedBatch.From(document);
                if (!batch.IsIntact)
                {
                    ReplaceDamaged(t, batch, terms.Sign);
                    continue;
                }

                var signed = terms.Sign(batch.Body);
                t.Put(BufferTransaction.Batches, (batch with { KeyId = signed.KeyId, Signature = signed.Signature.ToByteArray() }).ToDocument(t.State.Base));
                count++;
            }

            return count;
        },
        cancellationToken);

    /// <summary>Opens a new stream that names this one; what was not acknowledged is sealed again there.</summary>
    public Task<bool> OpenNewStream(string reason, CancellationToken cancellationToken = default) => Run(
        t =>
        {
            StartStream(t, reason);
            return true;
        },
        cancellationToken);

    /// <summary>True when the cloud's position is in our history, or a gap leads from it to the oldest kept batch.</summary>
    private bool TryBridge(BufferTransaction t, long through, byte[] hash, SealTerms terms)
    {
        var oldest = OldestKept(t) is > 0 and var kept ? kept : t.State.SealedThrough + 1;
        var gap = GapOf(t, oldest);
        if (gap is null && through >= oldest - 1)
        {
            return through == 0 || IsOurs(t, through, hash);
        }

        if (gap is not null && (through >= oldest || (gap.Value.From == through + 1 && gap.Value.Previous.AsSpan().SequenceEqual(hash))))
        {
            return through < oldest || IsOurs(t, through, hash);
        }

        // Behind what is kept (a gap that is the oldest is made anew, wider): the hash there cannot be checked any more.
        var end = gap is null ? oldest - 1 : oldest;
        if (NextPreviousHash(t, end) is null)
        {
            return false;
        }

        PutGap(t, through + 1, end, through == 0 ? [] : hash, "the cloud is behind the oldest kept batch", terms.Sign);
        return true;
    }

    private static (long From, byte[] Previous)? GapOf(BufferTransaction t, long sequence) =>
        t.Get(BufferTransaction.Batches, t.State.Base + sequence) is { } d && BatchCodec.TryDecode(d["body"].AsBinary, out var body, out _) && body.Gap is { } gap
            ? ((long)gap.From, [.. body.PreviousHash])
            : null;

    /// <summary>A cloud that lost this whole stream has lost the end of those before it too: what is kept of them travels again.</summary>
    private void ReplayOlderStreams(BufferTransaction t)
    {
        for (long from = 0; t.Range(BufferTransaction.Batches, from, t.State.Base, 16) is { Count: > 0 } page; from = page[^1]["_id"].AsInt64 + 1)
        {
            foreach (var document in page)
            {
                Unseal(t, SealedBatch.From(document));
            }
        }
    }

    private void StartStream(BufferTransaction t, string reason)
    {
        var old = t.State;
        for (var from = old.AcknowledgedThrough + 1; from <= old.SealedThrough;)
        {
            var page = t.Range(BufferTransaction.Batches, old.Base + from, old.Base + old.SealedThrough, 16);
            foreach (var document in page)
            {
                Unseal(t, SealedBatch.From(document));
            }

            t.Delete(BufferTransaction.Batches, page);
            t.State = t.State with { ContentBytes = t.State.ContentBytes - page.Sum(d => (long)SealedBatch.SizeOf(d)) };
            from = page.Count == 0 ? old.SealedThrough + 1 : page[^1]["seq"].AsInt64 + 1;
        }

        t.State = t.State.Successor(_fingerprint);
        var detail = $"stream {t.State.Stream} replaces {old.Stream} from {old.AcknowledgedThrough + 1} on: {reason}";
        Log.BufferAlarm(_logger, "stream-opened", detail);
        AddUnsealed(t, new SamplingCycle(_clock.Stamp() with { Trusted = true }, [], [new EventNote(_clock.Now, "stream-opened", null, detail)]));
    }

    /// <summary>A batch's readings wait again. They were resolved when they were sealed.</summary>
    private void Unseal(BufferTransaction t, SealedBatch batch)
    {
        var stamp = _clock.Stamp() with { Trusted = true };
        if (batch.IsIntact && BatchCodec.TryDecode(batch.Body, out var body, out _))
        {
            AddUnsealed(t, new SamplingCycle(stamp, body.Readings, body.Events));
            return;
        }

        t.Put(BufferTransaction.Damaged, batch.ToDocument(t.State.Base));
        var detail = $"batch {batch.Sequence} of {batch.Stream} with {batch.Readings} readings fails its hash; it is kept apart";
        AddUnsealed(t, new SamplingCycle(stamp, [], [new EventNote(_clock.Now, "batch-damaged", null, detail)]));
    }

    private void ReplaceDamaged(BufferTransaction t, SealedBatch batch, Func<byte[], SignedBatch> sign)
    {
        t.Put(BufferTransaction.Damaged, batch.ToDocument(t.State.Base));
        var previous = batch.Sequence == 1 ? [] : ChainHash(t, batch.Sequence - 1) ?? t.State.AcknowledgedHash;
        var detail = $"batch {batch.Sequence} with {batch.Readings} readings no longer has its hash";
        PutGap(t, batch.Sequence, batch.Sequence, previous, detail, sign);
        Log.BufferAlarm(_logger, "batch-damaged", detail);
        AddUnsealed(t, new SamplingCycle(_clock.Stamp() with { Trusted = true }, [], [new EventNote(_clock.Now, "batch-damaged", null, detail)]));
    }

    /// <summary>Puts a signed gap over [from, through]; the batch after it keeps its bytes, so the gap names the previous hash that one carries.</summary>
    private void PutGap(BufferTransaction t, long from, long through, byte[] previousHash, string reason, Func<byte[], SignedBatch> sign)
    {
        var s = t.State;
        var old = t.Get(BufferTransaction.Batches, s.Base + through);
        var next = NextPreviousHash(t, through) ?? throw new BufferException($"nothing kept says what follows batch {through}");
        var gap = new SequenceGap((ulong)from, [.. next], reason);
        var body = BatchCodec.Encode(new ReadingBatch(
            _options.Gateway, s.Stream, (ulong)through, [.. previousHash], from == 1 ? s.Predecessor : null, _clock.Now, [], gap, []));
        var document = Signed(s.Stream, through, body, next, sign, readings: 0).ToDocument(s.Base);
        t.Put(BufferTransaction.Batches, document);
        t.State = t.State with { ContentBytes = t.State.ContentBytes + SealedBatch.SizeOf(document) - (old is null ? 0 : SealedBatch.SizeOf(old)) };
        Log.GapMade(_logger, from, through, reason);
    }

    private static byte[]? NextPreviousHash(BufferTransaction t, long sequence) => PreviousHashOf(t, sequence + 1) ?? ChainHash(t, sequence);

    private static byte[]? PreviousHashOf(BufferTransaction t, long sequence) =>
        t.Get(BufferTransaction.Batches, t.State.Base + sequence) is { } d && BatchCodec.TryDecode(d["body"].AsBinary, out var body, out _) && body.PreviousHash.Length == 32
            ? [.. body.PreviousHash]
            : null;

    private static byte[]? ChainHash(BufferTransaction t, long sequence) =>
        sequence == t.State.SealedThrough ? t.State.LastHash
        : t.Get(BufferTransaction.Batches, t.State.Base + sequence) is { } d ? d["chain"].AsBinary
        : PreviousHashOf(t, sequence + 1);

    private static bool IsOurs(BufferTransaction t, long sequence, byte[] hash) =>
        (sequence == t.State.AcknowledgedThrough && t.State.AcknowledgedHash.AsSpan().SequenceEqual(hash))
        || (ChainHash(t, sequence) is { } ours && ours.AsSpan().SequenceEqual(hash));

    private static long OldestKept(BufferTransaction t) =>
        t.Range(BufferTransaction.Batches, t.State.Base + 1, t.State.Base + t.State.SealedThrough, 1).FirstOrDefault() is { } d ? d["seq"].AsInt64 : 0;

    /// <summary>What the cloud has lost again is not acknowledged any more, whatever was marked.</summary>
    private static void ForgetMarks(BufferTransaction t, long through)
    {
        var marks = t.Range(BufferTransaction.AckMarks, 0, long.MaxValue, 64).Where(m => m["through"].AsInt64 > t.State.Base + through).ToList();
        t.Delete(BufferTransaction.AckMarks, marks);
    }
}
