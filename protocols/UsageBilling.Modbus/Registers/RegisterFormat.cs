namespace UsageBilling.Modbus;

/// <summary>How a value lies in its registers.</summary>
public enum RegisterType
{
    /// <summary>Unsigned, one register.</summary>
    U16,

    /// <summary>Two's complement, one register.</summary>
    I16,

    /// <summary>Unsigned, two registers.</summary>
    U32,

    /// <summary>Two's complement, two registers.</summary>
    I32,

    /// <summary>Unsigned, four registers.</summary>
    U64,

    /// <summary>Two's complement, four registers.</summary>
    I64,

    /// <summary>IEEE 754 single precision, two registers.</summary>
    F32,

    /// <summary>IEEE 754 double precision, four registers.</summary>
    F64,

    /// <summary>Two registers of 0 to 9999 each, four decimal digits apiece ("modulo 10 000").</summary>
    Mod10K32,

    /// <summary>Four registers of 0 to 9999 each.</summary>
    Mod10K64,
}

/// <summary>Order of the bytes of a value as they come over the wire, A being the most significant one.</summary>
public enum WordOrder
{
    /// <summary>Big-endian, the order of the specification; ABCDEFGH for 64 bits.</summary>
    ABCD,

    /// <summary>Low word first, bytes of each word in order; GHEFCDAB for 64 bits.</summary>
    CDAB,

    /// <summary>High word first, bytes of each word swapped; BADCFEHG for 64 bits.</summary>
    BADC,

    /// <summary>Little-endian; HGFEDCBA for 64 bits.</summary>
    DCBA,
}

/// <summary>How the words of one register become its raw integer.</summary>
/// <param name="Type">How the value lies in its registers.</param>
/// <param name="Order">Order of bytes and words.</param>
/// <param name="Decimals">
/// Floats only: decimal places kept, so raw = value × 10^Decimals rounded half away from zero. A meter that gives kWh as a float, kept to
/// 0.01 kWh, has 2 here and scale 3 − 2 = 1 in Wh. Must be 0 for integers, which stay as they are. −9 to 9.
/// </param>
/// <param name="NotAvailable">The bit pattern (after ordering) by which the meter says that it has no value, often all ones. NaN always says so.</param>
public sealed record RegisterFormat(RegisterType Type, WordOrder Order = WordOrder.ABCD, int Decimals = 0, ulong? NotAvailable = null)
{
    /// <summary>How many 16-bit registers the value takes.</summary>
    public ushort Count => Type switch
    {
        RegisterType.U16 or RegisterType.I16 => 1,
        RegisterType.U32 or RegisterType.I32 or RegisterType.F32 or RegisterType.Mod10K32 => 2,
        _ => 4,
    };

    /// <summary>True for types that are rounded to <see cref="Decimals"/>.</summary>
    public bool IsFloat => Type is RegisterType.F32 or RegisterType.F64;

    /// <summary>All bits of the value set: the most common way of saying "not available".</summary>
    public ulong AllOnes => ulong.MaxValue >> (64 - (Count * 16));
}

/// <summary>What decoding found.</summary>
public enum RegisterState
{
    /// <summary>A value.</summary>
    Value,

    /// <summary>The meter says that it has none (the sentinel, or NaN).</summary>
    NotAvailable,

    /// <summary>The value does not fit a signed 64-bit integer, or is infinite.</summary>
    OutOfRange,

    /// <summary>The bits are no value of the type (a decimal group above 9999).</summary>
    Malformed,
}
