using System.Buffers.Binary;
using System.Numerics;

namespace UsageBilling.Modbus;

/// <summary>
/// Between register words and raw integers. This is the one place where binary floating point occurs: a float is taken by its exact binary value
/// and rounded once, half away from zero, in integer arithmetic.
/// </summary>
public static class RegisterCodec
{
    private const int Group = 10_000;

    /// <summary>Reads a value out of exactly <see cref="RegisterFormat.Count"/> words; <paramref name="value"/> is 0 unless the result is <see cref="RegisterState.Value"/>.</summary>
    /// <exception cref="ArgumentException">Another number of words than the format has.</exception>
    public static RegisterState Decode(ReadOnlySpan<ushort> words, RegisterFormat format, out long value)
    {
        if (words.Length != format.Count)
        {
            throw new ArgumentException($"{format.Type} takes {format.Count} registers, not {words.Length}", nameof(words));
        }

        value = 0;
        var bits = Assemble(words, format.Order);
        if (bits == format.NotAvailable)
        {
            return RegisterState.NotAvailable;
        }

        return format.Type switch
        {
            RegisterType.I16 => Found(unchecked((short)bits), out value),
            RegisterType.I32 => Found(unchecked((int)bits), out value),
            RegisterType.I64 => Found(unchecked((long)bits), out value),
            RegisterType.U16 or RegisterType.U32 or RegisterType.U64 when bits <= long.MaxValue => Found((long)bits, out value),
            RegisterType.U64 => RegisterState.OutOfRange,
            RegisterType.F32 => Round(BitConverter.UInt32BitsToSingle((uint)bits), format.Decimals, out value),
            RegisterType.F64 => Round(BitConverter.UInt64BitsToDouble(bits), format.Decimals, out value),
            _ => FromGroups(bits, out value),
        };
    }

    /// <summary>Lays a raw integer into words: what a meter of this format would answer. For simulators and tests.</summary>
    /// <exception cref="OverflowException">The value does not fit the type.</exception>
    public static ushort[] Encode(long value, RegisterFormat format)
    {
        var bits = format.Type switch
        {
            RegisterType.U16 => (ushort)value,
            RegisterType.I16 => unchecked((ushort)checked((short)value)),
            RegisterType.U32 => (uint)value,
            RegisterType.I32 => unchecked((uint)checked((int)value)),
            RegisterType.U64 => (ulong)value,
            RegisterType.I64 => unchecked((ulong)value),
            RegisterType.F32 => BitConverter.SingleToUInt32Bits((float)ToDouble(value, format.Decimals)),
            RegisterType.F64 => BitConverter.DoubleToUInt64Bits(ToDouble(value, format.Decimals)),
            _ => ToGroups(value, format.Count),
        };
        return Scatter(bits, format.Count, format.Order);
    }

    private static RegisterState Found(long found, out long value)
    {
        value = found;
        return RegisterState.Value;
    }

    private static ulong Assemble(ReadOnlySpan<ushort> words, WordOrder order)
    {
        ulong bits = 0;
        for (var i = 0; i < words.Length; i++)
        {
            var word = words[order is WordOrder.CDAB or WordOrder.DCBA ? words.Length - 1 - i : i];
            bits = (bits << 16) | (order is WordOrder.BADC or WordOrder.DCBA ? BinaryPrimitives.ReverseEndianness(word) : word);
        }

        return bits;
    }

    private static ushort[] Scatter(ulong bits, int count, WordOrder order)
    {
        var words = new ushort[count];
        for (var i = count - 1; i >= 0; i--, bits >>= 16)
        {
            var word = (ushort)(bits & 0xFFFF);
            words[order is WordOrder.CDAB or WordOrder.DCBA ? count - 1 - i : i] =
                order is WordOrder.BADC or WordOrder.DCBA ? BinaryPrimitives.ReverseEndianness(word) : word;
        }

        return words;
    }

    private static RegisterState Round(double number, int decimals, out long value)
    {
        value = 0;
        if (double.IsNaN(number))
        {
            return RegisterState.NotAvailable;
        }

        // Beyond these bounds no admissible number of decimals leads back into 64 bits, and infinity ends here too.
        if (Math.Abs(number) >= 1e30)
        {
            return RegisterState.OutOfRange;
        }

        // number = mantissa × 2^exponent exactly, so the product with a power of ten is a fraction of integers.
        var raw = BitConverter.DoubleToInt64Bits(number);
        var exponent = (int)((raw >> 52) & 0x7FF);
        BigInteger numerator = (raw & 0xF_FFFF_FFFF_FFFF) | (exponent == 0 ? 0 : 1L << 52);
        var shift = (exponent == 0 ? 1 : exponent) - 1075;
        var denominator = BigInteger.One;
        numerator = shift > 0 ? numerator << shift : numerator;
        denominator = shift < 0 ? denominator << -shift : denominator;
        numerator *= decimals > 0 ? BigInteger.Pow(10, decimals) : 1;
        denominator *= decimals < 0 ? BigInteger.Pow(10, -decimals) : 1;

        var rounded = ((2 * numerator) + denominator) / (2 * denominator);
        rounded = raw < 0 ? -rounded : rounded;
        if (rounded > long.MaxValue || rounded < long.MinValue)
        {
            return RegisterState.OutOfRange;
        }

        return Found((long)rounded, out value);
    }

    // The nearest double, as long as value and power are held exactly (below 2^53): what a meter's own conversion gives.
    private static double ToDouble(long value, int decimals) => decimals >= 0 ? value / Math.Pow(10, decimals) : value * Math.Pow(10, -decimals);

    private static RegisterState FromGroups(ulong bits, out long value)
    {
        value = 0;
        long sum = 0;
        for (var shift = 48; shift >= 0; shift -= 16)
        {
            var group = (long)((bits >> shift) & 0xFFFF);
            if (group >= Group)
            {
                return RegisterState.Malformed;
            }

            sum = (sum * Group) + group;
        }

        return Found(sum, out value);
    }

    private static ulong ToGroups(long value, int count)
    {
        ulong bits = 0;
        var rest = (ulong)value;
        for (var i = 0; i < count; i++, rest /= Group)
        {
            bits |= (rest % Group) << (16 * i);
        }

        return rest == 0 ? bits : throw new OverflowException($"{value} has more than {4 * count} digits");
    }
}
