using System.Buffers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using System.Threading.Channels;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>A gateway that does what no good gateway does: enrolled over HTTP, connected to the real broker, its bodies written by the test.</summary>
internal sealed class ScriptedGateway : IAsyncDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();
    private readonly Channel<Ack> _answers = Channel.CreateUnbounded<Ack>();
    private byte[] _previous = [];

    private ScriptedGateway(string name) => Name = name;

    public string Name { get; }

    public Guid Stream { get; } = Guid.NewGuid();

    public ulong Sequence { get; private set; }

    public static async Task<ScriptedGateway> ConnectAsync(Road road, string name, CancellationToken token)
    {
        var gateway = new ScriptedGateway(name);
        var oneTime = (await road.CloudAsync(["enroll", name], token)).Trim().Split('\n')[^1];
        using var http = new HttpClient { BaseAddress = road.Url };
        var answer = await http.PostAsJsonAsync($"/api/v1/gateways/{name}/enroll", new { token = oneTime, publicKey = Convert.ToBase64String(gateway._key.ExportSubjectPublicKeyInfo()) }, token);
        var broker = (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>(token)).GetProperty("mqtt");
        gateway._client.ApplicationMessageReceivedAsync += message =>
        {
            gateway._answers.Writer.TryWrite(Ack.Parser.ParseFrom(message.ApplicationMessage.Payload.ToArray()));
            return Task.CompletedTask;
        };
        await gateway._client.ConnectAsync(
            new MqttClientOptionsBuilder().WithProtocolVersion(MqttProtocolVersion.V500).WithClientId(name)
                .WithCredentials(name, broker.GetProperty("password").GetString()!).WithTcpServer("127.0.0.1", broker.GetProperty("port").GetInt32()).Build(),
            token);
        await gateway._client.SubscribeAsync(Topics.Ack(name), MqttQualityOfServiceLevel.AtLeastOnce, token);
        return gateway;
    }

    /// <summary>A body at the next place of the stream.</summary>
    public byte[] Next(params IEnumerable<Reading> readings)
    {
        Sequence++;
        var body = BatchCodec.Encode(new ReadingBatch(
            Name, Stream, Sequence, [.. _previous], null, Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow()), [.. readings], null, []));
        return Chain(body);
    }

    /// <summary>The same place of the stream with other readings, as a copied memory card would have it.</summary>
    public byte[] Again(byte[] body, params IEnumerable<Reading> readings)
    {
        Assert.True(BatchCodec.TryDecode(body, out var batch, out _));
        return BatchCodec.Encode(batch with { Readings = [.. readings] });
    }

    /// <summary>A well-formed batch that bears another gateway's name.</summary>
    public byte[] Pretend(string other, params IEnumerable<Reading> readings) => BatchCodec.Encode(new ReadingBatch(
        other, Stream, Sequence + 1, [.. _previous], null, Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow()), [.. readings], null, []));

    /// <summary>A body that cannot be read, at the next place of the stream.</summary>
    public byte[] Poison(byte[] body)
    {
        Sequence++;
        return Chain(body);
    }

    /// <summary>Publishes a body, well signed, on this gateway's topic or on another.</summary>
    public Task SendAsync(byte[] body, ulong sequence, CancellationToken token, string? topic = null) => PublishAsync(BatchSignature.Sign(body, _key), sequence, topic, token);

    /// <summary>Publishes a body whose signature does not hold.</summary>
    public Task SendForgedAsync(byte[] body, ulong sequence, CancellationToken token)
    {
        var signed = BatchSignature.Sign(body, _key);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        signed.Signature = BatchSignature.Sign(body, other).Signature;
        return PublishAsync(signed, sequence, null, token);
    }

    /// <summary>Waits for an answer that fits.</summary>
    public async Task<Ack> HearAsync(Func<Ack, bool> fits, CancellationToken token)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(token);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        while (true)
        {
            var ack = await _answers.Reader.ReadAsync(patience.Token);
            if (fits(ack))
            {
                return ack;
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _key.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task PublishAsync(SignedBatch batch, ulong sequence, string? topic, CancellationToken token) => _client.PublishAsync(
        new MqttApplicationMessageBuilder()
            .WithTopic(topic ?? Topics.Batches(Name))
            .WithPayload(Google.Protobuf.MessageExtensions.ToByteArray(batch))
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithUserProperty("stream", System.Text.Encoding.UTF8.GetBytes(Stream.ToString()))
            .WithUserProperty("sequence", System.Text.Encoding.UTF8.GetBytes($"{sequence}"))
            .Build(),
        token);

    private byte[] Chain(byte[] body)
    {
        _previous = BatchSignature.Hash(body);
        return body;
    }
}
