using System.Globalization;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>
/// kill -9 at seeded moments while the gateway samples and forwards. Afterwards every boundary of every register is what the simulated site says, once,
/// and <c>verify</c> finds nothing. PostgreSQL runs with fsync on; all parts are programs of their own.
/// </summary>
[Collection(nameof(OneAtATime))]
public sealed class KillTests(ITestOutputHelper output)
{
    private static readonly bool Long = Environment.GetEnvironmentVariable("USAGE_BILLING_LONG") == "1";
    private static readonly TimeSpan Recovery = TimeSpan.FromMinutes(Long ? 5 : 1);

    [Fact]
    [Trait("Form", "long")]
    public Task Gateway_cloud_broker_and_PostgreSQL_killed_while_readings_travel_through_Mosquitto_lose_nothing() =>
        RunAsync("kills-mosquitto", seed: 9, road => Mosquitto.Start(road, "max_inflight_messages 1000", "max_queued_messages 10000"), ["gateway", "cloud", "broker", "postgres"], roundsEach: Long ? 20 : 1);

    [Fact]
    [Trait("Form", "long")]
    public Task Gateway_cloud_with_its_broker_and_PostgreSQL_killed_while_readings_travel_lose_nothing() =>
        RunAsync("kills-embedded", seed: 15, null, ["gateway", "cloud", "postgres"], roundsEach: Long ? 20 : 1);

    private async Task RunAsync(string name, int seed, Func<Road, Mosquitto>? broker, string[] victims, int roundsEach)
    {
        var token = TestContext.Current.CancellationToken;
        var random = new Random(seed);
        using var log = RunLog.Open(name, output);
        await using var faults = await FaultRoad.StartAsync(token, broker);
        log.Write("everything runs");
        faults.StartGateway();
        var order = Enumerable.Repeat(victims, roundsEach).SelectMany(v => v).ToArray();
        random.Shuffle(order);
        log.Write($"seed {seed}, {order.Length} rounds; at each kill: batches committed, batches unacknowledged, readings unsealed, transactions open");
        var rounds = new List<InFlight>();
        long committed = 0;
        foreach (var victim in order)
        {
            // What moved on since the last kill is the proof of recovery; how much, and the moment after it, is chance.
            var goal = committed + random.Next(5, 60);
            await faults.Road.UntilAsync($"the cloud commits batch {goal} in round {rounds.Count + 1}", async () => await faults.CommittedAsync(token) >= goal, token, Recovery);
            await Task.Delay(random.Next(60), token);
            var at = await InFlight.AtAsync(faults, () => KillAsync(faults, victim, token), token);
            rounds.Add(at);
            committed = at.Committed;
            log.Write($"round {rounds.Count,3}: kill -9 {victim,-8} {at.Committed,6} committed {at.Unacknowledged,3} unacknowledged {at.Unsealed,6} unsealed {at.Transactions,2} open");
            await RestartAsync(faults, victim, token);
        }

        await faults.Road.UntilAsync("the last kill is recovered from", async () => await faults.CommittedAsync(token) > committed, token, Recovery);
        await faults.DrainAsync(token);
        await JudgeAsync(faults, log, rounds, order.Count(v => v == "gateway"), token);
    }

    private static async Task JudgeAsync(FaultRoad faults, RunLog log, List<InFlight> rounds, int gatewayKills, CancellationToken token)
    {
        var reported = faults.ReportedStored();
        var check = await OracleCheck.RunAsync(faults, token);
        log.Write($"rounds with work in flight: {rounds.Count(r => r.Any)} of {rounds.Count} ({rounds.Count(r => r.Unacknowledged > 0)} with batches unacknowledged, {rounds.Count(r => r.Transactions > 0)} with transactions open)");
        log.Write($"{check.Slots} slots compared through {check.Last}; reported stored through {reported}; {check.Repeated} readings sampled twice after {gatewayKills} kills of the gateway; {check.Differences.Count} differences");
        Assert.Empty(check.Differences.Take(10));
        Assert.Empty(await OracleCheck.JournalAsync(faults, token));
        Assert.InRange(check.Last, reported, FaultSite.Far);
        Assert.InRange(check.Repeated, 0, gatewayKills * FaultSite.Oracle.Registers.Count());

        // No kill may look like a copied card, a broken key or a bad reading.
        var shown = await faults.ShownAsync(FaultSite.Gateway, token);
        Assert.Equal(1, shown.GetProperty("streams").GetArrayLength());
        Assert.Equal(0, shown.GetProperty("parked").GetArrayLength());
        Assert.Equal(0, shown.GetProperty("refusals").GetArrayLength());
        log.Write((await faults.Road.CloudAsync(["verify"], token)).Trim());
        Assert.InRange(rounds.Count(r => r.Any), (rounds.Count + 1) / 2, rounds.Count);
    }

    private static async Task KillAsync(FaultRoad faults, string victim, CancellationToken token)
    {
        if (victim != "postgres")
        {
            await faults.Road.KillAsync(victim, token);
            return;
        }

        // Its children see that it is gone and end too; the cloud starts it again.
        var pid = (await File.ReadAllLinesAsync(Path.Combine(faults.Road.CloudState, "postgres", "data", "postmaster.pid"), token))[0];
        Signal.Send(Signal.Kill, int.Parse(pid, CultureInfo.InvariantCulture));
    }

    private static async Task RestartAsync(FaultRoad faults, string victim, CancellationToken token)
    {
        switch (victim)
        {
            case "gateway":
                faults.StartGateway();
                break;
            case "cloud":
                await faults.Road.StartCloudAsync(token);
                break;
            case "broker":
                faults.Broker!.Start();
                break;
        }
    }
}
