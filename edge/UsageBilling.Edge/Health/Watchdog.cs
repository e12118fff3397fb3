using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;

namespace UsageBilling.Edge.Health;

/// <summary>
/// Feeds systemd's watchdog while every loop makes progress, and keeps the clock under observation. A loop that stalls stops the
/// feeding, and systemd starts the gateway again; everything that matters is on disk.
/// </summary>
public sealed class Watchdog(Supervision supervision, GatewayClock clock, ISystemdNotifier systemd, ILogger<Watchdog> logger) : BackgroundService
{
    private static readonly ServiceState Alive = new("WATCHDOG=1");
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, TimeProvider.System);
        var reported = "";
        do
        {
            clock.Stamp();
            var stalled = string.Join(", ", supervision.Stalled());
            if (stalled.Length == 0)
            {
                systemd.Notify(Alive);
            }
            else if (stalled != reported)
            {
                Log.Stalled(logger, stalled);
            }

            reported = stalled;
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}

/// <summary>Registers buffer-independent health: clock, supervision, status and watchdog.</summary>
public static class HealthRegistration
{
    /// <summary>Adds clock, supervision, status board and systemd's notifications and watchdog.</summary>
    public static void AddHealth(this IHostApplicationBuilder builder, GatewayClock clock)
    {
        builder.Services.AddSystemd();
        builder.Services.TryAddNotifier();
        builder.Services.AddSingleton(clock);
        // Stalls are a matter of real time, also where sampling is simulated.
        builder.Services.AddSingleton(new Supervision(TimeProvider.System));
        builder.Services.AddSingleton<StatusBoard>();
        builder.Services.AddHostedService<Watchdog>();
    }

    /// <summary>Outside systemd there is nobody to notify; the notifier then does nothing by itself.</summary>
    private static void TryAddNotifier(this IServiceCollection services)
    {
        if (services.All(s => s.ServiceType != typeof(ISystemdNotifier)))
        {
            services.AddSingleton<ISystemdNotifier, SystemdNotifier>();
        }
    }
}
