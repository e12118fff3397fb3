using System.Threading.Channels;
using Google.Protobuf;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Ingest;

/// <summary>
/// Says to gateways what was decided, apart from the commits: a broker that is slow or gone holds up nothing, and a lost reply is asked for
/// again by a batch that is sent again.
/// </summary>
internal sealed class Replies(IBroker broker, TimeProvider time, ILogger<Replies> log) : BackgroundService
{
    private const int AtOnce = 64;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>A gateway is asked to resend or re-sign at most this often for a stream: what it sends takes a moment to arrive.</summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(2);

    private readonly Channel<IngestReply> channel = Channel.CreateBounded<IngestReply>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropOldest });
    private readonly Dictionary<(string Gateway, ByteString Stream, Ack.Types.Kind Kind), (ulong From, long At)> asked = [];

    /// <summary>Queues replies; several of one kind for a stream become one.</summary>
    public void Send(IReadOnlyCollection<IngestReply> replies)
    {
        foreach (var same in replies.GroupBy(r => (r.Gateway, r.Ack.Stream, r.Ack.Kind)))
        {
            // The furthest position, or the earliest place to begin again.
            channel.Writer.TryWrite(same.Key.Kind == Ack.Types.Kind.Committed ? same.MaxBy(r => r.Ack.CommittedThrough)! : same.MinBy(r => r.Ack.From)!);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var sending = new List<Task>(AtOnce);
        while (await channel.Reader.WaitToReadAsync(stoppingToken))
        {
            sending.Clear();
            while (sending.Count < AtOnce && channel.Reader.TryRead(out var reply))
            {
                if (IsDue(reply.Ack, reply.Gateway))
                {
                    sending.Add(SendAsync(reply, stoppingToken));
                }
            }

            await Task.WhenAll(sending);
        }
    }

    private bool IsDue(Ack ack, string gateway)
    {
        if (ack.Kind is not (Ack.Types.Kind.Resend or Ack.Types.Kind.ReSign))
        {
            return true;
        }

        var key = (gateway, ack.Stream, ack.Kind);
        if (asked.TryGetValue(key, out var last) && last.From <= ack.From && time.GetElapsedTime(last.At) < AskAgainAfter)
        {
            return false;
        }

        if (asked.Count > 100_000)
        {
            asked.Clear(); // one question too many does no harm
        }

        asked[key] = (ack.From, time.GetTimestamp());
        return true;
    }

    private async Task SendAsync(IngestReply reply, CancellationToken stopping)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        limit.CancelAfter(Patience);
        try
        {
            reply.Ack.AtMs = time.GetUtcNow().ToUnixTimeMilliseconds();
            await broker.PublishAsync(Topics.Ack(reply.Gateway), reply.Ack.ToByteArray(), null, limit.Token);
        }
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            // Whatever the client library throws, the gateway asks again.
            log.ReplyFailed(reply.Gateway, e);
        }
    }
}
