using NodaTime;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Validation;

/// <summary>Validates and estimates what is due, and once an hour what nobody sent.</summary>
internal sealed class ValidationWorker(ValidationRun run, TimeProvider time, ILogger<ValidationWorker> log) : BackgroundService
{
    private const int AtOnce = 400;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);
    private static readonly Duration BetweenTries = Duration.FromMinutes(1);
    private static readonly Duration BetweenSweeps = Duration.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var (nextSweep, nextTry) = (time.GetCurrentInstant(), time.GetCurrentInstant() + BetweenTries);
        using var timer = new PeriodicTimer(Pause, time);
        do
        {
            try
            {
                while (await run.TakeDueAsync(AtOnce, stoppingToken) is not null)
                {
                }

                if (time.GetCurrentInstant() >= nextTry)
                {
                    await run.TryAgainAsync(stoppingToken);
                    nextTry = time.GetCurrentInstant() + BetweenTries;
                }

                if (time.GetCurrentInstant() >= nextSweep)
                {
                    var done = await run.SweepAsync(stoppingToken);
                    nextSweep = time.GetCurrentInstant() + BetweenSweeps;
                    log.ValidationSwept(done.Channels, done.Days, done.Estimates);
                }
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // What was due still is: the days are deleted in the transaction that validated them.
                log.ValidationFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
