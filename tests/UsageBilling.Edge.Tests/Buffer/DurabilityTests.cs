using UsageBilling.Edge.Buffer;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.Edge.Tests.Buffer;

/// <summary>What was reported stored is there: after kill -9, on a full disk, and when the disk fails now and then.</summary>
public sealed class DurabilityTests(ITestOutputHelper output)
{
    private static readonly bool Long = Environment.GetEnvironmentVariable("USAGE_BILLING_LONG") == "1";

    [Fact]
    public async Task Kill_minus_9_loses_nothing_that_was_reported_stored()
    {
        using var fixture = new BufferFixture();
        var random = new Random(20260301);
        long last = 0;
        for (var round = 1; round <= (Long ? 200 : 6); round++)
        {
            using var child = BufferChild.Start(fixture.Folder, last + 1);
            var wanted = random.Next(1, 120);
            while (wanted-- > 0 && await BufferChild.NextStored(child) is { } value)
            {
                last = value;
            }

            child.Kill();
            while (await BufferChild.NextStored(child) is { } value)
            {
                last = value;
            }

            await child.WaitForExitAsync();
            var found = await ReadAll(fixture.Buffer);
            fixture.Close();
            output.WriteLine($"round {round}: last reported stored {last}, found {found.Count}, highest {found.Max()}");
            Assert.Empty(Enumerable.Range(1, (int)last).Select(i => (long)i).Except(found));
            last = found.Max();
        }
    }

    [Fact]
    public async Task A_full_disk_loses_nothing_that_was_reported_stored()
    {
        using var disk = SmallDisk.TryMount(6) ?? throw Xunit.Sdk.SkipException.ForSkip("mounting a small file system needs root");
        using var fixture = new BufferFixture(new BufferOptions { Gateway = "gw-1", Fingerprint = "host-a", MinFreeBytes = 0 });
        var folder = Path.Combine(disk.Folder, "buffer");
        var stored = new HashSet<long>();
        var failures = 0;
        using (var buffer = ReadingBuffer.Open(folder, fixture.Options, fixture.Clock))
        {
            for (long value = 1; failures < 40 && value < 20_000; value++)
            {
                try
                {
                    await buffer.Store(CycleOf(fixture, value, readings: 100));
                    stored.Add(value);
                }
                catch (BufferException)
                {
                    failures++;
                }
            }

            disk.Grow(64);
            await buffer.Store(CycleOf(fixture, 30_000, readings: 1));
            stored.Add(30_000);
        }

        using var again = ReadingBuffer.Open(folder, fixture.Options, fixture.Clock);
        var found = await ReadAll(again);
        output.WriteLine($"{stored.Count} cycles reported stored, {failures} refused, {found.Count} found");
        Assert.Equal(40, failures);
        Assert.Empty(stored.Except(found));
    }

    [Fact]
    public async Task A_disk_that_fails_now_and_then_loses_nothing_that_was_reported_stored()
    {
        for (var seed = 1; seed <= (Long ? 100 : 8); seed++)
        {
            var faults = new Random(seed);
            using var fixture = new BufferFixture();
            fixture.OpenLog = file => new FailingLog(file, faults);
            var (stored, failures) = (new HashSet<long>(), 0);
            for (long value = 1; value <= 60; value++)
            {
                try
                {
                    await fixture.Buffer.Store(CycleOf(fixture, value));
                    stored.Add(value);
                }
                catch (IOException)
                {
                    failures++;
                }
            }

            fixture.OpenLog = file => new LogStream(file);
            var found = await ReadAll(fixture.Reopen());
            output.WriteLine($"seed {seed}: {stored.Count} reported stored, {failures} failed, {found.Count} found");
            Assert.True(failures > 0, "the disk must have failed");
            Assert.True(stored.Count > 0, "the buffer must have come back");
            Assert.Empty(stored.Except(found));
        }
    }

    [Theory]
    [InlineData(true, 1.05)]
    [InlineData(false, 2.05)]
    public async Task A_cycle_costs_few_fsyncs(bool liveRoom, double most)
    {
        const int cycles = 400;
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(1);
        var before = fixture.Buffer.Syncs;
        for (var i = 0; i < cycles; i++)
        {
            fixture.Buffer.OfferLiveRoom(liveRoom ? new LiveRoom(fixture.Terms, 1) : null);
            await fixture.StoreCycles(1, readings: 32);
            var batch = liveRoom ? (await fixture.Buffer.Read(i + 1, 1))[0] : await fixture.Buffer.SealNext(fixture.Terms);
            await fixture.Buffer.Acknowledge(batch!.Stream, batch.Sequence, batch.ChainHash);
        }

        var perCycle = (double)(fixture.Buffer.Syncs - before) / cycles;
        output.WriteLine($"{perCycle:0.000} fsyncs per cycle, sealing, acknowledging and checkpoints included ({(liveRoom ? "live" : "sealed on demand")})");
        Assert.InRange(perCycle, 0.99, most);
    }

    internal static SamplingCycle CycleOf(BufferFixture fixture, long value, int readings = 1)
    {
        var stamp = fixture.Clock.Stamp();
        return new SamplingCycle(stamp, [.. Enumerable.Range(1, readings).Select(i => new Reading(
            new RegisterKey("acme", $"M{i}", ObisCode.ActiveImport), stamp.At, value, 0, ReadingQuality.Good))], []);
    }

    /// <summary>Values in all batches and unsealed cycles; seals what waits.</summary>
    private static async Task<HashSet<long>> ReadAll(ReadingBuffer buffer)
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var terms = new SealTerms(body => Protocols.Wire.BatchSignature.Sign(body, key));
        while (await buffer.SealNext(terms) is not null)
        {
        }

        var values = new HashSet<long>();
        for (long from = 1; await buffer.Read(from, 64) is { Count: > 0 } page; from = page[^1].Sequence + 1)
        {
            values.UnionWith(page.SelectMany(b => BufferFixture.Decode(b).Readings).Select(r => r.Value));
        }

        return values;
    }

    private sealed class FailingLog(string file, Random faults) : LogStream(file)
    {
        protected override void WritePage(ReadOnlySpan<byte> page)
        {
            if (faults.Next(60) == 0)
            {
                // A part of the page arrives, as on a disk that fills up.
                base.WritePage(page[..faults.Next(page.Length)]);
                throw new IOException("no space left (test)");
            }

            base.WritePage(page);
        }

        protected override void Sync()
        {
            if (faults.Next(20) == 0)
            {
                throw new IOException("fsync failed (test)");
            }

            base.Sync();
        }
    }
}
