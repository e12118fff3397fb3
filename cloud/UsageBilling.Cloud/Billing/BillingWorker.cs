using UsageBilling.Cloud.Validation;

namespace UsageBilling.Cloud.Billing;

/// <summary>Does the runs that were asked for (or that a crash left), renders documents, and turns late data into proposals.</summary>
internal sealed class BillingWorker(BillingCycle cycle, ValidatedDays validated, RebillProposals proposals, TimeProvider time, ILogger<BillingWorker> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, time);
        do
        {
            try
            {
                await WorkAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // What was not done is still noted in the database; the next turn tries it again.
                log.BillingWorkFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        foreach (var (run, month, issue) in await cycle.UnfinishedAsync(cancellationToken))
        {
            await validated.CatchUpAsync(cancellationToken);
            if (await cycle.CompleteAsync(run, month, issue, cancellationToken) is not { } done)
            {
                continue;
            }

            log.BillRunDone(done.Period, done.Contracts, done.Billed, done.Held, done.Failed, done.Issued);
        }

        await cycle.RenderAsync(null, cancellationToken);
        while (await proposals.TakeAsync(cancellationToken) > 0)
        {
        }
    }
}
