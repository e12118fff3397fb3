using Microsoft.Extensions.Hosting;
using NodaTime;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;

namespace UsageBilling.Edge.Sampling;

/// <summary>Takes live values every few seconds, except just before a boundary: a slow meter must not delay the readings that are billed.</summary>
public sealed class LiveService(GatewayConfiguration configuration, LiveValues live, BoundaryClock boundaries, Supervision supervision, TimeProvider time)
    : BackgroundService
{
    private static readonly TimeSpan LongestPoll = TimeSpan.FromMinutes(3);
    private static readonly Duration KeepFree = Duration.FromSeconds(3);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (configuration.LiveSeconds == 0)
        {
            return;
        }

        var loop = supervision.Register("live values", LongestPoll + TimeSpan.FromSeconds(configuration.LiveSeconds));
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(configuration.LiveSeconds), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (boundaries.UntilNext() > KeepFree)
            {
                await live.TakeAsync(stoppingToken);
            }

            loop.Progress();
        }
    }
}
