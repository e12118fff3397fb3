using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests;

/// <summary>A migrated database of its own for a test class: <c>IClassFixture&lt;MigratedDatabase&gt;</c>.</summary>
public sealed class MigratedDatabase : IAsyncLifetime
{
    private PostgresDatabase database = null!;

    /// <summary>The database itself, for its other connection strings.</summary>
    public PostgresDatabase Postgres => database;

    /// <summary>Connections as the product makes them.</summary>
    public NpgsqlDataSource Source { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        database = await PostgresDatabase.CreateAsync(Migrations.Fingerprint, owner => Migrations.ApplyAsync(owner));
        Source = CloudDatabase.CreateSource(database.ServiceConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await database.DisposeAsync();
    }
}
