using System.Buffers.Binary;

namespace UsageBilling.Modbus;

/// <summary>The protocol data unit of a read request and of its answer, the same over TCP and RTU (Modbus Application Protocol 1.1b3, 6.3 and 6.4).</summary>
internal static class ReadPdu
{
    public const int RequestLength = 5;
    private const byte ExceptionBit = 0x80;

    public static void CheckRange(ModbusTable table, ushort address, ushort count)
    {
        if (table is not (ModbusTable.HoldingRegisters or ModbusTable.InputRegisters))
        {
            throw new ArgumentOutOfRangeException(nameof(table), table, "only holding and input registers are read");
        }

        if (count is 0 or > RegisterPlan.MaxCount || address + count > 65_536)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, $"1 to {RegisterPlan.MaxCount} registers, not past address 65535");
        }
    }

    public static void WriteRequest(Span<byte> pdu, ModbusTable table, ushort address, ushort count)
    {
        pdu[0] = (byte)table;
        BinaryPrimitives.WriteUInt16BigEndian(pdu[1..], address);
        BinaryPrimitives.WriteUInt16BigEndian(pdu[3..], count);
    }

    /// <summary>Writes an answer and returns its length.</summary>
    public static int WriteAnswer(Span<byte> pdu, ModbusTable table, ReadOnlySpan<ushort> registers)
    {
        pdu[0] = (byte)table;
        pdu[1] = (byte)(registers.Length * 2);
        for (var i = 0; i < registers.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(pdu[(2 + (i * 2))..], registers[i]);
        }

        return 2 + (registers.Length * 2);
    }

    /// <summary>Writes an exception answer and returns its length.</summary>
    public static int WriteException(Span<byte> pdu, byte function, byte code)
    {
        pdu[0] = (byte)(function | ExceptionBit);
        pdu[1] = code;
        return 2;
    }

    public static ushort[] ReadAnswer(ReadOnlySpan<byte> pdu, ModbusTable table, ushort count)
    {
        if (pdu.Length == 2 && pdu[0] == ((byte)table | ExceptionBit))
        {
            throw new ModbusException(pdu[1]);
        }

        if (pdu.Length < 2 || pdu[0] != (byte)table || pdu[1] != count * 2 || pdu.Length != 2 + (count * 2))
        {
            throw new ModbusException(ModbusFailure.BadFrame, $"answer of {pdu.Length} bytes does not fit a read of {count} registers");
        }

        var registers = new ushort[count];
        for (var i = 0; i < count; i++)
        {
            registers[i] = BinaryPrimitives.ReadUInt16BigEndian(pdu[(2 + (i * 2))..]);
        }

        return registers;
    }

    public static bool IsException(byte function) => (function & ExceptionBit) != 0;
}
