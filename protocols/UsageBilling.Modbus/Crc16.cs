using System.Buffers.Binary;

namespace UsageBilling.Modbus;

/// <summary>The checksum of Modbus RTU: polynomial 0xA001 reflected, start 0xFFFF, low byte first on the line (Modbus over Serial Line 1.02, 6.2.2).</summary>
internal static class Crc16
{
    public static ushort Of(ReadOnlySpan<byte> bytes)
    {
        ushort crc = 0xFFFF;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (ushort)((crc & 1) != 0 ? (crc >> 1) ^ 0xA001 : crc >> 1);
            }
        }

        return crc;
    }

    /// <summary>Writes the checksum of the first <paramref name="length"/> bytes behind them.</summary>
    public static void Append(Span<byte> frame, int length) => BinaryPrimitives.WriteUInt16LittleEndian(frame[length..], Of(frame[..length]));

    /// <summary>True when the last two bytes are the checksum of those before.</summary>
    public static bool Check(ReadOnlySpan<byte> frame) =>
        frame.Length > 2 && BinaryPrimitives.ReadUInt16LittleEndian(frame[^2..]) == Of(frame[..^2]);
}
