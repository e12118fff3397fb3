using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace UsageBilling.Cloud.Database;

/// <summary>The open database: somebody's PostgreSQL, or the private cluster, which runs for as long as somebody has it open.</summary>
public sealed class CloudDatabase : IAsyncDisposable
{
    private CloudDatabase(NpgsqlDataSource source, PrivateCluster? cluster)
    {
        Source = source;
        Cluster = cluster;
    }

    /// <summary>Connections as the service role, in UTC.</summary>
    public NpgsqlDataSource Source { get; }

    /// <summary>The private cluster, where one is used.</summary>
    internal PrivateCluster? Cluster { get; }

    /// <summary>Connects to what is there: a mistyped state folder must not become an empty database.</summary>
    /// <exception cref="DatabaseUnavailableException">There is none.</exception>
    public static Task<CloudDatabase> OpenExistingAsync(CloudSettings settings, CancellationToken cancellation) =>
        settings.Database is null && !File.Exists(Path.Combine(settings.State, "postgres", "data", "PG_VERSION"))
            ? throw new DatabaseUnavailableException($"there is no database in {settings.State}; name its folder with --state, or make a new one with usage-cloud migrate or usage-cloud serve")
            : OpenAsync(settings, cancellation);

    /// <summary>Connects to what the settings name; without a connection string starts the private cluster and brings its schema up to date.</summary>
    /// <exception cref="DatabaseUnavailableException">There is no usable database; the message says what to do.</exception>
    public static async Task<CloudDatabase> OpenAsync(CloudSettings settings, CancellationToken cancellation)
    {
        if (settings.Database is { } connectionString)
        {
            return new CloudDatabase(CreateSource(connectionString), null);
        }

        var cluster = await PrivateCluster.StartAsync(Path.Combine(settings.State, "postgres"), cancellation);
        try
        {
            await Migrations.ApplyAsync(cluster.ConnectionString("usage_owner"), NullLogger.Instance, cancellation);
            return new CloudDatabase(CreateSource(cluster.ConnectionString("usage_service")), cluster);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>A data source as every part of the cloud uses it: NodaTime types, UTC sessions, bounded pool.</summary>
    /// <exception cref="DatabaseUnavailableException">The connection string cannot be read.</exception>
    public static NpgsqlDataSource CreateSource(string connectionString)
    {
        try
        {
            var builder = new NpgsqlDataSourceBuilder(connectionString);
            builder.ConnectionStringBuilder.Timezone = "UTC";
            builder.ConnectionStringBuilder.MaxAutoPrepare = 50;
            builder.ConnectionStringBuilder.ApplicationName ??= "usage-cloud";
            builder.UseNodaTime();
            return builder.Build();
        }
        catch (ArgumentException e)
        {
            throw new DatabaseUnavailableException($"--database is not a connection string ({e.Message}); it looks like Host=db;Database=usage;Username=usage_service;Password=…", e);
        }
    }

    /// <summary>Closes the connections; stops the private cluster when nobody else uses it.</summary>
    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        if (Cluster is not null)
        {
            await Cluster.DisposeAsync();
        }
    }
}
