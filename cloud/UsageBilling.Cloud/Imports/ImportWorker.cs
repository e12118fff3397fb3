using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Imports;

/// <summary>Goes on with imports whose process died while they were delivered.</summary>
internal sealed class ImportWorker(NpgsqlDataSource database, ImportRun imports, TimeProvider time, ILogger<ImportWorker> logger) : BackgroundService
{
    // A piece is a transaction of seconds: whoever has not written for so long is gone.
    private static readonly Duration Patience = Duration.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1), time);
        do
        {
            try
            {
                foreach (var id in await ImportStore.AbandonedAsync(database, time.GetCurrentInstant() - Patience, stoppingToken))
                {
                    await ResumeAsync(id, stoppingToken);
                }
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                // Most likely the database is away. An import never ends the host.
                logger.ImportsUnknown(error);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task ResumeAsync(Guid id, CancellationToken stoppingToken)
    {
        try
        {
            var now = time.GetCurrentInstant();
            if (await ImportStore.TakeUpAsync(database, id, now - Patience, now, stoppingToken))
            {
                if (await imports.ResumeAsync(id, stoppingToken) is { } reason)
                {
                    logger.ImportFailed(id, reason);
                }
                else
                {
                    logger.ImportResumed(id);
                }
            }
        }
        catch (Exception error) when (!stoppingToken.IsCancellationRequested)
        {
            // It stays as it is, shown as not finished, and is tried again when others have been.
            logger.ImportStuck(error, id);
        }
    }
}
