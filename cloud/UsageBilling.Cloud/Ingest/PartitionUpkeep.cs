using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Keeps the journal's partitions ahead of time: at start and every day.</summary>
internal sealed class PartitionUpkeep(NpgsqlDataSource source, TimeProvider time, ILogger<PartitionUpkeep> log) : BackgroundService
{
    private const int MonthsAhead = 3;

    /// <summary>Makes the journal's partitions from a day's month to some months ahead; those that exist are left alone.</summary>
    public static async Task EnsureAsync(NpgsqlDataSource source, Instant from, CancellationToken cancellation)
    {
        var day = from.InUtc().Date;
        await using var command = source.CreateCommand("SELECT ensure_month_partitions('reading_batch', $1, $2)");
        command.Parameters.Add(new() { Value = day });
        command.Parameters.Add(new() { Value = day.PlusMonths(MonthsAhead) });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(24), time);
        do
        {
            try
            {
                await EnsureAsync(source, time.GetCurrentInstant(), stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Months are made ahead, so one missed day costs nothing; a commit that finds no partition makes it itself.
                log.PartitionUpkeepFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
