using System.Globalization;
using System.Text;
using Google.Protobuf;
using MQTTnet;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Ingest;

/// <summary>What comes up from gateways, whichever broker delivered it. The broker has checked that the sender may use the topic.</summary>
internal sealed class GatewayMessages(IngestQueue queue, NpgsqlDataSource source, GatewayStatusStore statuses, LiveFeed live, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Queues a batch. False: it was not taken, so the broker need not hear of it.</summary>
    public ValueTask<bool> TakeBatchAsync(string gateway, MqttApplicationMessage message, Func<CancellationToken, Task>? settle, CancellationToken cancellation) =>
        queue.AddAsync(
            new IncomingBatch(
                gateway,
                System.Buffers.BuffersExtensions.ToArray(message.Payload),
                Now,
                Guid.TryParse(Property(message, "stream"), out var stream) ? stream : null,
                long.TryParse(Property(message, "sequence"), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) && sequence > 0 ? sequence : null,
                settle),
            Patience,
            cancellation);

    /// <summary>Takes a message that is no batch; answers a position request.</summary>
    public async Task TakeAsync(string gateway, string kind, MqttApplicationMessage message, IBroker broker, CancellationToken cancellation)
    {
        var payload = System.Buffers.BuffersExtensions.ToArray(message.Payload);
        switch (kind)
        {
            case "commands/position":
                await GatewayReplays.ListensAgainAsync(source, gateway, cancellation);
                if (await PositionAsync(gateway, payload, cancellation) is { } position)
                {
                    await broker.PublishAsync(Topics.PositionReply(gateway), position.ToByteArray(), message.CorrelationData, cancellation);
                }

                break;
            case "commands/replay/reply":
                await GatewayReplays.AnsweredAsync(source, gateway, payload, message.CorrelationData, Now, cancellation);
                break;
            case "status":
                await statuses.SaveAsync(gateway, payload, Now, cancellation);
                break;
            case "live":
                live.Publish(gateway, payload, Now);
                break;
        }
    }

    /// <summary>Where a gateway's stream stands here; the one message that may move back, because the database may have been restored. Null: no request.</summary>
    public async Task<Ack?> PositionAsync(string gateway, byte[] payload, CancellationToken cancellation)
    {
        PositionRequest request;
        try
        {
            request = PositionRequest.Parser.ParseFrom(payload);
        }
        catch (InvalidProtocolBufferException)
        {
            return null; // nothing to match an answer with; the gateway asks again when it connects
        }

        var answer = new Ack { Stream = request.Stream, Kind = Ack.Types.Kind.Position };
        await using var command = source.CreateCommand("SELECT committed_through, last_hash, closed_reason FROM stream WHERE gateway = $1 AND stream = $2");
        command.Parameters.Add(new() { Value = gateway });
        command.Parameters.Add(new() { Value = BatchCodec.Uuid(request.Stream) });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        if (await row.ReadAsync(cancellation))
        {
            answer.CommittedThrough = (ulong)row.GetInt64(0);
            answer.Hash = ByteString.CopyFrom(await row.GetFieldValueAsync<byte[]>(1, cancellation));
            answer.Reason = await row.IsDBNullAsync(2, cancellation) ? "" : row.GetString(2);
        }

        answer.AtMs = Now.ToUnixTimeMilliseconds();
        return answer;
    }

    /// <summary>A gateway published where it may not: counted and kept under its own name.</summary>
    public Task RefuseAsync(string gateway, MqttApplicationMessage message, CancellationToken cancellation)
    {
        var payload = System.Buffers.BuffersExtensions.ToArray(message.Payload);
        var foreign = Topics.TryParse(message.Topic, out var named, out _) && named != gateway;
        var refusal = new Refusal(
            new IncomingBatch(gateway, payload, Now),
            gateway,
            foreign ? RefusalReasons.ForeignGateway : RefusalReasons.TopicNotAllowed,
            $"published on {message.Topic}",
            BatchSignature.Hash(payload),
            null,
            null);
        IngestMetrics.Refused.Add(1, new KeyValuePair<string, object?>("reason", refusal.Reason));
        return GroupStatements.RefuseAsync(source, [refusal], cancellation);
    }

    private Instant Now => time.GetCurrentInstant();

    private static string? Property(MqttApplicationMessage message, string name)
    {
        var property = message.UserProperties?.Find(p => p.Name == name);
        return property is null ? null : Encoding.UTF8.GetString(property.ValueBuffer.Span);
    }
}
