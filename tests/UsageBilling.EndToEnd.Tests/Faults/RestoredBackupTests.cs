using NodaTime;
using UsageBilling.Demo;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>The cloud's database is put back to an older copy of its files.</summary>
[Collection(nameof(OneAtATime))]
public sealed class RestoredBackupTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_cloud_restored_from_an_older_backup_gets_everything_again_from_the_gateway()
    {
        var token = TestContext.Current.CancellationToken;
        await using var faults = await FaultRoad.StartAsync(token);
        var (backedUp, lost, end) = (FaultSite.From + Duration.FromHours(12), FaultSite.From + Duration.FromHours(36), FaultSite.From + Duration.FromHours(40));
        var (data, backup) = (Path.Combine(faults.Road.CloudState, "postgres", "data"), Path.Combine(faults.Road.Folder, "backup"));
        await faults.RunGatewayAsync(backedUp, token);
        var then = await faults.CommittedAsync(token);
        await StopAsync(faults);
        await Child.RunAsync("cp", "/bin/cp", ["-a", data, backup], null, null, token);
        await faults.Road.StartCloudAsync(token);

        await faults.RunGatewayAsync(lost, token);
        var before = await faults.CommittedAsync(token);
        await StopAsync(faults);
        Directory.Move(data, data + ".lost");
        Directory.Move(backup, data);
        await faults.Road.StartCloudAsync(token);
        Assert.Equal(then, await faults.CommittedAsync(token));
        Assert.True(before > then, "something must have been lost");

        await faults.RunGatewayAsync(end, token);
        await faults.UntilProjectedAsync(token);
        var check = await OracleCheck.RunAsync(faults, token);
        output.WriteLine($"backup at batch {then}, lost at {before}, at the end {await faults.CommittedAsync(token)}; {check.Slots} slots through {check.Last}");
        Assert.Empty(check.Differences.Take(10));
        Assert.Equal(end, check.Last);
        Assert.Empty(await OracleCheck.JournalAsync(faults, token));
        var shown = await faults.ShownAsync(FaultSite.Gateway, token);
        Assert.Equal(1, shown.GetProperty("streams").GetArrayLength());
        Assert.Equal(0, shown.GetProperty("refusals").GetArrayLength());
        output.WriteLine((await faults.Road.CloudAsync(["verify"], token)).Trim());
    }

    private static async Task StopAsync(FaultRoad faults)
    {
        await faults.Road.CloseDatabaseAsync();
        await faults.Road.StopAsync("cloud");
    }
}
