using Google.Protobuf;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>What Mosquitto, or somebody on it, can do to a stream; one running system for all of it, whose gateway goes on from test to test.</summary>
[Collection(nameof(OneAtATime))]
public sealed class UnreliableBrokerTests(UnreliableBrokerTests.Running running, ITestOutputHelper output) : IClassFixture<UnreliableBrokerTests.Running>
{
    private readonly CancellationToken token = TestContext.Current.CancellationToken;

    private FaultRoad Faults => running.Faults;

    [Fact]
    public async Task A_broker_that_throws_queued_messages_away_loses_nothing()
    {
        Faults.StartGateway();
        var cloud = Faults.Road.Piece("cloud").Id;
        await UntilMovedAsync(20);
        using var crowd = new MqttClientFactory().CreateMqttClient();
        var password = await File.ReadAllTextAsync(Path.Combine(Faults.Road.GatewayState, "mqtt.password"), token);
        await crowd.ConnectAsync(
            new MqttClientOptionsBuilder().WithProtocolVersion(MqttProtocolVersion.V500).WithClientId("crowd").WithCredentials(FaultSite.Gateway, password.Trim())
                .WithTcpServer("127.0.0.1", Faults.Broker!.Port).Build(),
            token);

        // The cloud stands still and so many messages wait for it that the broker throws away what comes: the batches of the gateway too.
        Signal.Send(Signal.Stop, cloud);
        await Faults.Road.UntilAsync("the broker throws messages away", async () =>
        {
            await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => crowd.PublishAsync(Status, token)));
            return Dropped() > 0;
        }, token);
        await Task.Delay(TimeSpan.FromSeconds(2), token);
        Signal.Send(Signal.Continue, cloud);

        await UntilMovedAsync(20);
        await Faults.DrainAsync(token);
        output.WriteLine($"the broker said {Dropped()} times that it drops messages");
        await JudgeAsync();
    }

    private static MqttApplicationMessage Status => new MqttApplicationMessageBuilder().WithTopic(Topics.Status(FaultSite.Gateway))
        .WithPayload("""{"state":"online"}""").WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build();

    private int Dropped()
    {
        using var log = new StreamReader(new FileStream(Path.Combine(Faults.Road.Folder, "broker.log"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return log.ReadToEnd().Split("messages are being dropped").Length - 1;
    }

    [Fact]
    public async Task Acknowledgements_that_are_late_or_name_another_history_change_nothing()
    {
        Faults.StartGateway();
        await UntilMovedAsync(10);
        var stream = await Faults.ScalarAsync<Guid>("SELECT stream FROM stream WHERE gateway = $1", token, FaultSite.Gateway);
        var old = await Faults.ScalarAsync<byte[]>("SELECT chain_hash FROM reading_batch WHERE gateway = $1 AND sequence = 3", token, FaultSite.Gateway);
        using var client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(
            new MqttClientOptionsBuilder().WithProtocolVersion(MqttProtocolVersion.V500).WithClientId("late").WithCredentials(Mosquitto.CloudUser, Mosquitto.CloudPassword)
                .WithTcpServer("127.0.0.1", Faults.Broker!.Port).Build(),
            token);
        for (var round = 0; round < 20; round++)
        {
            var committed = (ulong)await UntilMovedAsync(1);
            await SayAsync(client, new Ack { Stream = BatchCodec.Bytes(stream), CommittedThrough = 3, Hash = ByteString.CopyFrom(old) });

            // If the gateway believed this, it would never send what is under way, and lose it.
            for (ulong ahead = 0; ahead < 16; ahead++)
            {
                await SayAsync(client, new Ack { Stream = BatchCodec.Bytes(stream), CommittedThrough = committed + ahead, Hash = ByteString.CopyFrom(new byte[32]) });
            }
        }

        await UntilMovedAsync(5);
        await Faults.DrainAsync(token);
        await JudgeAsync();
    }

    [Fact]
    public async Task A_key_renewed_while_batches_wait_signs_the_same_bodies_again()
    {
        Faults.StartGateway();
        await UntilMovedAsync(10);

        // Without the cloud the gateway goes on sealing until its window is full. Then everything is gone: what was under way is on its disk only.
        await Faults.Road.KillAsync("cloud", token);
        await Task.Delay(TimeSpan.FromSeconds(1), token);
        await Faults.Road.KillAsync("gateway", token);
        await Faults.Road.KillAsync("broker", token);
        Faults.Broker!.Start();
        await Faults.Road.StartCloudAsync(token);
        await Faults.Road.EnrolAsync(FaultSite.Gateway, token);
        await Faults.Broker.RefreshPasswordsAsync(token);
        Faults.StartGateway();
        await UntilMovedAsync(20);
        await Faults.DrainAsync(token);
        var (refused, detail) = await Faults.ShownAsync(FaultSite.Gateway, "refusals", "closed-key", token);
        output.WriteLine($"{refused} batches with the old key were refused: {detail}");
        Assert.True(refused > 0, "batches with the old key must have been refused visibly");
        Assert.Equal(2L, await Faults.ScalarAsync<long>("SELECT count(DISTINCT key_id) FROM reading_batch WHERE gateway = $1", token, FaultSite.Gateway));
        Assert.Equal(1, (await Faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("openKeys").GetInt32());
        await JudgeAsync();
    }

    private async Task<long> UntilMovedAsync(int batches)
    {
        var goal = await Faults.CommittedAsync(token) + batches;
        await Faults.Road.UntilAsync($"the cloud commits batch {goal}", async () => await Faults.CommittedAsync(token) >= goal, token);
        return await Faults.CommittedAsync(token);
    }

    private Task SayAsync(IMqttClient client, Ack ack) => client.PublishAsync(
        new MqttApplicationMessageBuilder().WithTopic(Topics.Ack(FaultSite.Gateway)).WithPayload(ack.ToByteArray()).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build(), token);

    private async Task JudgeAsync()
    {
        var check = await OracleCheck.RunAsync(Faults, token);
        output.WriteLine($"{check.Slots} slots compared through {check.Last}, {check.Differences.Count} differences");
        Assert.Empty(check.Differences.Take(10));
        Assert.InRange(check.Last, Faults.ReportedStored(), FaultSite.Far);
        Assert.Empty(await OracleCheck.JournalAsync(Faults, token));
        var shown = await Faults.ShownAsync(FaultSite.Gateway, token);
        Assert.Equal(1, shown.GetProperty("streams").GetArrayLength());
        Assert.Equal(0, shown.GetProperty("parked").GetArrayLength());
        await Faults.Road.CloudAsync(["verify"], token);
    }

    /// <summary>The system behind a Mosquitto that keeps little.</summary>
    public sealed class Running : IAsyncLifetime
    {
        internal FaultRoad Faults { get; private set; } = null!;

        public async ValueTask InitializeAsync() =>
            Faults = await FaultRoad.StartAsync(TestContext.Current.CancellationToken, road => Mosquitto.Start(road, "max_queued_messages 10"));

        public ValueTask DisposeAsync() => Faults?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
