using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using MQTTnet;
using MQTTnet.Protocol;
using MQTTnet.Server;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Tests.Uplink;

/// <summary>
/// A real broker in the process with the cloud's half of the protocol behind it: commits the contiguous prefix of verified batches,
/// acknowledges, answers position requests. Tests change single answers.
/// </summary>
internal sealed class ScriptedCloud : IAsyncDisposable
{
    private readonly MqttServer _server;
    private readonly string _gateway;

    private ScriptedCloud(MqttServer server, string gateway, int port) => (_server, _gateway, Port) = (server, gateway, port);

    public int Port { get; }

    /// <summary>Public keys by id; a batch under another is answered RE_SIGN.</summary>
    public ConcurrentDictionary<string, byte[]> Keys { get; } = new();

    public ConcurrentDictionary<Guid, CloudStream> Streams { get; } = new();

    /// <summary>Every batch as it arrived, in order.</summary>
    public ConcurrentQueue<(SignedBatch Signed, MqttApplicationMessage Message)> Arrivals { get; } = new();

    public ConcurrentQueue<PositionRequest> PositionRequests { get; } = new();

    public ConcurrentQueue<MqttApplicationMessage> Others { get; } = new();

    public ConcurrentQueue<MqttConnectReasonCode> Logins { get; } = new();

    /// <summary>True lets a batch through to the cloud; false loses it behind the broker, after the PUBACK.</summary>
    public Func<ReadingBatch, bool> Passes { get; set; } = _ => true;

    /// <summary>Another answer to a position request than the truth.</summary>
    public Func<PositionRequest, Ack?> AnswerPosition { get; set; } = _ => null;

    /// <summary>Another answer to a batch than the truth.</summary>
    public Func<ReadingBatch, Ack?> AnswerBatch { get; set; } = _ => null;

    public string? Password { get; set; }

    /// <summary>The clock that answers tell; null: they tell none, as those of an older cloud.</summary>
    public Func<NodaTime.Instant>? Clock { get; set; }

    public static async Task<ScriptedCloud> Start(string gateway, ECDsa key, X509Certificate2? certificate = null, int? onPort = null)
    {
        var port = onPort ?? FreePort();
        var options = new MqttServerOptionsBuilder();
        if (certificate is null)
        {
            options.WithDefaultEndpoint().WithDefaultEndpointBoundIPAddress(IPAddress.Loopback).WithDefaultEndpointBoundIPV6Address(IPAddress.None).WithDefaultEndpointPort(port);
        }
        else
        {
            options.WithoutDefaultEndpoint().WithEncryptedEndpoint().WithEncryptedEndpointBoundIPAddress(IPAddress.Loopback)
                .WithEncryptedEndpointBoundIPV6Address(IPAddress.None).WithEncryptedEndpointPort(port).WithEncryptionCertificate(certificate);
        }

        var cloud = new ScriptedCloud(new MqttServerFactory().CreateMqttServer(options.Build()), gateway, port);
        cloud.Register(key);
        cloud._server.ValidatingConnectionAsync += cloud.Validate;
        cloud._server.InterceptingPublishAsync += cloud.Intercept;
        await cloud._server.StartAsync();
        return cloud;
    }

    public void Register(ECDsa key)
    {
        var spki = key.ExportSubjectPublicKeyInfo();
        Keys[BatchSignature.KeyId(spki)] = spki;
    }

    public Task Kick() => _server.DisconnectClientAsync(_gateway, new MqttServerClientDisconnectOptions());

    public async Task<bool> IsConnected() => (await _server.GetClientsAsync()).Any(c => c.Id == _gateway);

    public async Task<string?> RetainedStatus() =>
        (await _server.GetRetainedMessageAsync(Topics.Status(_gateway))) is { } message ? System.Text.Encoding.UTF8.GetString(System.Buffers.BuffersExtensions.ToArray(message.Payload)) : null;

    /// <summary>How many answers to replay requests a test has looked at.</summary>
    public int RepliesRead { get; set; }

    /// <summary>Asks for batches again.</summary>
    public Task Ask(ReplayRequest request, byte[] correlation) => Send(Topics.Replay(_gateway), request, correlation);

    public Task Say(Ack ack) => Send(Topics.Ack(_gateway), ack, null);

    public static Ack Committed(CloudStream stream) => new()
    {
        Stream = BatchCodec.Bytes(stream.Id), Kind = Ack.Types.Kind.Committed, CommittedThrough = (ulong)stream.Committed, Hash = ByteString.CopyFrom(stream.Hash),
    };

    public HashSet<Reading> Readings() => [.. Streams.Values.SelectMany(s => s.Batches.Values).SelectMany(b => b.Readings)];

    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(new MqttServerStopOptions());
        _server.Dispose();
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private Task Validate(ValidatingConnectionEventArgs e)
    {
        e.ReasonCode = Password is null || (e.UserName == _gateway && e.Password == Password) ? MqttConnectReasonCode.Success : MqttConnectReasonCode.BadUserNameOrPassword;
        Logins.Enqueue(e.ReasonCode);
        return Task.CompletedTask;
    }

    private async Task Intercept(InterceptingPublishEventArgs e)
    {
        if (e.ApplicationMessage.Topic == Topics.Batches(_gateway))
        {
            var signed = SignedBatch.Parser.ParseFrom(e.ApplicationMessage.Payload);
            Arrivals.Enqueue((signed, e.ApplicationMessage));
            Assert.True(BatchCodec.TryDecode(signed.Body.Span, out var batch, out var problem), problem);
            if (Passes(batch) && Judge(signed, batch) is { } answer)
            {
                await Say(answer);
            }
        }
        else if (e.ApplicationMessage.Topic == Topics.Position(_gateway))
        {
            var request = PositionRequest.Parser.ParseFrom(e.ApplicationMessage.Payload);
            PositionRequests.Enqueue(request);
            await Send(e.ApplicationMessage.ResponseTopic, AnswerPosition(request) ?? Position(request), e.ApplicationMessage.CorrelationData);
        }
        else if (e.ClientId == _gateway)
        {
            Others.Enqueue(e.ApplicationMessage);
        }
    }

    private Ack Position(PositionRequest request)
    {
        var stream = Stream(BatchCodec.Uuid(request.Stream));
        var ack = Committed(stream);
        ack.Kind = Ack.Types.Kind.Position;
        return ack;
    }

    private CloudStream Stream(Guid id) => Streams.GetOrAdd(id, static i => new CloudStream(i));

    private Ack? Judge(SignedBatch signed, ReadingBatch batch)
    {
        if (AnswerBatch(batch) is { } scripted)
        {
            return scripted;
        }

        var stream = Stream(batch.Stream);
        lock (stream)
        {
            if (!Keys.TryGetValue(signed.KeyId, out var spki) || !IsSignedBy(signed, spki))
            {
                return new Ack { Stream = BatchCodec.Bytes(batch.Stream), Kind = Ack.Types.Kind.ReSign, From = batch.Sequence, Reason = "unknown key" };
            }

            return stream.Take(batch, BatchSignature.Hash(signed.Body.Span))
                ? Committed(stream)
                : new Ack { Stream = BatchCodec.Bytes(batch.Stream), Kind = Ack.Types.Kind.Forked, Reason = $"{batch.Sequence} has another history" };
        }
    }

    private static bool IsSignedBy(SignedBatch signed, byte[] spki)
    {
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(spki, out _);
        return BatchSignature.Verify(signed, key);
    }

    private Task Send(string topic, IMessage body, byte[]? correlation)
    {
        if (body is Ack ack && Clock is { } clock)
        {
            ack.AtMs = clock().ToUnixTimeMilliseconds();
        }

        var message = new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(body.ToByteArray()).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce);
        if (correlation is not null)
        {
            message.WithCorrelationData(correlation);
        }

        return _server.InjectApplicationMessage(new InjectedMqttApplicationMessage(message.Build()) { SenderClientId = "cloud" }, CancellationToken.None);
    }
}

/// <summary>A stream as the cloud has it.</summary>
internal sealed class CloudStream(Guid id)
{
    private readonly Dictionary<long, (ReadingBatch Batch, byte[] Hash)> _ahead = [];
    private readonly Dictionary<long, byte[]> _hashes = [];

    public Guid Id => id;

    public long Committed { get; private set; }

    public byte[] Hash { get; private set; } = [];

    public ConcurrentDictionary<long, ReadingBatch> Batches { get; } = [];

    /// <summary>A restore from a backup: everything after a sequence is gone.</summary>
    public void ForgetAfter(long sequence)
    {
        foreach (var later in Batches.Keys.Where(s => s > sequence).ToList())
        {
            Batches.TryRemove(later, out _);
            _hashes.Remove(later);
        }

        _ahead.Clear();
        (Committed, Hash) = (sequence, sequence == 0 ? [] : Chain(sequence));
    }

    /// <summary>Commits what is contiguous; false when the history is another.</summary>
    public bool Take(ReadingBatch batch, byte[] hash)
    {
        if (_hashes.TryGetValue((long)batch.Sequence, out var known))
        {
            return known.AsSpan().SequenceEqual(hash);
        }

        _ahead[(long)batch.Sequence] = (batch, hash);
        while (_ahead.FirstOrDefault(a => (long)(a.Value.Batch.Gap?.From ?? a.Value.Batch.Sequence) == Committed + 1) is { Value.Batch: not null } next)
        {
            _ahead.Remove(next.Key);
            if (!next.Value.Batch.PreviousHash.AsSpan().SequenceEqual(Hash))
            {
                return false;
            }

            (Batches[next.Key], _hashes[next.Key]) = (next.Value.Batch, next.Value.Hash);
            (Committed, Hash) = (next.Key, Chain(next.Key));
        }

        return true;
    }

    private byte[] Chain(long sequence) => Batches[sequence].Gap is { } gap ? [.. gap.NextPreviousHash] : _hashes[sequence];
}
