using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Google.Protobuf;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Uplink;

/// <summary>An answer of the cloud as it came in; correlation data only for replies to position requests.</summary>
internal sealed record Incoming(Ack Ack, byte[]? Correlation);

/// <summary>The cloud asks for kept batches once more.</summary>
internal sealed record ReplayOrder(ReplayRequest Request, byte[] Correlation);

/// <summary>
/// One MQTT 5 connection: every packet has a time limit, and what fails ends the connection. Answers wait in a bounded queue;
/// a lost one is repeated by the cloud.
/// </summary>
internal sealed class BrokerConnection : IAsyncDisposable
{
    private const int MostAnswersWaiting = 1024;
    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();
    private readonly Channel<Incoming> _answers = Channel.CreateBounded<Incoming>(new BoundedChannelOptions(MostAnswersWaiting) { FullMode = BoundedChannelFullMode.DropOldest });
    private readonly Channel<ReplayOrder> _replays = Channel.CreateBounded<ReplayOrder>(new BoundedChannelOptions(16) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _ended = new();
    private readonly UplinkOptions _options;
    private readonly Action _wake;
    private int _disposed;
    private string? _why;

    public BrokerConnection(UplinkOptions options, Action wake)
    {
        (_options, _wake) = (options, wake);
        _client.ApplicationMessageReceivedAsync += Receive;
        _client.DisconnectedAsync += e =>
        {
            End(e.ReasonString ?? e.Exception?.Message ?? e.Reason.ToString());
            return Task.CompletedTask;
        };
    }

    /// <summary>Why the connection ended; null while it stands.</summary>
    public string? Ended => _why;

    /// <summary>Most publications the broker takes at a time.</summary>
    public int ReceiveMaximum { get; private set; } = ushort.MaxValue;

    public bool TryTakeAnswer(out Incoming answer) => _answers.Reader.TryRead(out answer!);

    /// <summary>The next order to replay. Orders beyond what waits are dropped: the cloud asks again.</summary>
    public bool TryTakeReplay(out ReplayOrder order) => _replays.Reader.TryRead(out order!);

    public async Task Open(CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        var result = await _client.ConnectAsync(Options(), limit.Token);
        if (result.ResultCode != MqttClientConnectResultCode.Success)
        {
            throw new IOException($"the broker refused the connection: {result.ResultCode} {result.ReasonString}");
        }

        // Zero is what the client library says when the broker said nothing; the protocol forbids it.
        ReceiveMaximum = result.ReceiveMaximum is > 0 and var most ? most : ushort.MaxValue;
        var subscribed = await _client.SubscribeAsync(
            new MqttClientSubscribeOptionsBuilder()
                .WithTopicFilter(Topics.Ack(_options.Gateway), MqttQualityOfServiceLevel.AtLeastOnce)
                .WithTopicFilter(Topics.PositionReply(_options.Gateway), MqttQualityOfServiceLevel.AtLeastOnce)
                .WithTopicFilter(Topics.Replay(_options.Gateway), MqttQualityOfServiceLevel.AtLeastOnce)
                .Build(),
            limit.Token);
        // A broker whose access list is older knows nothing of replays; readings travel all the same.
        if (subscribed.Items.FirstOrDefault(i => (int)i.ResultCode > 2 && i.TopicFilter.Topic != Topics.Replay(_options.Gateway)) is { } refused)
        {
            throw new IOException($"the broker refused the subscription to {refused.TopicFilter.Topic}: {refused.ResultCode}");
        }
    }

    /// <summary>Sends a batch; what goes wrong shows as the connection's end, or as no acknowledgement.</summary>
    public Task SendBatch(SealedBatch batch, CancellationToken cancellationToken) => Publish(
        new MqttApplicationMessageBuilder()
            .WithTopic(Topics.Batches(_options.Gateway))
            .WithPayload(new SignedBatch
            {
                Body = UnsafeByteOperations.UnsafeWrap(batch.Body),
                KeyId = batch.KeyId,
                Signature = UnsafeByteOperations.UnsafeWrap(batch.Signature),
            }.ToByteArray())
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithUserProperty("stream", Utf8(batch.Stream.ToString()))
            .WithUserProperty("sequence", Utf8(batch.Sequence.ToString()))
            .WithUserProperty("sha256", Utf8(Convert.ToHexStringLower(batch.Hash)))
            .WithUserProperty("key-id", Utf8(batch.KeyId))
            .Build(),
        cancellationToken);

    public Task SendPositionRequest(PositionRequest request, byte[] correlation, CancellationToken cancellationToken) => Publish(
        new MqttApplicationMessageBuilder()
            .WithTopic(Topics.Position(_options.Gateway))
            .WithPayload(request.ToByteArray())
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithResponseTopic(Topics.PositionReply(_options.Gateway))
            .WithCorrelationData(correlation)
            .Build(),
        cancellationToken);

    public Task SendReplayReply(ReplayReply reply, byte[] correlation, CancellationToken cancellationToken) => Publish(
        new MqttApplicationMessageBuilder()
            .WithTopic(Topics.ReplayReply(_options.Gateway))
            .WithPayload(reply.ToByteArray())
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithCorrelationData(correlation)
            .Build(),
        cancellationToken);

    public Task SendStatus(byte[] json, CancellationToken cancellationToken) => Publish(
        new MqttApplicationMessageBuilder()
            .WithTopic(Topics.Status(_options.Gateway)).WithPayload(json).WithRetainFlag().WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build(),
        cancellationToken);

    public Task SendLive(byte[] json, CancellationToken cancellationToken) => Publish(
        new MqttApplicationMessageBuilder().WithTopic(Topics.Live(_options.Gateway)).WithPayload(json).Build(), cancellationToken);

    public async Task Close(byte[] lastStatus, CancellationToken cancellationToken)
    {
        if (Ended is null)
        {
            await SendStatus(lastStatus, cancellationToken);
            using var limit = Limit(cancellationToken);
            await _client.DisconnectAsync(new MqttClientDisconnectOptions(), limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await _ended.CancelAsync();
            _client.Dispose();
        }
    }

    private async Task Publish(MqttApplicationMessage message, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        try
        {
            // Without a token this would wait for ever for a broker that never answers.
            await _client.PublishAsync(message, limit.Token);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            End(e is OperationCanceledException ? "the broker did not answer in time" : e.Message);
        }
        catch (OperationCanceledException)
        {
            // The session ends; the batch stays unacknowledged.
        }
    }

    private CancellationTokenSource Limit(CancellationToken cancellationToken)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ended.Token);
        limit.CancelAfter(_options.PacketTimeout);
        return limit;
    }

    private Task Receive(MqttApplicationMessageReceivedEventArgs message)
    {
        try
        {
            if (message.ApplicationMessage.Topic == Topics.Replay(_options.Gateway))
            {
                _replays.Writer.TryWrite(new ReplayOrder(ReplayRequest.Parser.ParseFrom(message.ApplicationMessage.Payload), message.ApplicationMessage.CorrelationData ?? []));
                _wake();
                return Task.CompletedTask;
            }

            var ack = Ack.Parser.ParseFrom(message.ApplicationMessage.Payload);
            var isReply = message.ApplicationMessage.Topic == Topics.PositionReply(_options.Gateway);
            _answers.Writer.TryWrite(new Incoming(ack, isReply ? message.ApplicationMessage.CorrelationData ?? [] : null));
            _wake();
        }
        catch (InvalidProtocolBufferException e)
        {
            // Acknowledged like any other: it would only come again.
            Unreadable?.Invoke(e.Message);
        }

        return Task.CompletedTask;
    }

    /// <summary>Told of answers that are no answers.</summary>
    public event Action<string>? Unreadable;

    private void End(string why)
    {
        Interlocked.CompareExchange(ref _why, why, null);
        _wake();
    }

    private MqttClientOptions Options()
    {
        var builder = new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTcpServer(_options.Host, _options.Port)
            .WithClientId(_options.Gateway)
            .WithTimeout(_options.PacketTimeout)
            .WithKeepAlivePeriod(TimeSpan.FromSeconds(30))
            .WithCleanStart()
            .WithWillTopic(Topics.Status(_options.Gateway))
            .WithWillPayload(StatusBoard.Will.ToArray())
            .WithWillRetain()
            .WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce);
        if (_options.PasswordFile is { } file)
        {
            builder.WithCredentials(_options.User ?? _options.Gateway, File.ReadAllText(file).Trim());
        }

        if (_options.Tls)
        {
            builder.WithTlsOptions(tls =>
            {
                tls.UseTls().WithTargetHost(_options.Host);
                if (_options.CaFile is { } ca)
                {
                    // Only these authorities: the system's are not consulted. A private authority has no revocation list to ask.
                    var trusted = new X509Certificate2Collection();
                    trusted.ImportFromPemFile(ca);
                    tls.WithTrustChain(trusted).WithRevocationMode(X509RevocationMode.NoCheck);
                }
            });
        }

        return builder.Build();
    }

    private static ReadOnlyMemory<byte> Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
