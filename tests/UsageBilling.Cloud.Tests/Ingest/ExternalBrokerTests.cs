using Google.Protobuf;
using MQTTnet;
using Npgsql;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Tests.Ingest;

public sealed class ExternalBrokerTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    private readonly IngestCloud questions = new(database.Source);

    public void Dispose() => questions.Dispose();

    [Fact]
    public async Task Two_instances_behind_Mosquitto_share_a_stream_and_acknowledge_its_contiguous_prefix()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await using var broker = await MosquittoBroker.StartAsync(database);
        await using var one = await RunningCloud.StartAsync(database, broker.For);
        await using var two = await RunningCloud.StartAsync(database, broker.For);
        await UntilConnectedAsync(one, two);
        await using var connection = await MqttGateway.ConnectAsync(gateway, broker.Port);
        await connection.SendUntilAcknowledgedAsync(gateway.Next(300, 4), window: 50);
        Assert.Equal(300, await questions.CommittedAsync(gateway));
        Assert.Equal(300, await questions.JournalledAsync(gateway));
        Assert.Equal(gateway.LastHash, await questions.AskAsync<byte[]>("SELECT last_hash FROM stream WHERE gateway = $1", gateway.Name));

        await connection.PublishAsync(Topics.Position(gateway.Name), new PositionRequest { Stream = BatchCodec.Bytes(gateway.Stream) }.ToByteArray(), [1]);
        var (ack, correlation) = await connection.HearAsync(a => a.Kind == Ack.Types.Kind.Position);
        Assert.Equal((300ul, 1), (ack.CommittedThrough, correlation![0]));
    }

    [Fact]
    public async Task A_broker_that_throws_queued_messages_away_loses_nothing()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await using var broker = await MosquittoBroker.StartAsync(database, "max_inflight_messages 5", "max_queued_messages 10");
        await using var cloud = await RunningCloud.StartAsync(database, broker.For);
        await UntilConnectedAsync(cloud);
        await using var connection = await MqttGateway.ConnectAsync(gateway, broker.Port);
        await connection.SendUntilAcknowledgedAsync(gateway.Next(300, 4), window: 100);
        Assert.Equal(300, await questions.CommittedAsync(gateway));
        Assert.Equal(300, await questions.JournalledAsync(gateway));
    }

    [Fact]
    public async Task A_broker_that_dies_while_a_batch_is_being_committed_does_not_end_ingest()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        var broker = await MosquittoBroker.StartAsync(database);
        await using var cloud = await RunningCloud.StartAsync(database, broker.For);
        await UntilConnectedAsync(cloud);
        await using var connection = await MqttGateway.ConnectAsync(gateway, broker.Port);
        await connection.SendUntilAcknowledgedAsync(gateway.Next(1, 4), window: 1);

        // The stream's row is held, so the batch is under way when the broker goes, and settling it finds no connection.
        await using (var holder = await database.Source.OpenConnectionAsync())
        {
            await using var transaction = await holder.BeginTransactionAsync();
            await using var hold = new NpgsqlCommand("SELECT 1 FROM stream WHERE gateway = $1 FOR UPDATE", holder, transaction) { Parameters = { new() { Value = gateway.Name } } };
            await hold.ExecuteNonQueryAsync();
            await connection.PublishAsync(gateway.Next());
            while (await questions.AskAsync<long>("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0)
            {
                await Task.Yield();
            }

            await broker.DisposeAsync();
            while (cloud.Get<ExternalBroker>().IsConnected)
            {
                await Task.Yield();
            }

            await transaction.RollbackAsync();
        }

        await cloud.Get<IngestQueue>().AddAsync(gateway.Next(), TimeSpan.FromSeconds(5), default);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (await questions.CommittedAsync(gateway) < 3)
        {
            patience.Token.ThrowIfCancellationRequested();
        }
    }

    [Fact]
    public async Task The_deployments_access_list_keeps_gateways_apart()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        using var victim = await FieldGateway.EnrolledAsync(database.Source);
        await using var broker = await MosquittoBroker.StartAsync(database);
        await using var cloud = await RunningCloud.StartAsync(database, broker.For);
        await UntilConnectedAsync(cloud);
        await using var connection = await MqttGateway.ConnectAsync(gateway, broker.Port);
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, (await connection.PublishAsync(victim.Next())).ReasonCode);
        await connection.PublishAsync(gateway.Next());
        await connection.HearAsync(a => a.CommittedThrough == 1);
        Assert.Equal(0, await questions.JournalledAsync(victim));
    }

    private static async Task UntilConnectedAsync(params RunningCloud[] clouds)
    {
        foreach (var cloud in clouds)
        {
            using var http = new HttpClient { BaseAddress = cloud.Address };
            while (!(await http.GetAsync("/readyz")).IsSuccessStatusCode)
            {
                await Task.Yield();
            }
        }
    }
}
