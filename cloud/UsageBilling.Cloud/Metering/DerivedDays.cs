using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Cloud.Metering;

/// <summary>Computes virtual channels, and notices that a UTC day has ended: then every channel's day is due, whether anything came for it or not.</summary>
internal sealed class DerivedDays(NpgsqlDataSource database, TimeProvider time, ILogger<DerivedDays> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(15);

    /// <summary>How long after the end of a day its last readings may be on their way, before its absence counts.</summary>
    private static readonly Duration Grace = Duration.FromMinutes(30);

    private LocalDate _noticed = LocalDate.MinIsoValue;

    /// <summary>Works until nothing is due; returns how many days were taken.</summary>
    public async Task<int> DrainAsync(CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        await NoticeAsync(UtcDay.Of(now - Grace).PlusDays(-1), now, cancellationToken);
        var total = 0;
        while (await VirtualDays.ComputeDueAsync(database, now, cancellationToken) is var taken and > 0)
        {
            total += taken;
        }

        await VirtualDays.ComputeTodayAsync(database, now, cancellationToken);
        return total;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, time);
        do
        {
            try
            {
                await DrainAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Rolled back: the days are still in the list.
                log.DerivedDaysInterrupted(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task NoticeAsync(LocalDate ended, Instant now, CancellationToken cancellationToken)
    {
        if (ended > _noticed)
        {
            await DueDays.AddEndedDayAsync(database, ended, now, cancellationToken);
            _noticed = ended;
        }
    }
}
