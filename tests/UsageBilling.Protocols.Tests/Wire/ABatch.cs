using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Protocols.Tests.Wire;

/// <summary>Batches with good defaults.</summary>
internal static class ABatch
{
    public static readonly RegisterKey Import = new("eastron", "21340117", ObisCode.ActiveImport);
    public static readonly Instant Start = Instant.FromUtc(2026, 3, 29, 0, 45);

    public static ReadingBatch With(params IEnumerable<Reading> readings) => new(
        "harbour-1", new Guid("0191f5c2-7d3a-7c7e-9b5e-2f6f0f1a2b3c"), 2, [.. Enumerable.Repeat((byte)7, 32)], null, Start, [.. readings], null, []);

    public static Reading Reading(int slot = 0, long value = 1_204_511, ReadingQuality quality = ReadingQuality.Good) =>
        new(Import, Start + Duration.FromMinutes(15 * slot), value, 1, quality);

    /// <summary>Everything that a batch holds, as text: records with immutable arrays in them do not compare by content.</summary>
    public static string Text(ReadingBatch b) => string.Join('\n',
    [
        $"{b.Gateway} {b.Stream} {b.Sequence} {Hex(b.PreviousHash)} {b.Predecessor} {b.SealedAt.ToUnixTimeMilliseconds()} {b.ClockOffset?.TotalMilliseconds}",
        b.Gap is { } gap ? $"gap {gap.From} {Hex(gap.NextPreviousHash)} {gap.Reason}" : "",
        .. b.Readings.Select(r => $"{r.Register} {r.At.ToUnixTimeMilliseconds()} {r.Value} {r.Scale} {(byte)r.Quality}"),
        .. b.Events.Select(e => $"{e.At.ToUnixTimeMilliseconds()} {e.Kind} {e.Register} {e.Detail}"),
    ]);

    public static ReadingBatch Decoded(byte[] body)
    {
        Assert.True(BatchCodec.TryDecode(body, out var batch, out var problem), problem);
        return batch;
    }

    private static string Hex(ImmutableArray<byte> bytes) => Convert.ToHexString(bytes.AsSpan());
}
