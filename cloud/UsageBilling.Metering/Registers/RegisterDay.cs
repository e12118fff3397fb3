using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Registers;

/// <summary>
/// A register on one UTC day: slot <c>i</c> is the boundary 00:00 + i · <see cref="IntervalMinutes"/>; the boundary at 24:00 is slot 0 of the next day.
/// Grows by merging only. Packed: values as int64 in network byte order (zero where nothing was read), one quality byte a slot
/// (bit 7 present, bit 6 conflict, the rest <see cref="ReadingQuality"/>), distances as uint16 milliseconds, empty when all are zero.
/// </summary>
public sealed class RegisterDay
{
    private const byte Present = 0x80;
    private const byte Conflict = 0x40;
    private readonly long[] _values;
    private readonly byte[] _qualities;
    private readonly ushort[] _distances;

    /// <summary>A day without readings.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 5, 10, 15, 30 or 60 minutes.</exception>
    public RegisterDay(LocalDate day, int intervalMinutes)
    {
        var slots = IntervalDay.SlotsOf(intervalMinutes);
        Day = day;
        IntervalMinutes = intervalMinutes;
        _values = new long[slots];
        _qualities = new byte[slots];
        _distances = new ushort[slots];
    }

    /// <summary>The UTC day.</summary>
    public LocalDate Day { get; }

    /// <summary>5, 10, 15, 30 or 60.</summary>
    public int IntervalMinutes { get; }

    /// <summary>1440 / <see cref="IntervalMinutes"/>.</summary>
    public int Slots => _values.Length;

    /// <summary>First instant of the day.</summary>
    public Instant Start => UtcDay.StartOf(Day);

    /// <summary>What is known at a boundary, or null.</summary>
    public RegisterSlot? this[int slot] => (_qualities[slot] & Present) == 0
        ? null
        : new RegisterSlot(_values[slot], (ReadingQuality)(_qualities[slot] & 0x3F), _distances[slot], (_qualities[slot] & Conflict) != 0);

    /// <summary>
    /// Which boundary a reading stands for: the nearest one of the grid when it is within <see cref="RegisterSlot.ToleranceMs"/>; null for others.
    /// </summary>
    public static GridPlace? Place(Instant at, int intervalMinutes)
    {
        var step = intervalMinutes * 60_000L;
        var ms = at.ToUnixTimeMilliseconds();
        var boundary = FloorDivide(ms + (step / 2), step) * step;
        var distance = Math.Abs(ms - boundary);
        if (distance > RegisterSlot.ToleranceMs)
        {
            return null;
        }

        var day = FloorDivide(boundary, NodaConstants.MillisecondsPerDay);
        return new GridPlace(UtcDay.FromNumber((int)day), (int)((boundary - (day * NodaConstants.MillisecondsPerDay)) / step), (ushort)distance);
    }

    /// <summary>Merges a reading into its slot and says what that changed.</summary>
    public SlotChange Merge(int slot, RegisterSlot reading)
    {
        reading = reading with { Quality = reading.Quality & RegisterSlot.KnownQuality };
        var before = this[slot];
        var after = before is { } b ? RegisterSlot.Merge(b, reading) : reading;
        _values[slot] = after.Value;
        _qualities[slot] = (byte)(Present | (after.Conflict ? Conflict : 0) | (byte)after.Quality);
        _distances[slot] = after.DistanceMs;
        return before is null || before.Value.Value != after.Value || before.Value.Quality != after.Quality ? SlotChange.Value
            : before.Value != after ? SlotChange.Evidence
            : SlotChange.None;
    }

    /// <summary>Merges another state of the same day.</summary>
    /// <exception cref="ArgumentException">The other is of another day or grid.</exception>
    public void Merge(RegisterDay other)
    {
        if (other.Day != Day || other.IntervalMinutes != IntervalMinutes)
        {
            throw new ArgumentException($"{other.Day:uuuu-MM-dd} every {other.IntervalMinutes} minutes does not merge into {Day:uuuu-MM-dd} every {IntervalMinutes}", nameof(other));
        }

        for (var slot = 0; slot < Slots; slot++)
        {
            if (other[slot] is { } reading)
            {
                Merge(slot, reading);
            }
        }
    }

    /// <summary>Adds the boundaries that are known, in order of instants.</summary>
    public void AddPointsTo(List<RegisterPoint> points)
    {
        var start = Start;
        for (var slot = 0; slot < Slots; slot++)
        {
            if ((_qualities[slot] & Present) != 0)
            {
                points.Add(new RegisterPoint(start + Duration.FromMinutes((long)slot * IntervalMinutes), _values[slot], (ReadingQuality)(_qualities[slot] & 0x3F)));
            }
        }
    }

    /// <summary>Values, 8 bytes a slot.</summary>
    public byte[] PackValues()
    {
        var packed = new byte[8 * _values.Length];
        BinaryPrimitives.ReverseEndianness(_values, MemoryMarshal.Cast<byte, long>(packed.AsSpan()));
        return packed;
    }

    /// <summary>Quality bytes, one a slot.</summary>
    public byte[] PackQualities() => [.. _qualities];

    /// <summary>Distances, 2 bytes a slot; empty when all are zero.</summary>
    public byte[] PackDistances()
    {
        if (!_distances.AsSpan().ContainsAnyExcept((ushort)0))
        {
            return [];
        }

        var packed = new byte[2 * _distances.Length];
        BinaryPrimitives.ReverseEndianness(_distances, MemoryMarshal.Cast<byte, ushort>(packed.AsSpan()));
        return packed;
    }

    /// <summary>A day from its packed form.</summary>
    /// <exception cref="FormatException">The lengths are not those of a packed day.</exception>
    public static RegisterDay Unpack(LocalDate day, int intervalMinutes, ReadOnlySpan<byte> values, ReadOnlySpan<byte> qualities, ReadOnlySpan<byte> distances)
    {
        var unpacked = new RegisterDay(day, intervalMinutes);
        if (values.Length != 8 * unpacked.Slots || qualities.Length != unpacked.Slots || (distances.Length != 0 && distances.Length != 2 * unpacked.Slots))
        {
            throw new FormatException($"{values.Length}, {qualities.Length} and {distances.Length} bytes are not a register day of {intervalMinutes} minutes");
        }

        BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, long>(values), unpacked._values);
        qualities.CopyTo(unpacked._qualities);
        if (distances.Length != 0)
        {
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, ushort>(distances), unpacked._distances);
        }

        return unpacked;
    }

    private static long FloorDivide(long value, long divisor) => value >= 0 ? value / divisor : ((value - divisor + 1) / divisor);
}

/// <summary>What a merge did to a slot.</summary>
public enum SlotChange
{
    /// <summary>Nothing: the reading was known, or lost to an equal one.</summary>
    None,

    /// <summary>Distance or conflict flag; intervals stay as they are.</summary>
    Evidence,

    /// <summary>Value or quality: intervals around the boundary must be computed anew.</summary>
    Value,
}

/// <summary>A boundary of the sampling grid, and how far from it a reading was taken.</summary>
public readonly record struct GridPlace(LocalDate Day, int Slot, ushort DistanceMs);
