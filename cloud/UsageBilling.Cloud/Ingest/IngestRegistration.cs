using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Registers ingest with the host.</summary>
internal static class IngestRegistration
{
    public static void AddIngest(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<CommitSignal>();
        services.AddSingleton<IngestQueue>();
        services.AddSingleton<GroupCommit>();
        services.AddSingleton<GatewayMessages>();
        services.AddSingleton<EmbeddedBrokerPort>();
        services.AddSingleton<Replies>();
        services.AddHostedService<PartitionUpkeep>();
        services.AddHostedService(s => s.GetRequiredService<Replies>());
        services.AddHostedService<IngestWorker>();
        services.AddHostedService<HoleWatch>();
        services.AddHostedService<ReplaySender>();
        services.AddHealthChecks().AddCheck<BrokerHealth>("broker");

        // The broker comes last: what it delivers finds everything running, and it is the first to stop.
        var external = services.Any(s => s.ImplementationInstance is CloudSettings { Broker: not null });
        if (external)
        {
            services.AddSingleton<ExternalBroker>();
            services.AddSingleton<IBroker>(s => s.GetRequiredService<ExternalBroker>());
            services.AddHostedService(s => s.GetRequiredService<ExternalBroker>());
        }
        else
        {
            services.AddSingleton<EmbeddedBroker>();
            services.AddSingleton<IBroker>(s => s.GetRequiredService<EmbeddedBroker>());
            services.AddHostedService(s => s.GetRequiredService<EmbeddedBroker>());
        }
    }

    private sealed class BrokerHealth(IBroker broker) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(broker.IsConnected ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the broker is not connected"));
    }
}
