using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;

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
                    await imports.ResumeAsync(id, stoppingToken);
                    logger.ImportResumed(id);
                }
            }
            catch (Exception error) when (error is NpgsqlException or InvalidOperationException or MeteringConfigurationException or IOException)
            {
                // It stays as it is, shown as not finished, and is tried again in a minute.
                logger.ImportStuck(error);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
