using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Health;

namespace UsageBilling.Edge.Uplink;

/// <summary>Keeps a session with the cloud's broker, for ever: whatever ends one, another follows after a random wait.</summary>
public sealed class UplinkService(
    UplinkOptions options,
    ReadingBuffer buffer,
    GatewayClock clock,
    GatewayKeys keys,
    StatusBoard status,
    LiveFeed live,
    Supervision supervision,
    ILogger<UplinkService> logger) : BackgroundService
{
    /// <summary>Real time, also where sampling is simulated: brokers answer in real time.</summary>
    private readonly TimeProvider _time = TimeProvider.System;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var supervised = supervision.Register("uplink", options.PacketTimeout * 3 + TimeSpan.FromMinutes(1));
        var delay = new ReconnectDelay(options, Random.Shared.NextDouble);
        while (!stoppingToken.IsCancellationRequested)
        {
            var started = _time.GetTimestamp();
            supervised.Progress();
            string why;
            try
            {
                await using var session = new UplinkSession(options, buffer, clock, keys, status, live, supervised, _time, logger);
                await session.Run(stoppingToken);
                return;
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Network, broker, disk or a fault of ours: the gateway goes on measuring and tries again.
                why = e.Message;
                Log.SessionFailed(logger, e);
            }

            var wait = delay.After(_time.GetElapsedTime(started));
            Log.ReconnectsIn(logger, wait.TotalSeconds, why);
            supervised.Rest();
            try
            {
                await Task.Delay(wait, _time, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}

/// <summary>Registers the uplink.</summary>
public static class UplinkRegistration
{
    /// <summary>Adds the uplink to a host that has buffer, keys, status and supervision.</summary>
    /// <exception cref="ArgumentException">The options are not usable; the message says what to change.</exception>
    public static void AddUplink(this IHostApplicationBuilder builder, UplinkOptions options)
    {
        if (options.Problems().ToList() is { Count: > 0 } problems)
        {
            throw new ArgumentException(string.Join("; ", problems), nameof(options));
        }

        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton<LiveFeed>();
        builder.Services.AddHostedService<UplinkService>();
    }
}
