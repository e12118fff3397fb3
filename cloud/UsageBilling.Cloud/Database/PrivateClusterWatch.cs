namespace UsageBilling.Cloud.Database;

/// <summary>Starts the private cluster again when its postmaster is gone; a crashed backend is the postmaster's own affair.</summary>
internal sealed class PrivateClusterWatch(CloudDatabase database, TimeProvider time, ILogger<PrivateClusterWatch> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var cluster = database.Cluster!;
        log.PrivateClusterRuns(cluster.Folder);
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (cluster.IsRunning())
            {
                continue;
            }

            log.PrivateClusterGone(cluster.Folder);
            try
            {
                await cluster.EnsureRunningAsync(stoppingToken);
            }
            catch (DatabaseUnavailableException e)
            {
                log.PrivateClusterStaysDown(cluster.Folder, e);
            }
        }
    }
}
