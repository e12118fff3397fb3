using FsCheck;
using FsCheck.Fluent;
using UsageBilling.Edge.Buffer;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Tests.Buffer;

public sealed class SealingTests
{
    private static readonly bool Long = Environment.GetEnvironmentVariable("USAGE_BILLING_LONG") == "1";

    [Fact]
    public async Task A_live_batch_holds_at_most_128_readings_and_a_backlog_batch_at_most_2000()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(1, readings: 100);
        Assert.Equal(100, (await fixture.Buffer.SealNext(fixture.Terms))!.Readings);

        await fixture.StoreCycles(25, readings: 100);
        Assert.Equal(2_000, (await fixture.Buffer.SealNext(fixture.Terms))!.Readings);
        Assert.Equal(500, (await fixture.Buffer.SealNext(fixture.Terms))!.Readings);
        Assert.Null(await fixture.Buffer.SealNext(fixture.Terms));
    }

    [Fact]
    public async Task A_cycle_larger_than_a_live_batch_is_sealed_in_parts()
    {
        using var fixture = new BufferFixture();
        fixture.Buffer.OfferLiveRoom(new LiveRoom(fixture.Terms, 3));
        var stored = await fixture.StoreCycles(1, readings: 300);
        var batches = await fixture.Buffer.Read(1, 10);
        Assert.Equal([128, 128, 44], batches.Select(b => b.Readings));
        Assert.Equal(stored.ToHashSet(), batches.SelectMany(b => BufferFixture.Decode(b).Readings).ToHashSet());
    }

    [Fact]
    public async Task Sealed_batches_are_the_same_bytes_after_a_restart()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(3);
        var before = await fixture.Buffer.SealNext(fixture.Terms);
        fixture.Close();
        var after = Assert.Single(await fixture.Buffer.Read(1, 10));
        Assert.Equal(before!.Body, after.Body);
        Assert.Equal(before.Signature, after.Signature);
        Assert.Equal(before.Sequence, fixture.Buffer.Position.SealedThrough);
    }

    [Fact]
    public async Task Live_room_is_taken_once_and_overtakes_the_backlog()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(5);
        fixture.Buffer.OfferLiveRoom(new LiveRoom(fixture.Terms, 1));
        var live = await fixture.StoreCycles(1);
        await fixture.StoreCycles(1);
        var sealedLive = Assert.Single(await fixture.Buffer.Read(1, 10));
        Assert.Equal(live.ToHashSet(), BufferFixture.Decode(sealedLive).Readings.ToHashSet());
        Assert.Equal(6 * 8, fixture.Buffer.Position.UnsealedReadings);
    }

    [Fact]
    public void Every_stored_reading_is_in_exactly_one_batch_and_the_chain_has_no_hole()
    {
        var steps = Gen.Elements("store", "store", "store", "seal", "live", "ack", "reopen").ListOf();
        Prop.ForAll(steps.ToArbitrary(), script => RunScript([.. script]).GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(Long ? 500 : 20));
    }

    private static async Task<bool> RunScript(List<string> script)
    {
        using var fixture = new BufferFixture();
        var stored = new List<Reading>();
        foreach (var (step, i) in script.Select((s, i) => (s, i)))
        {
            switch (step)
            {
                case "store":
                    stored.AddRange(await fixture.StoreCycles(1 + (i % 3), readings: 1 + (i * 37 % 150)));
                    break;
                case "seal":
                    await fixture.Buffer.SealNext(fixture.Terms);
                    break;
                case "live":
                    fixture.Buffer.OfferLiveRoom(new LiveRoom(fixture.Terms, 1 + (i % 2)));
                    break;
                case "ack" when await fixture.Buffer.Read(1, 1000) is [.., var last]:
                    await fixture.Buffer.Acknowledge(last.Stream, last.Sequence, last.ChainHash);
                    break;
                case "reopen":
                    fixture.Reopen();
                    break;
            }
        }

        await fixture.SealAll();
        var batches = await fixture.Buffer.Read(1, 10_000);
        byte[] previous = [];
        foreach (var (batch, i) in batches.Select((b, i) => (b, i)))
        {
            var body = BufferFixture.Decode(batch);
            Assert.Equal((ulong)(i + 1), body.Sequence);
            Assert.Equal(previous, body.PreviousHash);
            Assert.Equal(BatchSignature.Hash(batch.Body), batch.Hash);
            previous = batch.ChainHash;
        }

        var all = batches.SelectMany(b => BufferFixture.Decode(b).Readings).ToList();
        Assert.Equal(stored.Count, all.Count);
        Assert.Equal(stored.ToHashSet(), all.ToHashSet());
        Assert.Equal(0, fixture.Buffer.Position.UnsealedReadings);
        return true;
    }
}
