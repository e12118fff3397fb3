using System.Security.Cryptography.X509Certificates;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Ingest;

/// <summary>
/// A connection to an MQTT 5 broker. Instances share the batches; each sees all status and live messages. A batch is acknowledged to the broker
/// when its fate is in the database, and the receive maximum bounds how many wait for that.
/// </summary>
internal sealed class ExternalBroker : BackgroundService, IBroker
{
    private const ushort ReceiveMaximum = IngestQueue.Capacity / 2;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly BrokerAddress address;
    private readonly CloudSettings settings;
    private readonly GatewayMessages messages;
    private readonly TimeProvider time;
    private readonly ILogger<ExternalBroker> log;
    private readonly IMqttClient client = new MqttClientFactory().CreateMqttClient();
    private readonly string clientId = $"usage-cloud-{Guid.NewGuid():n}";

    public ExternalBroker(CloudSettings settings, GatewayMessages messages, TimeProvider time, ILogger<ExternalBroker> log)
    {
        address = settings.Broker ?? throw new InvalidOperationException("no external broker is configured");
        (this.settings, this.messages, this.time, this.log) = (settings, messages, time, log);
        client.ApplicationMessageReceivedAsync += ReceiveAsync;
    }

    public bool IsConnected => client.IsConnected;

    public async Task PublishAsync(string topic, byte[] payload, byte[]? correlationData, CancellationToken cancellation)
    {
        var message = new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce);
        if (correlationData is not null)
        {
            message.WithCorrelationData(correlationData);
        }

        await client.PublishAsync(message.Build(), cancellation);
    }

    public override void Dispose()
    {
        client.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var delay = FirstDelay;
        while (!stoppingToken.IsCancellationRequested)
        {
            var started = time.GetTimestamp();
            string problem;
            try
            {
                problem = await StayConnectedAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever the client library throws when a broker dies at a bad moment, the answer is to connect again.
                problem = e.Message;
            }

            // A session that lasted starts the count again; full jitter keeps instances from coming back together.
            delay = time.GetElapsedTime(started) > LongestDelay ? FirstDelay : delay;
            var jittered = delay * Random.Shared.NextDouble();
            log.BrokerDisconnected(address.Host, address.Port, problem, jittered);
            await Task.Delay(jittered, time, stoppingToken);
            delay = delay + delay < LongestDelay ? delay + delay : LongestDelay;
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (client.IsConnected)
        {
            await client.DisconnectAsync(new MqttClientDisconnectOptions(), cancellationToken);
        }
    }

    private async Task<string> StayConnectedAsync(CancellationToken stopping)
    {
        var lost = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task Lost(MqttClientDisconnectedEventArgs e)
        {
            lost.TrySetResult(e.Exception?.Message ?? e.Reason.ToString());
            return Task.CompletedTask;
        }

        client.DisconnectedAsync += Lost;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            limit.CancelAfter(Patience);
            var result = await client.ConnectAsync(Options(), limit.Token);
            if (result.ResultCode != MqttClientConnectResultCode.Success)
            {
                return result.ResultCode.ToString();
            }

            await SubscribeAsync(limit.Token);
            log.BrokerConnected(address.Host, address.Port);
            return await lost.Task.WaitAsync(stopping);
        }
        finally
        {
            client.DisconnectedAsync -= Lost;
            if (client.IsConnected && !stopping.IsCancellationRequested)
            {
                await client.DisconnectAsync(new MqttClientDisconnectOptions(), CancellationToken.None);
            }
        }
    }

    private MqttClientOptions Options()
    {
        // A clean session: what a lost one had not settled, the gateways send again.
        var options = new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithClientId(clientId)
            .WithTcpServer(address.Host, address.Port)
            .WithCleanStart(true)
            .WithReceiveMaximum(ReceiveMaximum)
            .WithKeepAlivePeriod(TimeSpan.FromSeconds(20))
            .WithTimeout(Patience);
        if (settings is { BrokerUser: { } user, BrokerPasswordFile: { } file })
        {
            options.WithCredentials(user, File.ReadAllText(file).Trim());
        }

        if (address.Tls)
        {
            options.WithTlsOptions(tls =>
            {
                tls.UseTls().WithTargetHost(address.Host);
                if (settings.BrokerAuthority is { } authority)
                {
                    var chain = new X509Certificate2Collection();
                    chain.ImportFromPemFile(authority);
                    tls.WithTrustChain(chain);
                }
            });
        }

        return options.Build();
    }

    private Task<MqttClientSubscribeResult> SubscribeAsync(CancellationToken cancellation) => client.SubscribeAsync(
        new MqttClientSubscribeOptionsBuilder()
            .WithTopicFilter(Topics.Shared("ingest", Topics.AllBatches), MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTopicFilter(Topics.Shared("ingest", Topics.AllPositions), MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTopicFilter(Topics.Shared("ingest", Topics.AllReplayReplies), MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTopicFilter(Topics.AllStatus, MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTopicFilter(Topics.AllLive, MqttQualityOfServiceLevel.AtMostOnce)
            .Build(),
        cancellation);

    // The broker's access list has checked that the sender may use the topic.
    private async Task ReceiveAsync(MqttApplicationMessageReceivedEventArgs received)
    {
        var message = received.ApplicationMessage;
        if (!Topics.TryParse(message.Topic, out var gateway, out var kind))
        {
            return;
        }

        try
        {
            if (kind == "batches")
            {
                received.AutoAcknowledge = false;
                await messages.TakeBatchAsync(gateway, message, cancellation => SettleAsync(received, cancellation), CancellationToken.None);
            }
            else if (kind == "commands/position")
            {
                // Publishing waits for the broker, and the broker's answer waits for this handler to return.
                _ = AnswerAsync(gateway, kind, message);
            }
            else
            {
                await messages.TakeAsync(gateway, kind, message, this, CancellationToken.None);
            }
        }
        catch (Exception e)
        {
            // One message's fate; the connection and the messages behind it go on.
            log.MessageFailed(message.Topic, e);
        }
    }

    private async Task AnswerAsync(string gateway, string kind, MqttApplicationMessage message)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        try
        {
            await messages.TakeAsync(gateway, kind, message, this, limit.Token);
        }
        catch (Exception e)
        {
            // Nobody awaits this; a gateway without an answer asks again.
            log.MessageFailed(message.Topic, e);
        }
    }

    private static async Task SettleAsync(MqttApplicationMessageReceivedEventArgs received, CancellationToken cancellation)
    {
        try
        {
            await received.AcknowledgeAsync(cancellation);
        }
        catch (Exception) when (!cancellation.IsCancellationRequested)
        {
            // The connection it came by is gone (the library then throws this and that, NullReferenceException among them): the batch is committed,
            // the gateway sends it again, and it will be a duplicate.
        }
    }
}
