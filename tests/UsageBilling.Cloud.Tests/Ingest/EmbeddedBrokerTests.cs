using Google.Protobuf;
using MQTTnet;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Tests.Ingest;

public sealed class EmbeddedBrokerTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    private readonly IngestCloud questions = new(database.Source);

    public void Dispose() => questions.Dispose();

    [Fact]
    public async Task Batches_published_to_the_host_are_journalled_and_acknowledged()
    {
        await using var cloud = await RunningCloud.StartAsync(database);
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await using var connection = await MqttGateway.ConnectAsync(gateway, cloud.MqttPort);
        await Task.WhenAll(gateway.Next(200, 8).Select(connection.PublishAsync));
        var begun = FieldGateway.Now.ToUnixTimeMilliseconds();
        var (ack, _) = await connection.HearAsync(a => a.CommittedThrough == 200);
        Assert.Equal(gateway.LastHash, ack.Hash.ToByteArray());
        Assert.InRange(ack.AtMs, begun - 60_000, FieldGateway.Now.ToUnixTimeMilliseconds());
        Assert.Equal(200, await questions.JournalledAsync(gateway));
    }

    [Fact]
    public async Task A_position_request_is_answered_with_its_correlation_data()
    {
        await using var cloud = await RunningCloud.StartAsync(database);
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await using var connection = await MqttGateway.ConnectAsync(gateway, cloud.MqttPort);
        await connection.PublishAsync(gateway.Next());
        await connection.HearAsync(a => a.CommittedThrough == 1);
        await connection.PublishAsync(Topics.Position(gateway.Name), new PositionRequest { Stream = BatchCodec.Bytes(gateway.Stream) }.ToByteArray(), [7, 8, 9]);
        var (ack, correlation) = await connection.HearAsync(a => a.Kind == Ack.Types.Kind.Position);
        Assert.Equal([7, 8, 9], correlation);
        Assert.InRange(ack.AtMs, FieldGateway.Now.ToUnixTimeMilliseconds() - 60_000, FieldGateway.Now.ToUnixTimeMilliseconds());
        Assert.Equal((1ul, ByteString.CopyFrom(gateway.LastHash)), (ack.CommittedThrough, ack.Hash));
    }

    [Fact]
    public async Task A_gateway_can_neither_publish_nor_listen_under_anothers_name()
    {
        await using var cloud = await RunningCloud.StartAsync(database);
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        using var victim = await FieldGateway.EnrolledAsync(database.Source);
        await using var connection = await MqttGateway.ConnectAsync(gateway, cloud.MqttPort);
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, (await connection.PublishAsync(victim.Next())).ReasonCode);
        Assert.Equal(
            [MqttClientSubscribeResultCode.NotAuthorized, MqttClientSubscribeResultCode.NotAuthorized],
            await connection.SubscribeAsync(Topics.Ack(victim.Name), "ub/v1/+/ack"));
        Assert.Equal(0, await questions.JournalledAsync(victim));
        Assert.Equal(1, await questions.KeptAsync(gateway.Name, RefusalReasons.ForeignGateway));
    }

    [Fact]
    public async Task A_wrong_password_or_a_borrowed_client_id_does_not_get_in()
    {
        await using var cloud = await RunningCloud.StartAsync(database);
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await using var one = MqttGateway.Unconnected();
        await using var two = MqttGateway.Unconnected();
        Assert.Equal(MqttClientConnectResultCode.BadUserNameOrPassword, await one.TryConnectAsync(gateway.Name, gateway.Name, "wrong", cloud.MqttPort));
        Assert.Equal(MqttClientConnectResultCode.BadUserNameOrPassword, await two.TryConnectAsync("another", gateway.Name, gateway.Password, cloud.MqttPort));
    }

    [Fact]
    public async Task Status_is_kept_and_a_broken_connection_shows_as_offline()
    {
        await using var cloud = await RunningCloud.StartAsync(database);
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await using var connection = await MqttGateway.ConnectAsync(gateway, cloud.MqttPort);
        await connection.PublishAsync(Topics.Status(gateway.Name), """{"state":"online","version":"1.2.3"}"""u8.ToArray());
        var seen = (await GatewayOverview.ReadAsync(database.Source, default)).Single(g => g.Gateway == gateway.Name);
        Assert.True(seen.Online);
        connection.Break();
        while (seen.Online)
        {
            seen = (await GatewayOverview.ReadAsync(database.Source, default)).Single(g => g.Gateway == gateway.Name);
        }

        Assert.Equal("1.2.3", seen.Status!.Value.GetProperty("version").GetString());
    }

    [Fact]
    public async Task Live_values_reach_those_who_watch_and_never_the_database()
    {
        await using var cloud = await RunningCloud.StartAsync(database);
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await using var connection = await MqttGateway.ConnectAsync(gateway, cloud.MqttPort);
        var feed = cloud.Get<LiveFeed>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await using var watching = feed.SubscribeAsync(patience.Token).GetAsyncEnumerator(patience.Token);
        var next = watching.MoveNextAsync();
        await connection.PublishAsync(Topics.Live(gateway.Name), "not JSON"u8.ToArray());
        await connection.PublishAsync(
            Topics.Live(gateway.Name),
            """{"at":"2026-03-01T10:00:00Z","registers":[{"register":"eastron/SN-1/1-0:1.8.0","value":12345,"scale":1,"power":420.5}]}"""u8.ToArray());
        Assert.True(await next);
        var value = Assert.Single(watching.Current.Registers);
        Assert.Equal((12345, 1, 420.5m), (value.Value, value.Scale, value.Power));
        Assert.Equal(watching.Current, feed.Latest(gateway.Name));
        Assert.Equal(0, await questions.JournalledAsync(gateway));
    }
}
