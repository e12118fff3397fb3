using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace UsageBilling.Metering.Intervals;

/// <summary>
/// The intervals of one channel on one UTC day, as stored: slot <c>i</c> is [00:00 + i · <see cref="IntervalMinutes"/>, + <see cref="IntervalMinutes"/>) UTC.
/// Equal contents have equal packed bytes and equal hashes.
/// </summary>
public sealed class IntervalDay
{
    private readonly long[] _quantities;
    private readonly byte[] _qualities;

    /// <summary>Makes a day over existing arrays; they are not copied and must not change any more.</summary>
    /// <exception cref="ArgumentException">The arrays do not hold one entry a slot.</exception>
    public IntervalDay(int intervalMinutes, long[] quantities, byte[] qualities)
    {
        var slots = SlotsOf(intervalMinutes);
        if (quantities.Length != slots || qualities.Length != slots)
        {
            throw new ArgumentException($"a day of {intervalMinutes} minutes has {slots} slots, not {quantities.Length} quantities and {qualities.Length} qualities", nameof(quantities));
        }

        IntervalMinutes = intervalMinutes;
        _quantities = quantities;
        _qualities = qualities;
    }

    /// <summary>5, 10, 15, 30 or 60.</summary>
    public int IntervalMinutes { get; }

    /// <summary>1440 / <see cref="IntervalMinutes"/>.</summary>
    public int Slots => _quantities.Length;

    /// <summary>One integer a slot.</summary>
    public ReadOnlySpan<long> Quantities => _quantities;

    /// <summary>One <see cref="IntervalQuality"/> a slot.</summary>
    public ReadOnlySpan<byte> Qualities => _qualities;

    /// <summary>Bytes of a packed quantity: 4 where every one fits, else 8.</summary>
    public int Width => _quantities.AsSpan().ContainsAnyExceptInRange(int.MinValue, int.MaxValue) ? 8 : 4;

    /// <summary>The slots of a UTC day.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 5, 10, 15, 30 or 60 minutes.</exception>
    public static int SlotsOf(int intervalMinutes) => intervalMinutes is 5 or 10 or 15 or 30 or 60
        ? 1440 / intervalMinutes
        : throw new ArgumentOutOfRangeException(nameof(intervalMinutes), intervalMinutes, "an interval is 5, 10, 15, 30 or 60 minutes");

    /// <summary>A day of which nothing is known.</summary>
    public static IntervalDay Missing(int intervalMinutes) => new(intervalMinutes, new long[SlotsOf(intervalMinutes)], new byte[SlotsOf(intervalMinutes)]);

    /// <summary>Quantities in network byte order, <see cref="Width"/> bytes each.</summary>
    public byte[] PackQuantities()
    {
        if (Width == 8)
        {
            var wide = new long[_quantities.Length];
            BinaryPrimitives.ReverseEndianness(_quantities, wide);
            return MemoryMarshal.AsBytes(wide.AsSpan()).ToArray();
        }

        var bytes = new byte[4 * _quantities.Length];
        var narrow = MemoryMarshal.Cast<byte, int>(bytes.AsSpan());
        for (var i = 0; i < narrow.Length; i++)
        {
            narrow[i] = BinaryPrimitives.ReverseEndianness((int)_quantities[i]);
        }

        return bytes;
    }

    /// <summary>One byte a slot; empty when all are measured.</summary>
    public byte[] PackQualities() => _qualities.AsSpan().ContainsAnyExcept((byte)IntervalQuality.Measured) ? _qualities : [];

    /// <summary>A day from its packed form.</summary>
    /// <exception cref="FormatException">The lengths are not those of a packed day.</exception>
    public static IntervalDay Unpack(int intervalMinutes, ReadOnlySpan<byte> quantities, ReadOnlySpan<byte> qualities)
    {
        var values = new long[SlotsOf(intervalMinutes)];
        var bytes = new byte[values.Length];
        UnpackInto(quantities, qualities, values, bytes);
        return new IntervalDay(intervalMinutes, values, bytes);
    }

    /// <summary>Unpacks into arrays that hold one entry a slot, as a profile over many days does.</summary>
    /// <exception cref="FormatException">The lengths are not those of a packed day.</exception>
    public static void UnpackInto(ReadOnlySpan<byte> quantities, ReadOnlySpan<byte> qualities, Span<long> values, Span<byte> bytes)
    {
        if (quantities.Length == 8 * values.Length)
        {
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, long>(quantities), values);
        }
        else if (quantities.Length == 4 * values.Length)
        {
            var narrow = MemoryMarshal.Cast<byte, int>(quantities);
            for (var i = 0; i < narrow.Length; i++)
            {
                values[i] = BinaryPrimitives.ReverseEndianness(narrow[i]);
            }
        }
        else
        {
            throw new FormatException($"{quantities.Length} bytes are not {values.Length} packed quantities");
        }

        if (qualities.IsEmpty)
        {
            bytes.Fill((byte)IntervalQuality.Measured);
        }
        else if (qualities.Length == bytes.Length)
        {
            qualities.CopyTo(bytes);
        }
        else
        {
            throw new FormatException($"{qualities.Length} bytes are not {bytes.Length} qualities");
        }
    }

    /// <summary>SHA-256 over the whole day.</summary>
    public ImmutableArray<byte> Hash() => HashSlice(0, Slots);

    /// <summary>
    /// SHA-256 over interval minutes, first slot, slot count (int32 each), quantities (int64) and quality bytes of a slice, all in
    /// network byte order: independent of how the day happened to be packed.
    /// </summary>
    public ImmutableArray<byte> HashSlice(int firstSlot, int slotCount) =>
        HashSlice(IntervalMinutes, firstSlot, Quantities.Slice(firstSlot, slotCount), Qualities.Slice(firstSlot, slotCount));

    /// <inheritdoc cref="HashSlice(int, int)"/>
    public static ImmutableArray<byte> HashSlice(int intervalMinutes, int firstSlot, ReadOnlySpan<long> quantities, ReadOnlySpan<byte> qualities)
    {
        Span<byte> input = stackalloc byte[12 + (9 * 288)];
        input = input[..(12 + (9 * quantities.Length))];
        BinaryPrimitives.WriteInt32BigEndian(input, intervalMinutes);
        BinaryPrimitives.WriteInt32BigEndian(input[4..], firstSlot);
        BinaryPrimitives.WriteInt32BigEndian(input[8..], quantities.Length);
        for (var i = 0; i < quantities.Length; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(input[(12 + (8 * i))..], quantities[i]);
        }

        qualities.CopyTo(input[(12 + (8 * quantities.Length))..]);
        return ImmutableCollectionsMarshal.AsImmutableArray(SHA256.HashData(input));
    }

    /// <summary>The slots that differ from another version of the day. Where the interval length differs, all slots of both do.</summary>
    public ImmutableArray<int> SlotsThatDiffer(IntervalDay other)
    {
        if (other.IntervalMinutes != IntervalMinutes)
        {
            return [.. Enumerable.Range(0, Math.Max(Slots, other.Slots))];
        }

        var slots = ImmutableArray.CreateBuilder<int>();
        for (var i = 0; i < Slots; i++)
        {
            if (_quantities[i] != other._quantities[i] || _qualities[i] != other._qualities[i])
            {
                slots.Add(i);
            }
        }

        return slots.ToImmutable();
    }
}
