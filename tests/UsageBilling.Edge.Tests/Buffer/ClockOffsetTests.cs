using NodaTime;
using UsageBilling.Edge.Buffer;

namespace UsageBilling.Edge.Tests.Buffer;

/// <summary>Batches say how far the clock was off that dated their readings.</summary>
public sealed class ClockOffsetTests
{
    [Fact]
    public async Task A_batch_carries_the_offset_and_says_nothing_of_less_than_a_second()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(1);
        Assert.Null(BufferFixture.Decode((await fixture.Buffer.SealNext(fixture.Terms))!).ClockOffset);

        fixture.Clock.Compare(fixture.Clock.Now - Duration.FromMilliseconds(900), Duration.Zero);
        await fixture.StoreCycles(1);
        Assert.Null(BufferFixture.Decode((await fixture.Buffer.SealNext(fixture.Terms))!).ClockOffset);

        fixture.SetClockBy(TimeSpan.FromMinutes(-5));
        await fixture.StoreCycles(2);
        Assert.Equal(Duration.FromMilliseconds(-299_100), BufferFixture.Decode(Assert.Single(await fixture.SealAll())).ClockOffset);

        fixture.Buffer.OfferLiveRoom(new LiveRoom(fixture.Terms, 1));
        await fixture.StoreCycles(1);
        Assert.Equal(Duration.FromMilliseconds(-299_100), BufferFixture.Decode((await fixture.Buffer.Read(1, 10))[^1]).ClockOffset);
    }

    [Fact]
    public async Task Readings_from_before_the_clock_was_set_go_in_a_batch_of_their_own()
    {
        using var fixture = new BufferFixture();
        fixture.SetClockBy(TimeSpan.FromHours(1));
        var wrong = await fixture.StoreCycles(3);
        fixture.SetClockBy(TimeSpan.FromHours(-1));
        var right = await fixture.StoreCycles(3);
        fixture.Clock.Compare(fixture.Clock.Now, Duration.FromSeconds(2));
        var batches = (await fixture.SealAll()).ConvertAll(BufferFixture.Decode);
        Assert.Equal([Duration.FromSeconds(3_598), (Duration?)null], batches.Select(b => b.ClockOffset));
        Assert.Equal([wrong.ToHashSet(), right.ToHashSet()], batches.Select(b => b.Readings.ToHashSet()));
    }

    [Fact]
    public async Task Nothing_is_said_of_readings_from_before_the_machine_started()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(1);
        fixture.NewClock(Guid.Parse("00000000-0000-0000-0000-00000000b002"));
        fixture.Reopen();
        fixture.Clock.Compare(fixture.Clock.Now - Duration.FromMinutes(5), Duration.Zero);
        await fixture.StoreCycles(1);
        Assert.Equal([null, Duration.FromMinutes(5)], (await fixture.SealAll()).Select(b => BufferFixture.Decode(b).ClockOffset));
    }
}
