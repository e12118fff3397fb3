using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using MQTTnet;
using MQTTnet.Protocol;
using MQTTnet.Server;
using Npgsql;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Ingest;

/// <summary>An MQTT broker in this process, for one machine: gateways connect by name and password, and their batches go straight to the queue.</summary>
internal sealed class EmbeddedBroker(
    CloudSettings settings, GatewayMessages messages, GatewayPasswords passwords, GatewayStatusStore statuses, EmbeddedBrokerPort told, ILogger<EmbeddedBroker> log) : IBroker, IHostedService, IDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private MqttServer? server;

    public bool IsConnected => server is { IsStarted: true };

    /// <summary>The port that is listened on.</summary>
    public int Port { get; private set; }

    public Task PublishAsync(string topic, byte[] payload, byte[]? correlationData, CancellationToken cancellation)
    {
        var message = new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce);
        if (correlationData is not null)
        {
            message.WithCorrelationData(correlationData);
        }

        return server!.InjectApplicationMessage(new InjectedMqttApplicationMessage(message.Build()) { SenderClientId = "usage-cloud" }, cancellation);
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Nobody is connected to a broker that starts; those who are still there say so in a moment.
        await statuses.MarkAllOfflineAsync(cancellationToken);
        Port = settings.MqttPort == 0 ? FreePort(settings.Bind) : settings.MqttPort;
        server = new MqttServerFactory().CreateMqttServer(Options());
        server.ValidatingConnectionAsync += ValidateAsync;
        server.InterceptingSubscriptionAsync += e =>
        {
            if (!Topics.MaySubscribe(e.UserName, e.TopicFilter.Topic))
            {
                e.Response.ReasonCode = MqttSubscribeReasonCode.NotAuthorized;
                e.ProcessSubscription = false;
            }

            return Task.CompletedTask;
        };
        server.InterceptingPublishAsync += InterceptAsync;
        await server.StartAsync();
        told.Value = Port;
        log.BrokerListens(settings.Bind.ToString(), Port);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        if (server is not null)
        {
            await server.StopAsync(new MqttServerStopOptionsBuilder().Build());
        }
    }

    public void Dispose()
    {
        server?.Dispose();
        stopping.Dispose();
    }

    private MqttServerOptions Options()
    {
        var v6 = settings.Bind.AddressFamily == AddressFamily.InterNetworkV6;
        var options = new MqttServerOptionsBuilder()
            .WithDefaultEndpoint()
            .WithDefaultEndpointPort(Port)
            .WithDefaultEndpointBoundIPAddress(v6 ? IPAddress.None : settings.Bind)
            .WithDefaultEndpointBoundIPV6Address(v6 ? settings.Bind : IPAddress.None)
            .WithMaxPendingMessagesPerClient(1_000)
            .WithPendingMessagesOverflowStrategy(MqttPendingMessagesOverflowStrategy.DropOldestQueuedMessage)
            .WithConnectionBacklog(1_000);
        if (settings is { MqttTlsPort: { } port, MqttCertificate: { } file })
        {
            options.WithEncryptedEndpoint()
                .WithEncryptedEndpointPort(port)
                .WithEncryptedEndpointBoundIPAddress(v6 ? IPAddress.None : settings.Bind)
                .WithEncryptedEndpointBoundIPV6Address(v6 ? settings.Bind : IPAddress.None)
                .WithEncryptionCertificate(X509Certificate2.CreateFromPemFile(file, file));
        }

        return options.Build();
    }

    private async Task ValidateAsync(ValidatingConnectionEventArgs connection)
    {
        try
        {
            var good = connection.ClientId == connection.UserName && await passwords.VerifyAsync(connection.UserName, connection.Password, stopping.Token);
            connection.ReasonCode = good ? MqttConnectReasonCode.Success : MqttConnectReasonCode.BadUserNameOrPassword;
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
        {
            connection.ReasonCode = MqttConnectReasonCode.ServerUnavailable;
        }
    }

    // The PUBACK goes out when this returns: the queue has the batch, or the gateway will send it again. Only the ack topic says committed.
    private async Task InterceptAsync(InterceptingPublishEventArgs publish)
    {
        var message = publish.ApplicationMessage;
        if (publish.ClientId == "usage-cloud" && string.IsNullOrEmpty(publish.UserName))
        {
            return; // our own replies
        }

        try
        {
            var gateway = publish.ClientId;
            if (!Topics.MayPublish(gateway, message.Topic) || !Topics.TryParse(message.Topic, out _, out var kind))
            {
                publish.ProcessPublish = false;
                publish.Response.ReasonCode = MqttPubAckReasonCode.NotAuthorized;
                await messages.RefuseAsync(gateway, message, stopping.Token);
                return;
            }

            publish.ProcessPublish = false; // nobody subscribes here but gateways, to what comes down
            if (kind == "batches")
            {
                await messages.TakeBatchAsync(gateway, message, null, stopping.Token);
            }
            else
            {
                await messages.TakeAsync(gateway, kind, message, this, stopping.Token);
            }
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
        {
            log.MessageFailed(message.Topic, e);
        }
    }

    private static int FreePort(IPAddress address)
    {
        using var probe = new TcpListener(address, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
