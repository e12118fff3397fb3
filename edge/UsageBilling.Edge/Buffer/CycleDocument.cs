using System.Security.Cryptography;
using LiteDB;
using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Buffer;

/// <summary>A stored, unsealed cycle (or a part of a large one): at most a live batch's readings, with a checksum of its own.</summary>
internal static class CycleDocument
{
    /// <summary>Most events in one document; a storm of them is spread over several.</summary>
    private const int MaxEvents = 256;

    private static readonly Guid Unsealed = new("7b5f0f3e-8f43-5f0a-9a52-0a4f6d1c7e10");

    /// <summary>Cuts a cycle into parts that each fit a live batch.</summary>
    public static IEnumerable<SamplingCycle> Split(SamplingCycle cycle)
    {
        var parts = Math.Max(
            Math.Max(1, (cycle.Readings.Count + ReadingBatch.MaxLiveReadings - 1) / ReadingBatch.MaxLiveReadings),
            (cycle.Events.Count + MaxEvents - 1) / MaxEvents);
        for (var i = 0; i < parts; i++)
        {
            yield return parts == 1 ? cycle : new SamplingCycle(
                cycle.Stamp,
                [.. cycle.Readings.Skip(i * ReadingBatch.MaxLiveReadings).Take(ReadingBatch.MaxLiveReadings)],
                [.. cycle.Events.Skip(i * MaxEvents).Take(MaxEvents)]);
        }
    }

    public static BsonDocument Make(long id, SamplingCycle cycle, int thinned = 0)
    {
        // The wire's body format is compact and decodes defensively; head fields are not used here.
        var data = BatchCodec.Encode(new ReadingBatch("unsealed", Unsealed, 1, [], null, cycle.Stamp.At, [.. cycle.Readings], null, [.. cycle.Events]));
        return new BsonDocument
        {
            ["_id"] = id,
            ["n"] = cycle.Readings.Count,
            ["thin"] = thinned,
            ["at"] = cycle.Stamp.At.ToUnixTimeMilliseconds(),
            ["boot"] = cycle.Stamp.Boot,
            ["mono"] = cycle.Stamp.MonotonicMs,
            ["trusted"] = cycle.Stamp.Trusted,
            ["data"] = data,
            ["sum"] = SHA256.HashData(data)[..8],
        };
    }

    public static int SizeOf(BsonDocument d) => BufferFile.SpaceFor(d["data"].AsBinary.Length + 220);

    public static int ReadingsOf(BsonDocument d) => d["n"].AsInt32;

    public static int ThinnedOf(BsonDocument d) => d["thin"].AsInt32;

    public static ClockStamp StampOf(BsonDocument d) =>
        new(Instant.FromUnixTimeMilliseconds(d["at"].AsInt64), d["boot"].AsGuid, d["mono"].AsInt64, d["trusted"].AsBoolean);

    /// <summary>The cycle as it was stored, or false when its bytes are damaged.</summary>
    public static bool TryRead(BsonDocument d, out SamplingCycle cycle)
    {
        cycle = null!;
        var data = d["data"].AsBinary;
        if (!SHA256.HashData(data).AsSpan(0, 8).SequenceEqual(d["sum"].AsBinary) || !BatchCodec.TryDecode(data, out var body, out _))
        {
            return false;
        }

        cycle = new SamplingCycle(StampOf(d), body.Readings, body.Events);
        return true;
    }

    /// <summary>
    /// The cycle with instants as good as they can be made: shifted by what the boot's clock turned out to be wrong by
    /// (<paramref name="bootOffsetMs"/>), or as they are; doubtful either way.
    /// </summary>
    public static SamplingCycle Resolve(SamplingCycle cycle, long? bootOffsetMs)
    {
        if (cycle.Stamp.Trusted)
        {
            return cycle;
        }

        var shift = Duration.FromMilliseconds(bootOffsetMs is { } offset ? offset - cycle.Stamp.OffsetMs : 0);
        return new SamplingCycle(
            cycle.Stamp with { At = cycle.Stamp.At + shift },
            [.. cycle.Readings.Select(r => r with { At = r.At + shift, Quality = r.Quality | ReadingQuality.ClockUncertain })],
            [.. cycle.Events.Select(e => e with { At = e.At + shift })]);
    }
}
