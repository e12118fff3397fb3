using LiteDB;
using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Buffer;

/// <summary>Limits: what goes when, and that nothing goes unsaid.</summary>
public sealed partial class ReadingBuffer
{
    /// <summary>Share of the file that documents may fill; the rest is LiteDB's pages and indexes.</summary>
    private const double ContentShare = 0.75;

    private const int Page = 128;
    private long _contentCeiling = long.MaxValue;
    private readonly long[] _thinnedThrough = new long[3];

    /// <summary>True from the first thinning until a tenth of the limit is free again: an alarm for the status document.</summary>
    public bool IsFull { get; private set; }

    /// <summary>Makes room for a cycle where needed; returns it with the events that tell of it.</summary>
    private SamplingCycle MakeRoom(BufferTransaction transaction, SamplingCycle cycle)
    {
        var limit = ContentLimit();
        if (transaction.State.ContentBytes < limit)
        {
            IsFull &= transaction.State.ContentBytes > limit - (limit / 10);
            return cycle;
        }

        // A little more than needed, so that not every cycle pays for it.
        var goal = limit - Math.Max(limit / 100, 64 << 10);
        var events = new List<EventNote>(cycle.Events);
        var dropped = DropAcknowledged(transaction, goal, long.MaxValue);
        if (dropped > 0)
        {
            events.Add(new EventNote(_clock.Now, "kept-batches-dropped", null, $"{dropped} acknowledged batches dropped before their time: the buffer is full"));
        }

        for (var level = 1; level <= 2 && transaction.State.ContentBytes > goal; level++)
        {
            IsFull = true;
            if (Thin(transaction, level, goal) is { } thinned)
            {
                Log.BufferAlarm(_logger, thinned.Kind, thinned.Detail);
                events.Add(thinned);
            }
        }

        return transaction.State.ContentBytes < limit ? cycle with { Events = events } : throw new BufferFullException(
            $"the buffer holds {transaction.State.ContentBytes} bytes of {limit}, thinned to daily registers already: raise its limit, free disk space or reconnect the gateway");
    }

    private long ContentLimit()
    {
        var limit = Math.Min(_contentCeiling, (long)(_options.MaxBytes * ContentShare));
        if (new DriveInfo(_folder).AvailableFreeSpace >= _options.MinFreeBytes)
        {
            return limit;
        }

        // The file must not grow; inside it there is room only for what deletions leave.
        return Math.Min(limit, (long)(new FileInfo(Path.Combine(_folder, "readings.db")).Length * ContentShare));
    }

    private static long DropAcknowledged(BufferTransaction transaction, long goalBytes, long through)
    {
        var last = Math.Min(through, transaction.State.Base + transaction.State.AcknowledgedThrough);
        long dropped = 0;
        while (transaction.State.ContentBytes > goalBytes && transaction.Range(BufferTransaction.Batches, 0, last, Page) is { Count: > 0 } page)
        {
            transaction.Delete(BufferTransaction.Batches, page);
            transaction.State = transaction.State with { ContentBytes = transaction.State.ContentBytes - page.Sum(d => (long)SealedBatch.SizeOf(d)) };
            dropped += page.Count;
        }

        return dropped;
    }

    /// <summary>
    /// Once a UTC day it is marked how far the cloud has acknowledged; what a mark older than the keeping time covers may go. Marks
    /// are only made by a trusted clock, so that a wrong date expires nothing.
    /// </summary>
    private void DropExpired(BufferTransaction transaction)
    {
        if (!_clock.Trusted)
        {
            return;
        }

        var state = transaction.State;
        var today = (_options.RetentionTime?.GetUtcNow().ToUnixTimeSeconds() ?? _clock.Now.ToUnixTimeSeconds()) / 86_400;
        if (transaction.Last(BufferTransaction.AckMarks, 0, long.MaxValue) is not { } newest || newest["_id"].AsInt64 < today)
        {
            transaction.Put(BufferTransaction.AckMarks, new BsonDocument { ["_id"] = today, ["through"] = state.Base + state.AcknowledgedThrough });
        }

        var expired = today - (long)Math.Ceiling(_options.KeepAcknowledged.TotalDays);
        if (transaction.Last(BufferTransaction.AckMarks, 0, expired) is { } mark)
        {
            DropAcknowledged(transaction, goalBytes: -1, mark["through"].AsInt64);
            transaction.Delete(BufferTransaction.AckMarks, transaction.Range(BufferTransaction.AckMarks, 0, expired, Page));
        }
    }

    /// <summary>
    /// Keeps of each register the first reading of each hour (level 1) or UTC day (level 2), of the oldest unsealed cycles first, and
    /// everything that was doubtful. Cumulative registers lose resolution by it, never energy.
    /// </summary>
    private EventNote? Thin(BufferTransaction transaction, int level, long goalBytes)
    {
        var length = level == 1 ? 3_600L : 86_400L;
        var kept = new HashSet<(RegisterKey, long)>();
        long removed = 0;
        Instant? first = null, last = null;
        var from = _thinnedThrough[level];
        while (transaction.State.ContentBytes > goalBytes && transaction.Range(BufferTransaction.Cycles, from, long.MaxValue, Page) is { Count: > 0 } page)
        {
            foreach (var document in page)
            {
                if (CycleDocument.ThinnedOf(document) >= level || !CycleDocument.TryRead(document, out var cycle))
                {
                    continue;
                }

                var readings = cycle.Readings
                    .Where(r => kept.Add((r.Register, r.At.ToUnixTimeSeconds() / length)) || r.Quality != ReadingQuality.Good).ToList();
                removed += cycle.Readings.Count - readings.Count;
                first ??= cycle.Stamp.At;
                last = cycle.Stamp.At;
                ReplaceCycle(transaction, document, cycle with { Readings = readings }, level);
            }

            from = page[^1]["_id"].AsInt64 + 1;
        }

        _thinnedThrough[level] = from;
        return removed == 0 ? null : new EventNote(
            _clock.Now, "thinned", null, $"{removed} readings between {first} and {last} removed: only {(level == 1 ? "hourly" : "daily")} registers are kept, the buffer is full");
    }

    private static void ReplaceCycle(BufferTransaction transaction, BsonDocument old, SamplingCycle cycle, int level)
    {
        if (cycle.Readings.Count == 0 && cycle.Events.Count == 0)
        {
            RemoveUnsealed(transaction, [old]);
            return;
        }

        // Updated where it lies: deleting and inserting would need free pages that a full file has not.
        var document = CycleDocument.Make(old["_id"].AsInt64, cycle, level);
        transaction.Put(BufferTransaction.Cycles, document);
        transaction.State = transaction.State with
        {
            UnsealedReadings = transaction.State.UnsealedReadings + cycle.Readings.Count - CycleDocument.ReadingsOf(old),
            ContentBytes = transaction.State.ContentBytes + CycleDocument.SizeOf(document) - CycleDocument.SizeOf(old),
        };
    }
}
