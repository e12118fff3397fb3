using NodaTime;
using UsageBilling.Demo;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>A memory card is copied: two gateways of one name, one key and one stream go on from the same place.</summary>
[Collection(nameof(OneAtATime))]
public sealed class ClonedCardTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_copied_memory_card_opens_a_stream_of_its_own_and_both_histories_come_out_right()
    {
        var token = TestContext.Current.CancellationToken;
        await using var faults = await FaultRoad.StartAsync(token);
        var (copied, original, clone) = (FaultSite.From + Duration.FromHours(20), FaultSite.From + Duration.FromHours(30), FaultSite.From + Duration.FromHours(40));
        await faults.RunGatewayAsync(copied, token);
        var card = Path.Combine(faults.Road.Folder, "copied-card");
        await Child.RunAsync("cp", "/bin/cp", ["-a", faults.Road.GatewayState, card], null, null, token);

        // The original goes on; then the clone, which thinks that it is still where the copy was made; then the original again.
        await faults.RunGatewayAsync(original, token);
        await faults.RunGatewayAsync(clone, token, card);
        await faults.RunGatewayAsync(clone + Duration.FromHours(1), token);
        await faults.UntilProjectedAsync(token);

        var shown = await faults.ShownAsync(FaultSite.Gateway, token);
        var streams = shown.GetProperty("streams").EnumerateArray().ToList();
        output.WriteLine(shown.ToString());
        Assert.InRange(streams.Count, 2, 3);
        var closed = streams[^1].GetProperty("closedReason").GetString();
        Assert.Contains(streams[^2].GetProperty("stream").GetString()!, closed, StringComparison.Ordinal);
        Assert.Equal(0, shown.GetProperty("parked").GetArrayLength());
        var check = await OracleCheck.RunAsync(faults, token);
        Assert.Empty(check.Differences.Take(10));
        Assert.Equal(clone + Duration.FromHours(1), check.Last);
        Assert.True(check.Repeated > 0, "both cards must have sampled the same hours");
        output.WriteLine((await faults.Road.CloudAsync(["verify"], token)).Trim());
    }
}
