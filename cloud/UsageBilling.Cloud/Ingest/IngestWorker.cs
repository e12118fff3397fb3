using System.Threading.Channels;
using Npgsql;

namespace UsageBilling.Cloud.Ingest;

/// <summary>
/// Takes what is in the queue as one group, checks it, commits it, and only then answers. While one group commits, the next is checked and the
/// one after gathers: groups grow with the load by themselves, and a lone batch waits for nobody.
/// </summary>
internal sealed class IngestWorker(IngestQueue queue, GroupCommit commit, Replies replies, CommitSignal signal, TimeProvider time, ILogger<IngestWorker> log) : BackgroundService
{
    private const int MaxBatches = 1_000;
    private const int MaxBytes = 8 * 1024 * 1024;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    private readonly Channel<CheckedGroup> ready = Channel.CreateBounded<CheckedGroup>(1);

    // Whichever loop ends first ends the service, and with it the host: one loop without the other would look alive and take nothing.
    protected override async Task ExecuteAsync(CancellationToken stoppingToken) => await await Task.WhenAny(CheckAsync(stoppingToken), CommitAsync(stoppingToken));

    private async Task CheckAsync(CancellationToken stopping)
    {
        while (await queue.Reader.WaitToReadAsync(stopping))
        {
            var group = Gather();
            var judged = await UntilItWorksAsync(group.Count, () => commit.CheckAsync(group, stopping), stopping);
            await ready.Writer.WriteAsync(judged, stopping);
        }
    }

    private async Task CommitAsync(CancellationToken stopping)
    {
        await foreach (var group in ready.Reader.ReadAllAsync(stopping))
        {
            using var activity = IngestMetrics.Activities.StartActivity("ingest group");
            activity?.SetTag("batches", group.Count);
            var started = time.GetTimestamp();
            var outcomes = await UntilItWorksAsync(group.Count, () => commit.CommitAsync(group, stopping), stopping);
            IngestMetrics.CommitTime.Record(time.GetElapsedTime(started).TotalSeconds);
            signal.Set();
            foreach (var outcome in outcomes)
            {
                IngestMetrics.Count(outcome);
                foreach (var refusal in outcome.Refused)
                {
                    log.BatchRefused(refusal.Gateway, refusal.Reason, refusal.Detail);
                }

                replies.Send(outcome.Replies);
            }

            await SettleAsync(group, stopping);
        }
    }

    private List<IncomingBatch> Gather()
    {
        var group = new List<IncomingBatch>();
        var bytes = 0;
        while (group.Count < MaxBatches && bytes < MaxBytes && queue.Reader.TryRead(out var batch))
        {
            group.Add(batch);
            bytes += batch.Payload.Length;
        }

        return group;
    }

    private static async Task SettleAsync(CheckedGroup group, CancellationToken stopping)
    {
        foreach (var incoming in group.Verified.Select(v => v.Incoming).Concat(group.Refused.Select(r => r.Incoming)))
        {
            if (incoming.SettleAsync is { } settle)
            {
                await settle(stopping);
            }
        }
    }

    // The group stays in hand: trying again is idempotent, and what waits behind it holds up the brokers.
    private async Task<T> UntilItWorksAsync<T>(int batches, Func<Task<T>> attempt, CancellationToken stopping)
    {
        for (var delay = FirstDelay; ; delay = delay + delay < LongestDelay ? delay + delay : LongestDelay)
        {
            try
            {
                return await attempt();
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                log.CommitDelayed(batches, delay, e);
                await Task.Delay(delay, time, stopping);
            }
        }
    }
}
