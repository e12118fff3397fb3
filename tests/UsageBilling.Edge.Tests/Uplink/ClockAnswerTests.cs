using System.Text.Json;
using NodaTime;

namespace UsageBilling.Edge.Tests.Uplink;

/// <summary>The cloud's answers tell its time, and what the gateway sends from then on tells how far its own is off.</summary>
public sealed class ClockAnswerTests(ITestOutputHelper output)
{
    private static readonly Duration Slow = Duration.FromSeconds(5);

    [Fact]
    public async Task A_gateway_that_is_five_minutes_ahead_says_so_from_its_first_batch_on()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        gateway.Options = gateway.Options with { StatusEvery = TimeSpan.FromMilliseconds(50) };
        cloud.Clock = () => gateway.Store.Clock.Now - Duration.FromMinutes(5);
        await gateway.Connect(cloud);

        // The test's time must not move while an answer is on its way.
        await Until.True(() => gateway.Store.Clock.Offset is not null);
        await gateway.StoreAndSettle(cloud, 1);
        await gateway.StoreAndSettle(cloud, 1);
        Assert.All(cloud.Streams.Values.Single().Batches.Values, b => Assert.InRange(b.ClockOffset!.Value, Duration.FromMinutes(5) - Slow, Duration.FromMinutes(5)));
        await Until.True(async () => await cloud.RetainedStatus() is { } text && JsonDocument.Parse(text).RootElement.TryGetProperty("clockOffsetSeconds", out var told) && told.GetDecimal() is > 294 and <= 300);
    }

    [Fact]
    public async Task Acknowledgements_of_batches_tell_the_time_too()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await gateway.StoreAndSettle(cloud, 1);
        cloud.Clock = () => gateway.Store.Clock.Now + Duration.FromMinutes(5);
        await gateway.StoreAndSettle(cloud, 1);
        await Until.True(() => gateway.Store.Clock.Offset is not null);
        await gateway.StoreAndSettle(cloud, 1);
        Assert.Equal([null, null, -5], cloud.Streams.Values.Single().Batches.OrderBy(b => b.Key).Select(b => (int?)b.Value.ClockOffset?.TotalMinutes));
    }

    [Fact]
    public async Task A_clock_that_is_right_says_nothing()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        cloud.Clock = () => gateway.Store.Clock.Now;
        await gateway.Connect(cloud);

        // The test's time must not move while an answer is on its way.
        await Until.True(() => gateway.Store.Clock.Offset is not null);
        await gateway.StoreAndSettle(cloud, 1);
        await gateway.StoreAndSettle(cloud, 1);
        Assert.Equal(Duration.Zero, gateway.Store.Clock.Offset);
        Assert.All(cloud.Streams.Values.Single().Batches.Values, b => Assert.Null(b.ClockOffset));
    }
}
