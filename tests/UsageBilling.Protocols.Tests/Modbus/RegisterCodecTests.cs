using System.Numerics;
using UsageBilling.Modbus;

namespace UsageBilling.Protocols.Tests.Modbus;

public sealed class RegisterCodecTests
{
    private static readonly RegisterType[] Types = Enum.GetValues<RegisterType>();
    private static readonly WordOrder[] Orders = Enum.GetValues<WordOrder>();

    [Theory]
    [InlineData(WordOrder.ABCD, 0x0123, 0x4567)]
    [InlineData(WordOrder.CDAB, 0x4567, 0x0123)]
    [InlineData(WordOrder.BADC, 0x2301, 0x6745)]
    [InlineData(WordOrder.DCBA, 0x6745, 0x2301)]
    public void Thirty_two_bits_lie_in_every_order(WordOrder order, int first, int second) =>
        Assert.Equal(0x01234567, Value(new RegisterFormat(RegisterType.U32, order), first, second));

    [Theory]
    [InlineData(WordOrder.ABCD, 0x0123, 0x4567, 0x89AB, 0xCDEF)]
    [InlineData(WordOrder.CDAB, 0xCDEF, 0x89AB, 0x4567, 0x0123)]
    [InlineData(WordOrder.BADC, 0x2301, 0x6745, 0xAB89, 0xEFCD)]
    [InlineData(WordOrder.DCBA, 0xEFCD, 0xAB89, 0x6745, 0x2301)]
    public void Sixty_four_bits_lie_in_every_order(WordOrder order, int a, int b, int c, int d) =>
        Assert.Equal(0x0123456789ABCDEF, Value(new RegisterFormat(RegisterType.U64, order), a, b, c, d));

    [Theory]
    [InlineData(WordOrder.ABCD, 0x1234)]
    [InlineData(WordOrder.CDAB, 0x1234)]
    [InlineData(WordOrder.BADC, 0x3412)]
    [InlineData(WordOrder.DCBA, 0x3412)]
    public void Sixteen_bits_know_only_the_order_of_bytes(WordOrder order, int word) =>
        Assert.Equal(0x1234, Value(new RegisterFormat(RegisterType.U16, order), word));

    // 1234.5 is 0x449A5000 as single and 0x40934A0000000000 as double precision.
    [Theory]
    [InlineData(RegisterType.I16, -2, new[] { 0xFFFE })]
    [InlineData(RegisterType.U16, 65_534, new[] { 0xFFFE })]
    [InlineData(RegisterType.I32, -2, new[] { 0xFFFF, 0xFFFE })]
    [InlineData(RegisterType.U32, 4_294_967_294, new[] { 0xFFFF, 0xFFFE })]
    [InlineData(RegisterType.I64, -2, new[] { 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE })]
    [InlineData(RegisterType.F32, 12_345, new[] { 0x449A, 0x5000 })]
    [InlineData(RegisterType.F64, 12_345, new[] { 0x4093, 0x4A00, 0, 0 })]
    [InlineData(RegisterType.Mod10K32, 12_345_678, new[] { 1_234, 5_678 })]
    [InlineData(RegisterType.Mod10K64, 1_234_567_890_123_456, new[] { 1_234, 5_678, 9_012, 3_456 })]
    public void Every_type_is_read_from_known_words(RegisterType type, long expected, int[] words) =>
        Assert.Equal(expected, Value(new RegisterFormat(type, Decimals: type is RegisterType.F32 or RegisterType.F64 ? 1 : 0), words));

    [Fact]
    public void Every_type_in_every_order_comes_back_as_it_was_laid_down()
    {
        foreach (var (type, order) in Types.SelectMany(t => Orders.Select(o => (t, o))))
        {
            var format = new RegisterFormat(type, order, type is RegisterType.F32 or RegisterType.F64 ? 2 : 0);
            long[] values = type switch
            {
                RegisterType.U16 => [0, 1, 0x1234, ushort.MaxValue],
                RegisterType.I16 => [0, -1, short.MinValue, short.MaxValue],
                RegisterType.U32 => [0, 1, 0x12345678, uint.MaxValue],
                RegisterType.I32 => [0, -1, int.MinValue, int.MaxValue],
                RegisterType.U64 => [0, 1, 0x123456789ABCDEF0, long.MaxValue],
                RegisterType.I64 => [0, -1, long.MinValue, long.MaxValue],
                RegisterType.F32 => [0, 1, -1, 1_234_567, 9_999_999],
                RegisterType.F64 => [0, 1, -1, 123_456_789_012_345, 999_999_999_999_999],
                RegisterType.Mod10K32 => [0, 9_999, 10_000, 99_999_999],
                _ => [0, 9_999, 10_000, 9_999_999_999_999_999],
            };
            foreach (var value in values)
            {
                Assert.Equal(RegisterState.Value, RegisterCodec.Decode(RegisterCodec.Encode(value, format), format, out var found));
                Assert.True(value == found, $"{type} {order}: {value} came back as {found}");
            }
        }
    }

    [Theory]
    [InlineData(0.5f, 0, 1)]
    [InlineData(-0.5f, 0, -1)]
    [InlineData(1.5f, 0, 2)]
    [InlineData(2.5f, 0, 3)]
    [InlineData(-2.5f, 0, -3)]
    [InlineData(0.49999997f, 0, 0)]
    [InlineData(0.125f, 2, 13)]
    [InlineData(-0.125f, 2, -13)]
    [InlineData(0.375f, 2, 38)]
    [InlineData(1234.565f, 2, 123_456)] // the float is 1234.56494…: rounding its short decimal form would give …57
    [InlineData(16_777_216f, 0, 16_777_216)]
    [InlineData(123_456f, -3, 123)]
    [InlineData(500f, -3, 1)]
    [InlineData(1e-40f, 9, 0)]
    [InlineData(0f, 2, 0)]
    public void Floats_are_rounded_once_half_away_from_zero(float value, int decimals, long expected) =>
        Assert.Equal(expected, Value(new RegisterFormat(RegisterType.F32, Decimals: decimals), Words(BitConverter.SingleToUInt32Bits(value), 2)));

    [Fact]
    public void Rounding_agrees_with_exact_fractions()
    {
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            // A dyadic fraction n / 2^k is exact in both worlds.
            var (n, k, decimals) = (random.NextInt64(-(1L << 50), 1L << 50), random.Next(0, 40), random.Next(0, 4));
            var number = n / Math.Pow(2, k);
            var numerator = BigInteger.Abs(n) * BigInteger.Pow(10, decimals);
            var expected = ((2 * numerator) + BigInteger.Pow(2, k)) / BigInteger.Pow(2, k + 1) * Math.Sign(n);
            var state = RegisterCodec.Decode(Words(BitConverter.DoubleToUInt64Bits(number), 4), new RegisterFormat(RegisterType.F64, Decimals: decimals), out var found);
            Assert.Equal(RegisterState.Value, state);
            Assert.Equal((long)expected, found);
        }
    }

    [Theory]
    [InlineData(double.NaN, RegisterState.NotAvailable)]
    [InlineData(double.PositiveInfinity, RegisterState.OutOfRange)]
    [InlineData(double.NegativeInfinity, RegisterState.OutOfRange)]
    [InlineData(1e300, RegisterState.OutOfRange)]
    [InlineData(9.3e18, RegisterState.OutOfRange)]
    [InlineData(-9.3e18, RegisterState.OutOfRange)]
    [InlineData(9.2e18, RegisterState.Value)]
    [InlineData(-9223372036854775808d, RegisterState.Value)]
    [InlineData(9223372036854775808d, RegisterState.OutOfRange)]
    public void Floats_that_are_no_register_are_typed_failures(double value, RegisterState expected)
    {
        Assert.Equal(expected, RegisterCodec.Decode(Words(BitConverter.DoubleToUInt64Bits(value), 4), new RegisterFormat(RegisterType.F64), out var found));
        Assert.True(expected == RegisterState.Value || found == 0);
    }

    [Fact]
    public void All_ones_mean_not_available_only_where_the_template_says_so()
    {
        var plain = new RegisterFormat(RegisterType.U32);
        Assert.Equal(4_294_967_295, Value(plain, 0xFFFF, 0xFFFF));
        Assert.Equal(RegisterState.NotAvailable, RegisterCodec.Decode([0xFFFF, 0xFFFF], plain with { NotAvailable = plain.AllOnes }, out _));
        var wide = new RegisterFormat(RegisterType.U64);
        Assert.Equal(RegisterState.NotAvailable, RegisterCodec.Decode([0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], wide with { NotAvailable = wide.AllOnes }, out _));
        Assert.Equal(RegisterState.OutOfRange, RegisterCodec.Decode([0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], wide, out _));
        Assert.Equal(0xFFFFUL, new RegisterFormat(RegisterType.I16).AllOnes);
    }

    [Fact]
    public void The_sentinel_is_compared_after_ordering() => Assert.Equal(
        RegisterState.NotAvailable,
        RegisterCodec.Decode([0xFFFF, 0x7FFF], new RegisterFormat(RegisterType.I32, WordOrder.CDAB, NotAvailable: 0x7FFFFFFF), out _));

    [Fact]
    public void A_decimal_group_above_9999_is_malformed() =>
        Assert.Equal(RegisterState.Malformed, RegisterCodec.Decode([1, 10_000], new RegisterFormat(RegisterType.Mod10K32), out _));

    [Fact]
    public void Another_number_of_words_is_a_programmers_error() =>
        Assert.Throws<ArgumentException>(() => RegisterCodec.Decode([1], new RegisterFormat(RegisterType.U32), out _));

    [Theory]
    [InlineData(RegisterType.U16, 65_536)]
    [InlineData(RegisterType.U16, -1)]
    [InlineData(RegisterType.I16, 32_768)]
    [InlineData(RegisterType.U32, 4_294_967_296)]
    [InlineData(RegisterType.Mod10K32, 100_000_000)]
    public void A_value_that_does_not_fit_is_not_laid_down(RegisterType type, long value) =>
        Assert.Throws<OverflowException>(() => RegisterCodec.Encode(value, new RegisterFormat(type)));

    private static long Value(RegisterFormat format, params int[] words) => Value(format, [.. words.Select(w => (ushort)w)]);

    private static long Value(RegisterFormat format, ushort[] words)
    {
        Assert.Equal(RegisterState.Value, RegisterCodec.Decode(words, format, out var value));
        return value;
    }

    private static ushort[] Words(ulong bits, int count) => [.. Enumerable.Range(0, count).Select(i => (ushort)((bits >> (16 * (count - 1 - i))) & 0xFFFF))];
}
