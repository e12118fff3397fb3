using NodaTime;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>A meter is on the wall and read before the cloud is told of it.</summary>
[Collection(nameof(OneAtATime))]
public sealed class UnknownRegisterTests
{
    private const string LateMeter = "60418901";

    [Fact]
    public async Task Readings_of_a_register_that_nobody_knows_wait_visibly_and_come_by_themselves_once_it_is_registered()
    {
        var token = TestContext.Current.CancellationToken;
        await using var faults = await FaultRoad.StartAsync(token, registered: r => r.Serial != LateMeter);
        var end = FaultSite.From + Duration.FromHours(12);
        await faults.RunGatewayAsync(end, token);
        await faults.UntilProjectedAsync(token);
        var (waiting, detail) = await faults.ShownAsync(FaultSite.Gateway, "parked", "unknown-register", token);
        Assert.Equal(2 * ((12 * 60 / FaultSite.IntervalMinutes) + 1), waiting);
        Assert.NotEmpty(detail);

        await faults.ProvisionAsync(r => r.Serial == LateMeter, token);
        await faults.Road.UntilAsync("nothing is parked any more", async () => (await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("parked").GetArrayLength() == 0, token);
        var check = await OracleCheck.RunAsync(faults, token);
        Assert.Empty(check.Differences.Take(10));
        Assert.Equal(end, check.Last);
        await faults.Road.CloudAsync(["verify"], token);
    }
}
