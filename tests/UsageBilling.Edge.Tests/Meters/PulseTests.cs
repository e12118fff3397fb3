using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Device.Gpio;
using System.Runtime.CompilerServices;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Time.Testing;
using NodaTime;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Meters.Pulses;
using UsageBilling.Edge.Sampling.Simulation;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Tests.Meters;

public sealed class PulseTests : IDisposable
{
    private static readonly PulsePin Pin = new(PulseSourceKind.GpioController, "gpiochip0", 17, PulseEdge.Falling, PulseBias.PullUp, TimeSpan.FromMilliseconds(10));
    private static readonly PulseMeterSettings Water = new("water", "diehl", "W1", ObisCode.WaterVolume, Pin, new PulseValue(1, 1, -2), 1_000, null);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly string _folder = Directory.CreateTempSubdirectory("ub-pulse-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("1/100 m3", "8-0:1.0.0", 1, 1, -2)]
    [InlineData("10 l", "8-0:1.0.0", 1, 1, -2)]
    [InlineData("1/1000 kWh", "1-0:1.8.0", 1, 1, 0)]
    [InlineData("1/800 kWh", "1-0:1.8.0", 125, 1, -2)]
    [InlineData("0.5 Wh", "1-0:1.8.0", 5, 1, -1)]
    [InlineData("1/3 Wh", "1-0:1.8.0", 1000000, 3, -6)]
    public void What_a_pulse_is_worth_is_kept_exactly(string text, string obis, long numerator, long denominator, int scale)
    {
        Assert.True(PulseValue.TryParse(text, ObisCode.Parse(obis), out var value));
        Assert.Equal(new PulseValue(numerator, denominator, scale), value);
    }

    [Fact]
    public void A_periodic_pulse_value_never_drifts_by_more_than_half_a_unit()
    {
        PulseValue.TryParse("1/3 Wh", ObisCode.ActiveImport, out var third);
        Assert.Equal(1_000_000_000_000, third.Register(3_000_000));
        Assert.Equal(333_333, third.Register(1));
        Assert.Equal(666_667, third.Register(2));
    }

    [Fact]
    public void A_stream_of_line_events_counts_pulses_and_knows_what_is_missing()
    {
        var counter = new PulseCounter();
        var stream = new LineEventStream(PulseEdge.Falling, counter);
        stream.Take(Events(1, 2, 3));
        stream.Take(Events(4));
        Assert.Equal((4, 0), (counter.Pulses, counter.Lost));
        stream.Take(Events(188, 189));
        Assert.Equal((6, 183), (counter.Pulses, counter.Lost));
    }

    [Fact]
    public void Events_lost_before_the_first_one_read_are_known_too_and_the_numbers_may_wrap()
    {
        var counter = new PulseCounter();
        var stream = new LineEventStream(PulseEdge.Falling, counter);
        stream.Take(Events(uint.MaxValue));
        Assert.Equal(uint.MaxValue - 1, counter.Lost);
        stream.Take(Events(0, 1));
        Assert.Equal((3, (long)uint.MaxValue - 1), (counter.Pulses, counter.Lost));
    }

    [Fact]
    public void Bytes_that_are_no_line_events_are_refused() =>
        Assert.Throws<InvalidDataException>(() => new LineEventStream(PulseEdge.Falling, new PulseCounter()).Take(new byte[47]));

    [Fact]
    public void The_line_request_has_the_kernels_layout()
    {
        Assert.Equal(592, Unsafe.SizeOf<GpioCharacterDevice.LineRequest>());
        var request = GpioCharacterDevice.Describe(Pin);
        var bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(new ReadOnlySpan<GpioCharacterDevice.LineRequest>(in request));
        Assert.Equal(17u, BinaryPrimitives.ReadUInt32LittleEndian(bytes));
        Assert.Equal((1ul << 2) | (1ul << 5) | (1ul << 8), BinaryPrimitives.ReadUInt64LittleEndian(bytes[288..]));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(bytes[296..]));
        Assert.Equal(3u, BinaryPrimitives.ReadUInt32LittleEndian(bytes[320..]));
        Assert.Equal(10_000u, BinaryPrimitives.ReadUInt32LittleEndian(bytes[328..]));
        Assert.Equal(1ul, BinaryPrimitives.ReadUInt64LittleEndian(bytes[336..]));
        Assert.Equal((1u, 1024u), (BinaryPrimitives.ReadUInt32LittleEndian(bytes[560..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[564..])));
    }

    [Fact]
    public void A_bouncing_contact_is_one_pulse()
    {
        var (driver, counter) = Watched(PinValue.High);
        for (var pulse = 0; pulse < 5; pulse++)
        {
            Bounce(driver, PinValue.Low);
            _time.Advance(TimeSpan.FromMilliseconds(80));
            Bounce(driver, PinValue.High);
            _time.Advance(TimeSpan.FromMilliseconds(500));
        }

        Assert.Equal(5, counter.Pulses);
    }

    [Fact]
    public void A_contact_that_is_closed_at_the_start_is_no_pulse()
    {
        var (driver, counter) = Watched(PinValue.Low);
        _time.Advance(TimeSpan.FromSeconds(1));
        driver.Drive(17, PinValue.High);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, counter.Pulses);
        driver.Drive(17, PinValue.Low);
        Assert.Equal(1, counter.Pulses);
    }

    [Fact]
    public void A_save_that_is_torn_at_any_byte_leaves_the_one_before()
    {
        var file = Path.Combine(_folder, "slots");
        var ids = Enumerable.Range(0, 3).Select(i => new RegisterKey("m", $"{i}", ObisCode.WaterVolume).Id).ToArray();
        CounterSnapshot Of(long n) => new(Instant.FromUnixTimeSeconds(n), ids.ToImmutableDictionary(i => i, i => new CounterState(n, n / 2, n / 3)));
        using (var slots = CounterSlots.Open(file))
        {
            slots.Save(Of(1));
            slots.Save(Of(2));
        }

        var before = File.ReadAllBytes(file);
        using (var slots = CounterSlots.Open(file))
        {
            slots.Save(Of(3));
        }

        var after = File.ReadAllBytes(file);
        Assert.Equal(before.Length, after.Length);
        var changed = Enumerable.Range(0, before.Length).Where(i => before[i] != after[i]).ToList();
        for (var cut = changed[0]; cut <= changed[^1]; cut++)
        {
            File.WriteAllBytes(file, [.. after[..cut], .. before[cut..]]);
            using var torn = CounterSlots.Open(file);
            Assert.Equal(2, torn.Found!.Counters[ids[0]].Pulses);
        }

        File.WriteAllBytes(file, after);
        using var whole = CounterSlots.Open(file);
        Assert.All(ids, i => Assert.Equal(new CounterState(3, 1, 1), whole.Found!.Counters[i]));
    }

    [Fact]
    public void A_first_save_that_was_torn_begins_anew_but_two_damaged_slots_are_set_aside()
    {
        var file = PulseCounters.FileIn(_folder);
        File.WriteAllBytes(file, new byte[CounterSlots.SlotSize + 20]);
        using (var slots = CounterSlots.Open(file))
        {
            Assert.Null(slots.Found);
            slots.Save(new CounterSnapshot(Instant.FromUnixTimeSeconds(1), []));
            slots.Save(new CounterSnapshot(Instant.FromUnixTimeSeconds(2), []));
        }

        var bytes = File.ReadAllBytes(file);
        (bytes[9], bytes[CounterSlots.SlotSize + 9]) = (0xFF, 0xFF);
        File.WriteAllBytes(file, bytes);
        using var counters = Counters();
        Assert.Equal(bytes, File.ReadAllBytes(counters.SetAside!));
    }

    [Fact]
    public void A_checksum_is_the_one_of_the_standard() => Assert.Equal(0xCBF43926, Crc32.Of("123456789"u8));

    [Fact]
    public async Task The_register_goes_on_after_a_restart_and_lost_pulses_are_told_once()
    {
        using (var counters = Counters())
        {
            var first = await counters.Meters[0].ReadAsync(forBilling: true, TestContext.Current.CancellationToken);
            Assert.Equal((1_000, ReadingQuality.RegisterSet), (first.Readings[0].Value, first.Readings[0].Quality));
            counters.Meters[0].Stored();
            _source.Counter!.Count();
            _source.Counter.Lose(7);
        }

        _time.Advance(TimeSpan.FromMinutes(5));
        using var again = Counters();
        var read = await again.Meters[0].ReadAsync(forBilling: true, TestContext.Current.CancellationToken);
        Assert.Equal((1_001, ReadingQuality.PulsesLost), (read.Readings[0].Value, read.Readings[0].Quality));
        Assert.Equal(["pulses-unwatched", "pulses-lost"], read.Events.Select(e => e.Kind));
        Assert.Contains("at least 7 pulses lost", read.Events[1].Detail, StringComparison.Ordinal);
        again.Meters[0].Stored();
        var next = await again.Meters[0].ReadAsync(forBilling: true, TestContext.Current.CancellationToken);
        Assert.Equal((ReadingQuality.Good, true), (next.Readings[0].Quality, next.Events.IsEmpty));
    }

    [Fact]
    public async Task A_source_that_fails_is_watched_anew_and_the_pause_is_told()
    {
        using var counters = Counters();
        await counters.Meters[0].ReadAsync(forBilling: true, TestContext.Current.CancellationToken);
        counters.Meters[0].Stored();
        _source.Fault = new IOException("unplugged");
        _time.Advance(TimeSpan.FromMinutes(1));
        var read = await counters.Meters[0].ReadAsync(forBilling: true, TestContext.Current.CancellationToken);
        Assert.Equal(2, _source.Watches);
        Assert.Single(read.Readings);
    }

    [Fact]
    public void Counters_are_saved_after_a_hundred_pulses_or_ten_seconds()
    {
        using var counters = Counters();
        counters.Meters[0].Begin();
        counters.Save();
        var saved = counters.Syncs;
        _source.Counter!.Count();
        counters.SaveIfDue();
        Assert.Equal(saved, counters.Syncs);
        _time.Advance(TimeSpan.FromSeconds(10));
        counters.SaveIfDue();
        Assert.Equal(saved + 1, counters.Syncs);
        for (var i = 0; i < 100; i++)
        {
            _source.Counter.Count();
        }

        counters.SaveIfDue();
        Assert.Equal(saved + 2, counters.Syncs);
        _time.Advance(TimeSpan.FromMinutes(5));
        counters.SaveIfDue();
        Assert.Equal(saved + 2, counters.Syncs);
    }

    [Fact]
    public void An_instant_without_new_pulses_is_kept_without_waiting_for_the_disk()
    {
        Instant through;
        using (var counters = Counters())
        {
            counters.Meters[0].Begin();
            _source.Counter!.Count();
            counters.Save(keepInstant: true);
            var saved = counters.Syncs;
            for (var i = 0; i < 3; i++)
            {
                _time.Advance(TimeSpan.FromMinutes(15));
                counters.Save(keepInstant: true);
            }

            Assert.Equal(saved, counters.Syncs);
            through = counters.Through;
            Assert.Equal(through, CounterSlots.Peek(PulseCounters.FileIn(_folder))!.Through); // before anything is disposed
        }

        using var again = Counters();
        Assert.Equal(through, again.Found);
    }

    [Fact]
    public void Any_pulse_value_leads_back_from_register_to_pulses() =>
        Prop.ForAll(
            Gen.Choose(1, 5_000).Three().ToArbitrary(),
            t =>
            {
                Assert.True(PulseValue.TryParse($"{t.Item1}/{t.Item2} Wh", ObisCode.ActiveImport, out var value));
                return value.TryPulses(value.Register(t.Item3), out var pulses) && value.Register(pulses) == value.Register(t.Item3);
            }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task A_simulated_kernel_chip_counts_through_the_character_device()
    {
        const string Simulated = "/sys/kernel/config/gpio-sim";
        Assert.SkipUnless(Directory.Exists(Simulated), "this kernel has no gpio-sim");
        await using var chip = GpioSim.Create(Simulated);
        using var source = new CharacterDeviceSource();
        var counter = new PulseCounter();
        using var watch = source.Watch(Pin with { Source = PulseSourceKind.GpioCdev, Chip = chip.Name, Pin = 0, Debounce = TimeSpan.Zero }, counter);
        for (var i = 0; i < 200; i++)
        {
            chip.Pull(up: false);
            chip.Pull(up: true);
        }

        Assert.True(SpinWait.SpinUntil(() => counter.Pulses == 200, TimeSpan.FromSeconds(5)), $"{counter.Pulses} of 200");
        Assert.Equal(0, counter.Lost);
    }

    private readonly FakeSource _source = new();

    private PulseCounters Counters() => PulseCounters.Open(_folder, [Water], _ => _source, _time);

    private (SimulatedGpioDriver Driver, PulseCounter Counter) Watched(PinValue level)
    {
        var driver = new SimulatedGpioDriver();
        driver.Drive(17, level);
        var counter = new PulseCounter();
        new GpioControllerSource(driver, "test", _time).Watch(Pin, counter);
        return (driver, counter);
    }

    private void Bounce(SimulatedGpioDriver driver, PinValue to)
    {
        for (var i = 0; i < 4; i++)
        {
            driver.Drive(17, to);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            driver.Drive(17, to == PinValue.Low ? PinValue.High : PinValue.Low);
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }

        driver.Drive(17, to);
    }

    /// <summary>Falling edges with the given line sequence numbers, as the kernel writes them.</summary>
    private static byte[] Events(params uint[] sequence)
    {
        var bytes = new byte[sequence.Length * LineEventStream.EventSize];
        for (var i = 0; i < sequence.Length; i++)
        {
            var record = bytes.AsSpan(i * LineEventStream.EventSize);
            BinaryPrimitives.WriteUInt64LittleEndian(record, 1_000_000ul * sequence[i]);
            BinaryPrimitives.WriteUInt32LittleEndian(record[8..], 2);
            BinaryPrimitives.WriteUInt32LittleEndian(record[12..], 17);
            BinaryPrimitives.WriteUInt32LittleEndian(record[16..], unchecked(sequence[i] + 40));
            BinaryPrimitives.WriteUInt32LittleEndian(record[20..], sequence[i]);
        }

        return bytes;
    }

    private sealed class FakeSource : IPulseSource, IPulseWatch
    {
        public PulseCounter? Counter { get; private set; }

        public int Watches { get; private set; }

        public string Through => "a fake";

        public Exception? Fault { get; set; }

        public IPulseWatch Watch(PulsePin pin, PulseCounter counter)
        {
            (Counter, Fault, Watches) = (counter, null, Watches + 1);
            return this;
        }

        public void Dispose()
        {
        }
    }
}
