using System.Buffers;
using System.Text;
using System.Threading.Channels;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Tests.Ingest;

/// <summary>A gateway's connection to a broker: publishes, and collects what comes down.</summary>
internal sealed class MqttGateway : IAsyncDisposable
{
    private readonly IMqttClient client = new MqttClientFactory().CreateMqttClient();
    private readonly Channel<(Ack Ack, byte[]? Correlation)> down = Channel.CreateUnbounded<(Ack, byte[]?)>();
    private readonly CancellationTokenSource patience = new(TimeSpan.FromSeconds(30));

    public static async Task<MqttGateway> ConnectAsync(FieldGateway gateway, int port)
    {
        var connection = new MqttGateway();
        connection.client.ApplicationMessageReceivedAsync += e =>
        {
            connection.down.Writer.TryWrite((Ack.Parser.ParseFrom(e.ApplicationMessage.Payload.ToArray()), e.ApplicationMessage.CorrelationData));
            return Task.CompletedTask;
        };
        var result = await connection.TryConnectAsync(gateway.Name, gateway.Name, gateway.Password, port);
        Assert.Equal(MqttClientConnectResultCode.Success, result);
        var subscribed = await connection.SubscribeAsync(Topics.Ack(gateway.Name), Topics.PositionReply(gateway.Name));
        Assert.All(subscribed, r => Assert.Equal(MqttClientSubscribeResultCode.GrantedQoS1, r));
        return connection;
    }

    public static MqttGateway Unconnected() => new();

    public async Task<MqttClientConnectResultCode> TryConnectAsync(string clientId, string user, string password, int port)
    {
        var options = new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500).WithClientId(clientId).WithCredentials(user, password).WithTcpServer("127.0.0.1", port)
            .WithWillTopic(Topics.Status(user)).WithWillPayload("{\"state\":\"offline\"}").WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).WithWillRetain(true)
            .Build();
        return (await client.ConnectAsync(options, patience.Token)).ResultCode;
    }

    public async Task<IReadOnlyList<MqttClientSubscribeResultCode>> SubscribeAsync(params string[] filters)
    {
        var options = new MqttClientSubscribeOptionsBuilder();
        foreach (var filter in filters)
        {
            options.WithTopicFilter(filter, MqttQualityOfServiceLevel.AtLeastOnce);
        }

        return [.. (await client.SubscribeAsync(options.Build(), patience.Token)).Items.Select(i => i.ResultCode)];
    }

    public Task<MqttClientPublishResult> PublishAsync(IncomingBatch batch) => PublishAsync(Topics.Batches(batch.Gateway), batch.Payload, null, batch);

    public Task<MqttClientPublishResult> PublishAsync(string topic, byte[] payload, byte[]? correlation = null, IncomingBatch? batch = null)
    {
        var message = new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce);
        if (correlation is not null)
        {
            message.WithCorrelationData(correlation);
        }

        if (batch is { NamedStream: { } stream, NamedSequence: { } sequence })
        {
            message.WithUserProperty("stream", Encoding.UTF8.GetBytes(stream.ToString())).WithUserProperty("sequence", Encoding.UTF8.GetBytes(sequence.ToString()));
        }

        return client.PublishAsync(message.Build(), patience.Token);
    }

    /// <summary>Waits for a message from the cloud that fits.</summary>
    public async Task<(Ack Ack, byte[]? Correlation)> HearAsync(Func<Ack, bool> fits)
    {
        await foreach (var message in down.Reader.ReadAllAsync(patience.Token))
        {
            if (fits(message.Ack))
            {
                return message;
            }
        }

        throw new InvalidOperationException("the connection is closed");
    }

    /// <summary>Publishes batches as a gateway does, in a window, and sends again what is not acknowledged in time.</summary>
    public async Task SendUntilAcknowledgedAsync(IReadOnlyList<IncomingBatch> batches, int window)
    {
        var acknowledged = 0;
        while (acknowledged < batches.Count)
        {
            await Task.WhenAll(batches.Skip(acknowledged).Take(window).Select(PublishAsync));
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
            timeout.CancelAfter(TimeSpan.FromSeconds(1));
            var end = Math.Min(acknowledged + window, batches.Count);
            try
            {
                while (acknowledged < end)
                {
                    var (ack, _) = await down.Reader.ReadAsync(timeout.Token);
                    acknowledged = Math.Max(acknowledged, (int)ack.CommittedThrough);
                }
            }
            catch (OperationCanceledException) when (!patience.IsCancellationRequested)
            {
                // Send again from the first that is not acknowledged.
            }
        }
    }

    /// <summary>Breaks the connection without a word, so that the last will is published.</summary>
    public void Break() => client.Dispose();

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        patience.Dispose();
        return ValueTask.CompletedTask;
    }
}
