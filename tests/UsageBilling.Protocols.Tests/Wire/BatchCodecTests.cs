using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using NodaTime;
using UsageBilling.Protocols.Wire;
using Gen = FsCheck.Fluent.Gen;

namespace UsageBilling.Protocols.Tests.Wire;

public sealed class BatchCodecTests
{
    [Fact]
    public void Any_batch_comes_back_as_it_was_sealed() =>
        Prop.ForAll(Batches().ToArbitrary(), batch => ABatch.Text(ABatch.Decoded(BatchCodec.Encode(batch))) == ABatch.Text(batch)).QuickCheckThrowOnFailure();

    [Fact]
    public void Extreme_registers_and_instants_survive_delta_coding()
    {
        long[] values = [0, long.MaxValue, long.MinValue, -1, long.MaxValue, 0, long.MinValue, 1];
        Instant[] instants = [Instant.MinValue, Instant.FromUnixTimeMilliseconds(0), Instant.FromUtc(9999, 12, 31, 23, 59), Instant.FromUtc(1970, 1, 1, 0, 0)];
        var batch = ABatch.With(values.SelectMany(v => instants.Select(i => new Reading(ABatch.Import, i, v, -9, ReadingQuality.Good))));
        Assert.Equal(ABatch.Text(batch), ABatch.Text(ABatch.Decoded(BatchCodec.Encode(batch))));
    }

    [Fact]
    public void Good_readings_carry_no_quality_and_one_doubtful_reading_marks_only_itself()
    {
        var good = BatchBody.Parser.ParseFrom(BatchCodec.Encode(ABatch.With(ABatch.Reading(0), ABatch.Reading(1))));
        Assert.Empty(good.Registers[0].Quality);

        var mixed = ABatch.Decoded(BatchCodec.Encode(ABatch.With(ABatch.Reading(0), ABatch.Reading(1, quality: ReadingQuality.PulsesLost), ABatch.Reading(2))));
        Assert.Equal([ReadingQuality.Good, ReadingQuality.PulsesLost, ReadingQuality.Good], mixed.Readings.Select(r => r.Quality));
    }

    [Fact]
    public void A_live_reading_costs_few_bytes()
    {
        var one = BatchCodec.Encode(ABatch.With(ABatch.Reading())).Length;
        var hundred = BatchCodec.Encode(ABatch.With(Enumerable.Range(0, 100).Select(i => ABatch.Reading(i, 1_204_511 + (12 * i))))).Length;
        Assert.InRange((hundred - one) / 99m, 1, 6);
    }

    [Fact]
    public void Mutated_bytes_never_crash_the_decoder()
    {
        var random = new Random(20260329);
        var seeds = Gen.Sample(Batches(), 20, 30).Select(BatchCodec.Encode).ToArray();
        var refused = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = (byte[])seeds[round % seeds.Length].Clone();
            for (var i = random.Next(1, 5); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            var cut = random.Next(4) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
            if (!BatchCodec.TryDecode(cut, out var batch, out var problem))
            {
                Assert.NotEmpty(problem);
                refused++;
            }
            else
            {
                // What is accepted can be written again and means the same.
                Assert.Equal(Sorted(batch), Sorted(ABatch.Decoded(BatchCodec.Encode(batch))));
            }
        }

        Assert.InRange(refused, 1_000, 19_999);
    }

    [Fact]
    public void Bytes_without_sense_never_crash_the_decoder()
    {
        var random = new Random(1);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = new byte[random.Next(200)];
            random.NextBytes(bytes);
            BatchCodec.TryDecode(bytes, out _, out _);
        }
    }

    [Fact]
    public void Each_mistake_is_refused_with_its_reason()
    {
        Refused(b => b.Gateway = "a/b", "gateway 'a/b'");
        Refused(b => b.Stream = ByteString.CopyFrom(1, 2, 3), "stream is not a UUID");
        Refused(b => b.Sequence = 0, "sequence 0");
        Refused(b => b.Sequence = ulong.MaxValue, "sequence 18446744073709551615");
        Refused(b => b.Sequence = 1, "sequence 1 has a previous hash");
        Refused(b => b.PreviousHash = ByteString.CopyFrom(new byte[31]), "31 bytes");
        Refused(b => b.Predecessor = ByteString.CopyFrom(1), "predecessor");
        Refused(b => b.SealedAtMs = long.MaxValue, "sealed");
        Refused(b => b.Gap = new Gap { From = 3, NextPreviousHash = ByteString.CopyFrom(new byte[32]) }, "gap from 3");
        Refused(b => b.Gap = new Gap { From = 1 }, "next previous hash");
        Refused(b => b.Gap = new Gap { From = 1, NextPreviousHash = ByteString.CopyFrom(new byte[32]) }, "holds no readings");
        Refused(b => b.Registers[0].Serial = "", "registers[0]: 'eastron//");
        Refused(b => b.Registers[0].Obis = "1.8.0", "does not name a register");
        Refused(b => b.Registers[0].Scale = 10, "scale 10");
        Refused(b => b.Registers[0].Value.Add(1), "1 instants, 2 values");
        Refused(b => b.Registers[0].Quality.Add([0, 0]), "2 qualities");
        Refused(b => b.Registers[0].Quality.Add(256), "quality 0 is 256");
        Refused(b => b.Registers[0].InstantMs[0] = long.MinValue, "instant 0 is outside the calendar");
    }

    [Fact]
    public void A_batch_holds_at_most_2000_readings()
    {
        Assert.True(BatchCodec.TryDecode(BatchCodec.Encode(ABatch.With(Enumerable.Range(0, 2_000).Select(i => ABatch.Reading(i)))), out _, out _));
        Assert.False(BatchCodec.TryDecode(BatchCodec.Encode(ABatch.With(Enumerable.Range(0, 2_001).Select(i => ABatch.Reading(i)))), out _, out var problem));
        Assert.Contains("2001 readings", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_dated_outside_the_calendar_is_kept_and_costs_no_reading()
    {
        var body = BatchBody.Parser.ParseFrom(BatchCodec.Encode(ABatch.With(ABatch.Reading())));
        body.Events.Add(new GatewayEvent { AtMs = long.MaxValue, Kind = "clock-stepped", Register = "no register", Detail = "by a lot" });
        var batch = ABatch.Decoded(body.ToByteArray());
        Assert.Equal(new EventNote(batch.SealedAt, "clock-stepped", null, "by a lot"), Assert.Single(batch.Events));
        Assert.Single(batch.Readings);
    }

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(long.MaxValue)]
    public void An_offset_that_no_clock_can_have_is_left_out_and_costs_no_reading(long offset)
    {
        var body = BatchBody.Parser.ParseFrom(BatchCodec.Encode(ABatch.With(ABatch.Reading())));
        body.ClockOffsetMs = offset;
        var batch = ABatch.Decoded(body.ToByteArray());
        Assert.Null(batch.ClockOffset);
        Assert.Single(batch.Readings);
    }

    [Fact]
    public void Fields_of_a_later_version_are_passed_over()
    {
        var body = BatchCodec.Encode(ABatch.With(ABatch.Reading()));
        byte[] later = [.. body, 0x98, 0x06, 0x2A]; // field 99, varint 42
        Assert.Equal(ABatch.Text(ABatch.Decoded(body)), ABatch.Text(ABatch.Decoded(later)));
    }

    private static void Refused(Action<BatchBody> spoil, string reason)
    {
        var body = BatchBody.Parser.ParseFrom(BatchCodec.Encode(ABatch.With(ABatch.Reading())));
        spoil(body);
        Assert.False(BatchCodec.TryDecode(body.ToByteArray(), out _, out var problem));
        Assert.Contains(reason, problem, StringComparison.Ordinal);
    }

    // Encoding gathers the readings of a register, which a foreign body may have in several groups.
    private static string[] Sorted(ReadingBatch batch) => [.. ABatch.Text(batch).Split('\n').Order(StringComparer.Ordinal)];

    private static Gen<ReadingBatch> Batches()
    {
        var instants = Gen.Choose(-2_000_000_000, 2_000_000_000).Select(s => Instant.FromUnixTimeMilliseconds((s * 1_000L) + 7));
        var values = Gen.OneOf(Gen.Choose(0, int.MaxValue).Select(v => (long)v), Gen.Elements(0, 1, long.MaxValue, long.MinValue, 999_999_999_999));
        var readings =
            from at in instants
            from value in values
            from quality in Gen.Frequency((5, Gen.Constant(0)), (1, Gen.Choose(0, 255)))
            select (at, value, quality);
        var register =
            from serial in Gen.Choose(1, 1_000_000)
            from obis in Gen.Elements(ObisCode.ActiveImport, ObisCode.ActiveExport, ObisCode.WaterVolume)
            from scale in Gen.Choose(-9, 9)
            from rows in readings.ListOf(7)
            select rows.Select(r => new Reading(new RegisterKey("abb", $"{serial}-{scale}", obis), r.at, r.value, scale, (ReadingQuality)r.quality));
        var events =
            from at in instants
            from kind in Gen.Elements("started", "clock-stepped", "pulses-lost")
            from named in Gen.Elements<RegisterKey?>(null, ABatch.Import)
            select new EventNote(at, kind, named, "why: ü…");
        return
            from registers in register.ListOf(3)
            from notes in events.ListOf(2)
            from sequence in Gen.Choose(1, 1_000_000)
            from offset in Gen.Frequency((2, Gen.Constant(0)), (1, Gen.Choose(int.MinValue, int.MaxValue)))
            from gap in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
            select ABatch.With(gap ? [] : registers.SelectMany(r => r).DistinctBy(r => (r.Register, r.Scale, r.At)).GroupBy(r => r.Register).SelectMany(g => g)) with
            {
                Sequence = (ulong)sequence,
                PreviousHash = sequence == 1 ? [] : [.. Enumerable.Range(0, 32).Select(i => (byte)i)],
                Predecessor = sequence == 1 ? new Guid("0191f5c2-7d3a-7c7e-9b5e-2f6f0f1a2b3d") : null,
                Gap = gap ? new SequenceGap(1, [.. new byte[32]], "lost") : null,
                Events = [.. notes],
                ClockOffset = offset == 0 ? null : Duration.FromMilliseconds(offset),
            };
    }
}
