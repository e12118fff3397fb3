using System.Threading.Channels;

namespace UsageBilling.Cloud.Ingest;

/// <summary>What brokers have delivered and nobody has committed yet. Bounded: a full queue holds up its broker, and at last the gateway, which keeps what is not acknowledged.</summary>
internal sealed class IngestQueue
{
    /// <summary>Most batches that wait; not less than an external broker's receive maximum, so that its handler never waits.</summary>
    public const int Capacity = 2048;

    private readonly Channel<IncomingBatch> channel = Channel.CreateBounded<IncomingBatch>(new BoundedChannelOptions(Capacity) { SingleReader = true });

    public ChannelReader<IncomingBatch> Reader => channel.Reader;

    /// <summary>Adds a batch. False: there was no room for as long as was granted; the gateway sends it again.</summary>
    public async ValueTask<bool> AddAsync(IncomingBatch batch, TimeSpan patience, CancellationToken cancellation)
    {
        if (channel.Writer.TryWrite(batch))
        {
            return true;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(patience);
        try
        {
            await channel.Writer.WriteAsync(batch, limit.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            IngestMetrics.Overflow.Add(1);
            return false;
        }
    }
}
