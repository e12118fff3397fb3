using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NodaTime;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Meters.Pulses;

namespace UsageBilling.Edge.Sampling.Simulation;

/// <summary>
/// Drives a simulated site through time, as fast as it can up to now and with the clock from then on. Meters are read over real sockets, pulses come
/// through the real <c>GpioController</c>, and sampler, buffer and uplink are those of real life.
/// </summary>
internal sealed class SimulationService(
    SimulationOptions options,
    GatewayConfiguration configuration,
    SimulatedGpioDriver driver,
    SimulatedTime siteTime,
    PulseCounters counters,
    Sampler sampler,
    LiveValues live,
    SimulationProgress progress,
    Supervision supervision,
    SimulationEnd end,
    ILogger<SimulationService> logger) : BackgroundService
{
    private static readonly TimeSpan LongestCycle = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);
    private static readonly Duration ReplayAtOnce = Duration.FromDays(10);

    private readonly Duration _interval = Duration.FromMinutes(configuration.IntervalMinutes);
    private readonly TimeProvider _realTime = TimeProvider.System;
    private Instant _site;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var loop = supervision.Register("simulation", LongestCycle);
        using var simulator = await SimulatorClient.ConnectAsync(options.SocketPath, ConnectPatience, stoppingToken);
        var next = FirstBoundary();
        progress.Begin(Cycles(next, options.To ?? Now()));
        var replay = await BeginPulsesAsync(simulator, next, stoppingToken);
        while (next <= (options.To ?? Now()))
        {
            await AdvanceAsync(simulator, replay, next, stoppingToken);
            await StoreAsync(next, stoppingToken);
            next += _interval;
            progress.Stored(Cycles(next, options.To ?? Now()));
            loop.Progress();
        }

        live.Report();
        progress.End();
        if (options.To is not null)
        {
            loop.Rest();
            await end.ReachedAsync(stoppingToken);
            return;
        }

        Log.SimulationLive(logger, Now());
        await FollowAsync(simulator, replay, next, loop, stoppingToken);
    }

    // The cycle of the instant kept last may or may not have been stored before the process was killed: it is sampled again and comes out the same.
    private Instant FirstBoundary()
    {
        var from = counters.Found is { } found && found > options.From ? found : options.From;
        var floor = BoundaryClock.Floor(from, _interval);
        return floor == from ? from : floor + _interval;
    }

    private async Task<SimulatedPins> BeginPulsesAsync(SimulatorClient simulator, Instant first, CancellationToken stoppingToken)
    {
        var through = counters.Meters.ToDictionary(m => ((PulseMeterSettings)m.Settings).Pin.Pin, m => m.CountedThrough);
        _site = through.Values.Append(first).Min();
        siteTime.Set(_site);
        foreach (var meter in counters.Meters)
        {
            PulseStart.Begin(meter, logger);
        }

        var replay = new SimulatedPins(driver, siteTime, through);
        var until = Instant.Min(first, options.To ?? Now()); // resumed in the middle of an interval, the first boundary is still to come
        while (_site < until)
        {
            await AdvanceAsync(simulator, replay, Instant.Min(until, _site + ReplayAtOnce), stoppingToken);
        }

        return replay;
    }

    private async Task FollowAsync(SimulatorClient simulator, SimulatedPins replay, Instant next, Supervision.Loop loop, CancellationToken stoppingToken)
    {
        var pause = Duration.FromSeconds(configuration.LiveSeconds > 0 ? configuration.LiveSeconds : 10);
        while (true)
        {
            var wait = Duration.Min(next - Now(), pause);
            if (wait > Duration.Zero)
            {
                await Task.Delay(wait.ToTimeSpan(), _realTime, stoppingToken);
            }

            loop.Progress();
            if (Now() >= next)
            {
                await AdvanceAsync(simulator, replay, next, stoppingToken);
                var cycle = await StoreAsync(next, stoppingToken);
                Log.Sampled(logger, next, cycle.Readings, cycle.Failing);
                next += _interval;
            }
            else if (configuration.LiveSeconds > 0)
            {
                await AdvanceAsync(simulator, replay, Now(), stoppingToken);
                await live.TakeAsync(stoppingToken);
            }
        }
    }

    // The site stands still meanwhile, so a disk that recovers costs nothing.
    private async Task<CycleResult> StoreAsync(Instant boundary, CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                return await sampler.SampleAsync(keepInstant: true, stoppingToken);
            }
            catch (IOException e)
            {
                Log.SampledAgain(logger, boundary, e);
            }

            await Task.Delay(Retry, _realTime, stoppingToken);
        }
    }

    private async Task AdvanceAsync(SimulatorClient simulator, SimulatedPins replay, Instant to, CancellationToken stoppingToken)
    {
        replay.Replay(await simulator.AdvanceAsync(_site, to, stoppingToken), to);
        _site = to;
    }

    private long Cycles(Instant next, Instant to) => next > to ? 0 : ((to - next).BclCompatibleTicks / _interval.BclCompatibleTicks) + 1;

    // The control protocol counts in milliseconds.
    private Instant Now() => Instant.FromUnixTimeMilliseconds(_realTime.GetUtcNow().ToUnixTimeMilliseconds());
}
