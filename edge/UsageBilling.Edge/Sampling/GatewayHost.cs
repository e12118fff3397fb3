using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Meters;
using UsageBilling.Edge.Meters.Pulses;
using UsageBilling.Edge.Sampling.Simulation;
using UsageBilling.Edge.Uplink;

namespace UsageBilling.Edge.Sampling;

/// <summary>Puts the gateway together: meters, sampling, buffer, uplink; in a simulation with the site's time and pins instead of real ones.</summary>
internal static class GatewayHost
{
    /// <summary>Builds the host.</summary>
    /// <exception cref="ArgumentException">The settings of the uplink do not work; the message says what to change.</exception>
    public static IHost Build(GatewayConfiguration configuration, SimulationOptions? simulation, TextWriter output)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true, ApplicationName = "usage-gateway" });
        builder.Logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat, console.UseUtcTimestamp) = (true, "yyyy-MM-ddTHH:mm:ssZ ", true));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));

        var siteTime = simulation is null ? TimeProvider.System : new SimulatedTime(simulation.From);
        builder.Services.AddSingleton(configuration);
        builder.AddHealth(simulation is null ? new GatewayClock(siteTime, configuration.Clock) : new GatewayClock(siteTime, static () => true, Guid.NewGuid(), simulated: true));
        builder.AddReadingBuffer(configuration.StateFolder, BufferOptionsOf(configuration, simulation is not null));
        AddMeters(builder.Services, configuration, siteTime, simulation is not null);
        builder.Services.AddSingleton<Sampler>();
        builder.Services.AddSingleton<LiveValues>();
        var uplink = AddUplink(builder, configuration);
        if (simulation is null)
        {
            builder.Services.AddSingleton(TimeProvider.System);
            builder.Services.AddSingleton(new BoundaryClock(NodaTime.Duration.FromMinutes(configuration.IntervalMinutes), TimeProvider.System));
            builder.Services.AddHostedService<SamplingService>();
            builder.Services.AddHostedService<LiveService>();
        }
        else
        {
            AddSimulation(builder.Services, simulation, (SimulatedTime)siteTime, uplink, output);
        }

        return builder.Build();
    }

    private static BufferOptions BufferOptionsOf(GatewayConfiguration configuration, bool simulated)
    {
        var options = new BufferOptions { Gateway = configuration.Gateway, RetentionTime = simulated ? TimeProvider.System : null };
        return configuration.BufferMaxMebibytes is { } mebibytes ? options with { MaxBytes = (long)mebibytes << 20 } : options;
    }

    private static void AddMeters(IServiceCollection services, GatewayConfiguration configuration, TimeProvider siteTime, bool simulated)
    {
        var driver = simulated ? new SimulatedGpioDriver() : null;
        if (driver is not null)
        {
            services.AddSingleton(driver);
        }

        services.AddSingleton(_ => new PulseSources(siteTime, driver));
        services.AddSingleton(provider =>
        {
            var sources = provider.GetRequiredService<PulseSources>();
            var counters = PulseCounters.Open(configuration.StateFolder, configuration.Meters.OfType<PulseMeterSettings>(), sources.For, siteTime);
            if (counters.SetAside is { } file)
            {
                Log.CountersSetAside(provider.GetRequiredService<ILogger<PulseCounters>>(), file);
                provider.GetRequiredService<ReadingBuffer>().Note("pulse-counters-set-aside", file);
            }

            return counters;
        });
        services.AddSingleton(provider => MeterPoller.Create(configuration, provider.GetRequiredService<PulseCounters>().Meters, siteTime, TimeProvider.System));
    }

    // Before enrolment there is no key and nowhere to send to: the gateway measures all the same, and the readings wait.
    private static bool AddUplink(HostApplicationBuilder builder, GatewayConfiguration configuration)
    {
        var options = Enrolment.Complete(configuration.Gateway, configuration.StateFolder, configuration.Cloud);
        var possible = File.Exists(GatewayKeys.FileIn(configuration.StateFolder)) && options.Host.Length > 0;
        if (possible)
        {
            builder.AddUplink(options);
        }
        else
        {
            builder.Services.AddHostedService<NotEnrolled>();
        }

        builder.Services.TryAddSingleton<LiveFeed>();
        return possible;
    }

    private static void AddSimulation(IServiceCollection services, SimulationOptions simulation, SimulatedTime siteTime, bool uplink, TextWriter output)
    {
        services.AddSingleton(simulation);
        services.AddSingleton(siteTime);
        services.AddSingleton(provider => new SimulationProgress(provider.GetRequiredService<ReadingBuffer>(), provider.GetRequiredService<PulseCounters>(), output));
        services.AddSingleton(provider => new SimulationEnd(
            provider.GetRequiredService<ReadingBuffer>(), provider.GetRequiredService<IHostApplicationLifetime>(), uplink));
        services.AddHostedService<SimulationService>();
    }
}

/// <summary>Says at the start that nothing will be forwarded.</summary>
internal sealed class NotEnrolled(GatewayConfiguration configuration, ILogger<NotEnrolled> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Log.NotEnrolled(logger, configuration.Gateway);
        return Task.CompletedTask;
    }
}
