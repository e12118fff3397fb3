using UsageBilling.Testing;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>The disk under the gateway's state folder fills up while it samples and forwards.</summary>
[Collection(nameof(OneAtATime))]
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const int Megabytes = 96;

    [Fact]
    public async Task A_full_disk_loses_nothing_that_was_reported_stored_and_sampling_goes_on_when_there_is_room()
    {
        var token = TestContext.Current.CancellationToken;
        using var disk = SmallDisk.TryMount(Megabytes);
        Assert.SkipWhen(disk is null, "mounting a small file system needs root");
        await using var faults = await FaultRoad.StartAsync(token, state: Path.Combine(disk.Folder, "gateway"));
        var log = Path.Combine(faults.Road.Folder, "gateway.log");
        var ballast = Path.Combine(disk.Folder, "ballast");
        faults.StartGateway();
        for (var round = 1; round <= 2; round++)
        {
            var committed = await faults.CommittedAsync(token);
            await faults.Road.UntilAsync("batches are committed", async () => await faults.CommittedAsync(token) > committed + 20, token);
            var refused = Refused(log);
            Fill(ballast);
            await faults.Road.UntilAsync("the gateway cannot store", () => Task.FromResult(Refused(log) > refused), token);
            var reported = faults.ReportedStored();
            output.WriteLine($"round {round}: the disk is full; reported stored through {reported}");
            if (round == 2)
            {
                // A power cut meanwhile.
                await faults.Road.KillAsync("gateway", token);
            }

            File.Delete(ballast);
            if (round == 2)
            {
                faults.StartGateway();
            }

            await faults.Road.UntilAsync("sampling goes on", () => Task.FromResult(faults.ReportedStored() > reported), token);
        }

        await faults.DrainAsync(token);
        var check = await OracleCheck.RunAsync(faults, token);
        output.WriteLine($"{check.Slots} slots compared through {check.Last}, reported stored through {faults.ReportedStored()}, {check.Differences.Count} differences");
        Assert.Empty(check.Differences.Take(10));
        Assert.InRange(check.Last, faults.ReportedStored(), FaultSite.Far);
        Assert.Empty(await OracleCheck.JournalAsync(faults, token));
        Assert.Equal(1, (await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("streams").GetArrayLength());
        await faults.Road.CloudAsync(["verify"], token);
    }

    private static int Refused(string log)
    {
        using var text = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return text.ReadToEnd().Split("could not be stored").Length - 1;
    }

    // Until not a byte is left, as a log that somebody forgot would.
    private static void Fill(string file)
    {
        var block = new byte[64 << 10];
        try
        {
            using var stream = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            while (true)
            {
                stream.Write(block);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }
}
