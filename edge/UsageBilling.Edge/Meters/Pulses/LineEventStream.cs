using System.Buffers.Binary;
using UsageBilling.Edge.Configuration;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>
/// Counts what the kernel writes for a requested line: <c>struct gpio_v2_line_event</c> (linux/gpio.h), 48 bytes each. The kernel numbers a line's
/// events; a number that is skipped is an event that did not fit its buffer, so a loss is known to the pulse.
/// </summary>
internal sealed class LineEventStream(PulseEdge edge, PulseCounter counter)
{
    /// <summary>sizeof(struct gpio_v2_line_event).</summary>
    public const int EventSize = 48;

    private const int IdOffset = 8;
    private const int LineSequenceOffset = 20;
    private const uint RisingEdge = 1;
    private const uint FallingEdge = 2;

    private uint _sequence;

    /// <summary>When the last pulse came, on the kernel's monotonic clock, ns.</summary>
    public ulong LastNanoseconds { get; private set; }

    /// <summary>Takes whole events.</summary>
    /// <exception cref="InvalidDataException">These are no line events.</exception>
    public void Take(ReadOnlySpan<byte> events)
    {
        if (events.Length % EventSize != 0)
        {
            throw new InvalidDataException($"{events.Length} bytes are no whole number of line events");
        }

        for (; events.Length > 0; events = events[EventSize..])
        {
            var id = Number(events, IdOffset);
            if (id is not (RisingEdge or FallingEdge))
            {
                throw new InvalidDataException($"line event of unknown kind {id}");
            }

            var sequence = Number(events, LineSequenceOffset);
            var skipped = unchecked(sequence - _sequence - 1);
            _sequence = sequence;
            if (skipped > 0)
            {
                counter.Lose(skipped);
            }

            if (id == (edge == PulseEdge.Falling ? FallingEdge : RisingEdge))
            {
                LastNanoseconds = BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt64LittleEndian(events) : BinaryPrimitives.ReadUInt64BigEndian(events);
                counter.Count();
            }
        }
    }

    // The kernel writes in the machine's own order.
    private static uint Number(ReadOnlySpan<byte> record, int offset) => BitConverter.IsLittleEndian
        ? BinaryPrimitives.ReadUInt32LittleEndian(record[offset..])
        : BinaryPrimitives.ReadUInt32BigEndian(record[offset..]);
}
