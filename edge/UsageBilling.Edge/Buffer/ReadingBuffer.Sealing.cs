using System.Collections.Immutable;
using LiteDB;
using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Buffer;

/// <summary>How batches are made.</summary>
/// <param name="Sign">Signs a body with the current key.</param>
/// <param name="LiveReadings">Most readings while all that waits fits into one batch.</param>
/// <param name="BacklogReadings">Most readings from a backlog.</param>
public sealed record SealTerms(Func<byte[], SignedBatch> Sign, int LiveReadings = ReadingBatch.MaxLiveReadings, int BacklogReadings = ReadingBatch.MaxReadings);

/// <summary>The send window's room for new batches: the next cycle may be sealed in the transaction that stores it.</summary>
public sealed record LiveRoom(SealTerms Terms, int Batches);

/// <summary>Sealing: what was stored becomes batches, each reading in exactly one, when they enter the send window.</summary>
public sealed partial class ReadingBuffer
{
    private const int MaxEventsInBatch = 512;

    /// <summary>What a time daemon keeps a clock within, and more.</summary>
    private static readonly Duration LeastOffsetTold = Duration.FromSeconds(1);
    private LiveRoom? _liveRoom;

    /// <summary>
    /// Room that the uplink offers to the next cycle, which then costs one fsync instead of two and overtakes a backlog. Taken once;
    /// the uplink offers again.
    /// </summary>
    public void OfferLiveRoom(LiveRoom? room) => Volatile.Write(ref _liveRoom, room);

    /// <summary>Seals the oldest of what waits into the next batch; null when nothing waits or its clock is still to be resolved.</summary>
    public Task<SealedBatch?> SealNext(SealTerms terms, CancellationToken cancellationToken = default) =>
        Run(transaction => SealOldest(transaction, terms), cancellationToken);

    private bool TrySealLive(BufferTransaction transaction, SamplingCycle cycle)
    {
        if (Volatile.Read(ref _liveRoom) is not { } room || !cycle.Stamp.Trusted)
        {
            return false;
        }

        var parts = CycleDocument.Split(cycle).ToList();
        if (parts.Count > room.Batches || parts.Any(p => p.Readings.Count > room.Terms.LiveReadings))
        {
            return false;
        }

        Volatile.Write(ref _liveRoom, null);
        foreach (var part in parts)
        {
            SealBatch(transaction, room.Terms, [.. part.Readings], [.. part.Events], _clock.OffsetAt(cycle.Stamp));
        }

        return true;
    }

    private SealedBatch? SealOldest(BufferTransaction transaction, SealTerms terms)
    {
        var most = transaction.State.UnsealedReadings <= terms.LiveReadings ? terms.LiveReadings : terms.BacklogReadings;
        var taken = new List<BsonDocument>();
        var readings = ImmutableArray.CreateBuilder<Reading>();
        var events = ImmutableArray.CreateBuilder<EventNote>();
        var full = false;
        Duration? offset = null;
        for (long from = 0; !full;)
        {
            var page = transaction.Range(BufferTransaction.Cycles, from, long.MaxValue, 64);
            foreach (var document in page)
            {
                var damaged = !CycleDocument.TryRead(document, out var cycle);
                if (damaged)
                {
                    SetDamagedAside(transaction, document);
                    continue;
                }

                full = readings.Count + cycle.Readings.Count > most || (events.Count > 0 && events.Count + cycle.Events.Count > MaxEventsInBatch)
                    || !TryResolve(transaction, cycle, out cycle)
                    || (taken.Count > 0 && IsAnotherOffset(offset, _clock.OffsetAt(cycle.Stamp)));
                if (full)
                {
                    break;
                }

                offset = taken.Count == 0 ? _clock.OffsetAt(cycle.Stamp) : offset;
                taken.Add(document);
                readings.AddRange(cycle.Readings);
                events.AddRange(cycle.Events);
            }

            full |= page.Count < 64;
            from = page.Count == 0 ? from : page[^1]["_id"].AsInt64 + 1;
        }

        if (taken.Count == 0)
        {
            return null;
        }

        RemoveUnsealed(transaction, taken);
        return SealBatch(transaction, terms, readings.ToImmutable(), events.ToImmutable(), offset);
    }

    /// <summary>A batch carries one offset: the clock was set between cycles that differ, or the machine started anew.</summary>
    private static bool IsAnotherOffset(Duration? first, Duration? next)
    {
        var difference = (first ?? Duration.Zero) - (next ?? Duration.Zero);
        return difference > LeastOffsetTold || difference < -LeastOffsetTold;
    }

    private SealedBatch SealBatch(BufferTransaction transaction, SealTerms terms, ImmutableArray<Reading> readings, ImmutableArray<EventNote> events, Duration? offset)
    {
        var state = transaction.State;
        var sequence = state.SealedThrough + 1;
        var body = BatchCodec.Encode(new ReadingBatch(
            _options.Gateway,
            state.Stream,
            (ulong)sequence,
            [.. state.LastHash],
            sequence == 1 ? state.Predecessor : null,
            _clock.Now,
            [.. readings.OrderBy(r => r.At)],
            null,
            events)
        {
            ClockOffset = offset > LeastOffsetTold || offset < -LeastOffsetTold ? offset : null,
        });
        var batch = Signed(state.Stream, sequence, body, chainHash: null, terms.Sign, readings.Length);
        var document = batch.ToDocument(state.Base);
        transaction.Insert(BufferTransaction.Batches, document);
        transaction.State = state with
        {
            SealedThrough = sequence,
            LastHash = batch.ChainHash,
            ContentBytes = state.ContentBytes + SealedBatch.SizeOf(document),
        };
        DropExpired(transaction);
        return batch;
    }

    private static SealedBatch Signed(Guid stream, long sequence, byte[] body, byte[]? chainHash, Func<byte[], SignedBatch> sign, int readings)
    {
        var hash = BatchSignature.Hash(body);
        var signed = sign(body);
        return new SealedBatch(sequence, stream, body, hash, chainHash ?? hash, signed.KeyId, signed.Signature.ToByteArray(), readings);
    }

    /// <summary>False while the clock of the cycle's boot may still become trusted and patience lasts.</summary>
    private bool TryResolve(BufferTransaction transaction, SamplingCycle cycle, out SamplingCycle resolved)
    {
        resolved = cycle;
        if (cycle.Stamp.Trusted)
        {
            return true;
        }

        long? offset = transaction.Get(BufferTransaction.Boots, cycle.Stamp.Boot) is { } boot ? boot["offset"].AsInt64 : null;
        if (offset is null && cycle.Stamp.Boot == _clock.Boot)
        {
            var now = _clock.Stamp();
            if (now.Trusted)
            {
                RememberBoot(transaction, now);
                offset = now.OffsetMs;
            }
            else if (now.MonotonicMs - cycle.Stamp.MonotonicMs < _options.ClockPatience.TotalMilliseconds)
            {
                return false;
            }
        }

        resolved = CycleDocument.Resolve(cycle, offset);
        return true;
    }

    private void SetDamagedAside(BufferTransaction transaction, BsonDocument document)
    {
        RemoveUnsealed(transaction, [document]);
        transaction.Put(BufferTransaction.Damaged, document);
        var detail = $"stored cycle {document["_id"].AsInt64} with {CycleDocument.ReadingsOf(document)} readings fails its checksum; it is kept apart";
        Log.BufferAlarm(_logger, "cycle-damaged", detail);
        AddUnsealed(transaction, new SamplingCycle(_clock.Stamp() with { Trusted = true }, [], [new EventNote(_clock.Now, "cycle-damaged", null, detail)]));
    }

    private static void RemoveUnsealed(BufferTransaction transaction, List<BsonDocument> documents)
    {
        transaction.Delete(BufferTransaction.Cycles, documents);
        transaction.State = transaction.State with
        {
            UnsealedReadings = transaction.State.UnsealedReadings - documents.Sum(CycleDocument.ReadingsOf),
            ContentBytes = transaction.State.ContentBytes - documents.Sum(d => (long)CycleDocument.SizeOf(d)),
        };
    }
}
