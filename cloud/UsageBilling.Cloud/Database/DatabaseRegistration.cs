using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace UsageBilling.Cloud.Database;

/// <summary>Puts the open database and the health checks into the host.</summary>
internal static class DatabaseRegistration
{
    public static void AddDatabase(this WebApplicationBuilder builder, CloudDatabase database)
    {
        builder.Services.AddSingleton(database);
        builder.Services.AddSingleton(_ => database.Source);
        builder.Services.AddHealthChecks().AddCheck<DatabaseHealth>("database");
        if (database.Cluster is not null)
        {
            builder.Services.AddHostedService<PrivateClusterWatch>();
        }
    }

    /// <summary><c>/healthz</c>: the process answers. <c>/readyz</c>: everything it needs answers too; slices add their checks.</summary>
    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/healthz", new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks("/readyz");
    }

    private sealed class DatabaseHealth(NpgsqlDataSource source) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await using var command = source.CreateCommand("SELECT 1");
                await command.ExecuteScalarAsync(cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (NpgsqlException e)
            {
                return HealthCheckResult.Unhealthy("PostgreSQL does not answer", e);
            }
        }
    }
}
