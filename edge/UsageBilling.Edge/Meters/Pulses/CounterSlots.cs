using System.Buffers.Binary;
using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;
using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>A pulse meter's state as it is kept over restarts.</summary>
/// <param name="Pulses">Pulses ever counted.</param>
/// <param name="Lost">Pulses known to have been lost.</param>
/// <param name="LostReported">How many of them a stored reading has reported.</param>
public readonly record struct CounterState(long Pulses, long Lost, long LostReported);

/// <summary>All counters of a gateway at an instant.</summary>
/// <param name="Through">Until when pulses were counted.</param>
/// <param name="Counters">By register.</param>
public sealed record CounterSnapshot(Instant Through, ImmutableDictionary<RegisterId, CounterState> Counters);

/// <summary>
/// The file of the pulse counters: two slots, written in turn and each with its own generation and checksum, so that whatever a power
/// cut leaves of the slot being written, the other one holds. One file for all meters: one fsync for all.
/// </summary>
public sealed class CounterSlots : IDisposable
{
    internal const int SlotSize = 16 * 1024;
    internal const int HeaderLength = 40;
    internal const int EntryLength = 40;
    private const uint Magic = 0x31435055; // "UPC1"

    /// <summary>The most counters of a gateway.</summary>
    public const int MaxCounters = (SlotSize - HeaderLength) / EntryLength;

    private readonly SafeFileHandle _file;
    private readonly byte[] _slot = new byte[SlotSize];
    private ulong _generation;

    private CounterSlots(SafeFileHandle file, ulong generation, CounterSnapshot? found) => (_file, _generation, Found) = (file, generation, found);

    /// <summary>What the file held when it was opened; null when it is new.</summary>
    public CounterSnapshot? Found { get; }

    /// <summary>How often the file was made durable since it was opened.</summary>
    public long Syncs { get; private set; }

    /// <summary>Opens the file or makes it.</summary>
    /// <exception cref="InvalidDataException">The file is there but neither slot is whole: set it aside, do not overwrite it.</exception>
    public static CounterSlots Open(string path)
    {
        var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            var length = RandomAccess.GetLength(file);
            var newest = Newest(file);
            if (newest is null && length > 0 && HasContent(file, length))
            {
                throw new InvalidDataException($"neither slot of {path} is whole");
            }

            if (newest is not null)
            {
                RandomAccess.FlushToDisk(file); // it may have been kept only: the next save writes over the other slot
            }

            return new CounterSlots(file, newest?.Generation ?? 0, newest?.Snapshot);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What the file holds just now, also while a gateway has it open; null when there is nothing whole.</summary>
    public static CounterSnapshot? Peek(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Newest(file)?.Snapshot;
    }

    /// <summary>Writes a snapshot over the older slot and waits until it is on the disk.</summary>
    public void Save(CounterSnapshot snapshot)
    {
        Keep(snapshot);
        RandomAccess.FlushToDisk(_file);
        (_generation, Syncs) = (_generation + 1, Syncs + 1);
    }

    /// <summary>
    /// Writes a snapshot over the older slot without waiting for the disk: it outlives this process, and a power cut leaves the one saved last, since
    /// whatever is kept until the next save goes to the same slot.
    /// </summary>
    public void Keep(CounterSnapshot snapshot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(snapshot.Counters.Count, MaxCounters);
        var generation = _generation + 1;
        var length = Write(_slot, generation, snapshot);
        RandomAccess.Write(_file, _slot.AsSpan(0, length), (long)(generation % 2) * SlotSize);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    // Header: magic, checksum of all behind it, generation, through (Unix µs), number of counters, zeros. Entries: register id, three numbers.
    private static int Write(Span<byte> slot, ulong generation, CounterSnapshot snapshot)
    {
        slot.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(slot, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[8..], generation);
        BinaryPrimitives.WriteInt64LittleEndian(slot[16..], snapshot.Through.ToUnixTimeTicks());
        BinaryPrimitives.WriteInt32LittleEndian(slot[24..], snapshot.Counters.Count);
        var length = HeaderLength;
        foreach (var (register, state) in snapshot.Counters)
        {
            var entry = slot[length..];
            register.Value.TryWriteBytes(entry, bigEndian: true, out _);
            BinaryPrimitives.WriteInt64LittleEndian(entry[16..], state.Pulses);
            BinaryPrimitives.WriteInt64LittleEndian(entry[24..], state.Lost);
            BinaryPrimitives.WriteInt64LittleEndian(entry[32..], state.LostReported);
            length += EntryLength;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(slot[4..], Crc32.Of(slot[8..length]));
        return length;
    }

    private static (ulong Generation, CounterSnapshot Snapshot)? Newest(SafeFileHandle file)
    {
        var (first, second) = (ReadSlot(file, 0), ReadSlot(file, 1));
        return first is null || (second is not null && second.Value.Generation > first.Value.Generation) ? second : first;
    }

    private static (ulong Generation, CounterSnapshot Snapshot)? ReadSlot(SafeFileHandle file, int index)
    {
        var slot = new byte[SlotSize];
        var read = RandomAccess.Read(file, slot, (long)index * SlotSize);
        var count = BinaryPrimitives.ReadInt32LittleEndian(slot.AsSpan(24));
        if (read < HeaderLength || BinaryPrimitives.ReadUInt32LittleEndian(slot) != Magic || count is < 0 or > MaxCounters)
        {
            return null;
        }

        var length = HeaderLength + (count * EntryLength);
        if (read < length || BinaryPrimitives.ReadUInt32LittleEndian(slot.AsSpan(4)) != Crc32.Of(slot.AsSpan(8, length - 8)))
        {
            return null;
        }

        var counters = ImmutableDictionary.CreateBuilder<RegisterId, CounterState>();
        for (var i = 0; i < count; i++)
        {
            var entry = slot.AsSpan(HeaderLength + (i * EntryLength), EntryLength);
            counters[new RegisterId(new Guid(entry[..16], bigEndian: true))] = new CounterState(
                BinaryPrimitives.ReadInt64LittleEndian(entry[16..]), BinaryPrimitives.ReadInt64LittleEndian(entry[24..]), BinaryPrimitives.ReadInt64LittleEndian(entry[32..]));
        }

        var through = Instant.FromUnixTimeTicks(BinaryPrimitives.ReadInt64LittleEndian(slot.AsSpan(16)));
        return (BinaryPrimitives.ReadUInt64LittleEndian(slot.AsSpan(8)), new CounterSnapshot(through, counters.ToImmutable()));
    }

    // The very first save goes to the second slot. Cut off, it leaves a first slot of zeros and no later generation: nothing was ever
    // counted on, so the file counts as new.
    private static bool HasContent(SafeFileHandle file, long length)
    {
        var bytes = new byte[Math.Min(length, 2 * SlotSize)];
        RandomAccess.Read(file, bytes, 0);
        var untouched = !bytes.AsSpan(0, Math.Min(bytes.Length, SlotSize)).ContainsAnyExcept((byte)0);
        var generation = bytes.Length >= SlotSize + 16 ? BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(SlotSize + 8)) : 0;
        return !(untouched && generation <= 1);
    }
}
