using System.Buffers;
using System.Diagnostics;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Benchmarks.Ingest;

/// <summary>
/// A gateway's uplink over a real connection: at most so many unacknowledged batches, and none while its oldest batch has waited
/// <see cref="Patience"/> for its projection, so that the rate is one that the cloud sustains within the bar's five seconds.
/// </summary>
internal sealed class Publisher(LoadedGateway gateway)
{
    private const int InFlight = 64;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly long[] published = new long[gateway.Batches.Count];
    private readonly TaskCompletionSource acknowledgedAll = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int acknowledged;
    private int projected;

    /// <summary>The gateway's name.</summary>
    public string Name => gateway.Name;

    /// <summary>True when everything was acknowledged and seen projected.</summary>
    public bool IsDone => acknowledgedAll.Task.IsCompleted && projected == gateway.Batches.Count;

    /// <summary>From publishing to the acknowledgement's arrival, at worst.</summary>
    public TimeSpan LongestToAcknowledged { get; private set; }

    /// <summary>From publishing to the moment the projection was seen, at worst.</summary>
    public TimeSpan LongestToProjected { get; private set; }

    /// <summary>The stream was seen projected up to here.</summary>
    public void Projected(long through)
    {
        for (; projected < through; projected++)
        {
            LongestToProjected = Longer(LongestToProjected, published[projected]);
        }
    }

    /// <summary>Publishes everything and waits for the last acknowledgement.</summary>
    public async Task RunAsync(int port)
    {
        using var client = new MqttClientFactory().CreateMqttClient();
        using var window = new SemaphoreSlim(InFlight);
        client.ApplicationMessageReceivedAsync += e =>
        {
            Acknowledged((int)Ack.Parser.ParseFrom(e.ApplicationMessage.Payload.ToArray()).CommittedThrough, window);
            return Task.CompletedTask;
        };
        await client.ConnectAsync(new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500).WithClientId(Name).WithCredentials(Name, gateway.Password).WithTcpServer("127.0.0.1", port).Build());
        await client.SubscribeAsync(new MqttClientSubscribeOptionsBuilder().WithTopicFilter(Topics.Ack(Name), MqttQualityOfServiceLevel.AtLeastOnce).Build());
        for (var i = 0; i < published.Length; i++)
        {
            await window.WaitAsync();
            while (projected < i && Stopwatch.GetElapsedTime(published[projected]) > Patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10));
            }

            published[i] = Stopwatch.GetTimestamp();
            _ = client.PublishAsync(new MqttApplicationMessageBuilder()
                .WithTopic(Topics.Batches(Name)).WithPayload(gateway.Batches[i]).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build());
        }

        await acknowledgedAll.Task.WaitAsync(Limit);
    }

    private void Acknowledged(int through, SemaphoreSlim window)
    {
        if (through <= acknowledged)
        {
            return;
        }

        window.Release(through - acknowledged);
        for (; acknowledged < through; acknowledged++)
        {
            LongestToAcknowledged = Longer(LongestToAcknowledged, published[acknowledged]);
        }

        if (acknowledged == published.Length)
        {
            acknowledgedAll.TrySetResult();
        }
    }

    private static TimeSpan Longer(TimeSpan longest, long since) => Stopwatch.GetElapsedTime(since) is var elapsed && elapsed > longest ? elapsed : longest;
}
