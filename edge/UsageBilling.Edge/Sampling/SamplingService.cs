using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NodaTime;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Meters.Pulses;

namespace UsageBilling.Edge.Sampling;

/// <summary>The gateway's real life: a cycle at each boundary, and the counters made durable in between.</summary>
public sealed class SamplingService(
    GatewayConfiguration configuration, Sampler sampler, PulseCounters counters, BoundaryClock boundaries, Supervision supervision, TimeProvider time, ILogger<SamplingService> logger)
    : BackgroundService
{
    private static readonly TimeSpan LongestCycle = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (var meter in counters.Meters)
        {
            PulseStart.Begin(meter, logger);
        }

        return Task.WhenAll(SampleAsync(stoppingToken), SaveCountersAsync(stoppingToken));
    }

    private async Task SampleAsync(CancellationToken stoppingToken)
    {
        var loop = supervision.Register("sampling", LongestCycle);
        sampler.Note("started", null, $"gateway {configuration.Gateway} samples every {configuration.IntervalMinutes} minutes");
        while (true)
        {
            var boundary = await boundaries.WaitAsync(loop.Progress, stoppingToken);
            if (boundary.Missed > 0)
            {
                Log.BoundariesMissed(logger, boundary.Missed, boundary.At);
                sampler.Note("boundaries-missed", null, $"{boundary.Missed} before {boundary.At}");
            }

            await StoreAsync(boundary.At, stoppingToken);
            loop.Progress();
        }
    }

    // A full or failing disk may recover: the cycle is tried again with fresh registers until the next boundary comes.
    private async Task StoreAsync(Instant boundary, CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                var cycle = await sampler.SampleAsync(keepInstant: false, stoppingToken);
                Log.Sampled(logger, boundary, cycle.Readings, cycle.Failing);
                return;
            }
            catch (IOException e)
            {
                Log.NotStored(logger, boundary, e);
                if (boundaries.UntilNext() < Duration.FromTimeSpan(Retry + Retry))
                {
                    return;
                }
            }

            await Task.Delay(Retry, time, stoppingToken);
        }
    }

    private async Task SaveCountersAsync(CancellationToken stoppingToken)
    {
        if (counters.Meters.Count == 0)
        {
            return;
        }

        var loop = supervision.Register("pulse counters", LongestCycle);
        using var timer = new PeriodicTimer(PulseCounters.CheckEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                counters.SaveIfDue();
                loop.Progress();
            }
            catch (IOException e)
            {
                // No progress while the disk fails: the watchdog ends what does not recover.
                Log.CountersNotSaved(logger, e);
            }
        }
    }
}
