using System.Diagnostics;
using Npgsql;

namespace UsageBilling.Testing;

/// <summary>A fresh database in the tests' cluster, copied from a template that was migrated once; dropped at the end.</summary>
public sealed class PostgresDatabase : IAsyncDisposable
{
    private const string Owner = "usage_owner";
    private const string Service = "usage_service";

    // Any constant: processes that start together make one template.
    private const long TemplateLock = 0x7573_6167_6502;

    private static readonly Lazy<string> Cluster = new(FindCluster);

    private readonly string name;

    private PostgresDatabase(string name) => this.name = name;

    /// <summary>As the product connects: a role that may only do what the migrations grant.</summary>
    public string ServiceConnectionString => For(name, Service);

    /// <summary>As migrations connect.</summary>
    public string OwnerConnectionString => For(name, Owner);

    /// <summary>As the cluster's superuser, for tests that break things on purpose.</summary>
    public string AdminConnectionString => new NpgsqlConnectionStringBuilder(Cluster.Value) { Database = name }.ConnectionString;

    /// <summary>Makes the database. <paramref name="fingerprint"/> names the template; <paramref name="migrate"/> fills it, given the owner's connection string.</summary>
    public static async Task<PostgresDatabase> CreateAsync(string fingerprint, Func<string, Task> migrate)
    {
        var template = $"ub_template_{fingerprint}";
        await using var admin = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Cluster.Value) { Pooling = false }.ConnectionString);
        await admin.OpenAsync();
        await EnsureTemplateAsync(admin, template, migrate);
        var database = new PostgresDatabase($"ub_test_{Guid.NewGuid():n}");
        await ExecuteAsync(admin, $"CREATE DATABASE {database.name} TEMPLATE {template} OWNER {Owner}");
        return database;
    }

    /// <summary>A second database with the same content, as if it had been restored from a backup taken now; nobody may be connected to this one.</summary>
    public async Task<PostgresDatabase> CopyAsync()
    {
        await using var admin = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Cluster.Value) { Pooling = false }.ConnectionString);
        await admin.OpenAsync();
        var copy = new PostgresDatabase($"ub_test_{Guid.NewGuid():n}");
        await ExecuteAsync(admin, $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        await ExecuteAsync(admin, $"CREATE DATABASE {copy.name} TEMPLATE {name} OWNER {Owner}");
        return copy;
    }

    /// <summary>Drops the database with whatever is still connected.</summary>
    public async ValueTask DisposeAsync()
    {
        await using var admin = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Cluster.Value) { Pooling = false }.ConnectionString);
        await admin.OpenAsync();
        await ExecuteAsync(admin, $"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    }

    private static async Task EnsureTemplateAsync(NpgsqlConnection admin, string template, Func<string, Task> migrate)
    {
        await ExecuteAsync(admin, $"SELECT pg_advisory_lock({TemplateLock})");
        await using (var ready = new NpgsqlCommand($"SELECT 1 FROM pg_database WHERE datname = '{template}'", admin))
        {
            if (await ready.ExecuteScalarAsync() is null)
            {
                await ExecuteAsync(admin, $"""
                    DO $$ BEGIN
                      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{Owner}') THEN CREATE ROLE {Owner} LOGIN; END IF;
                      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{Service}') THEN CREATE ROLE {Service} LOGIN; END IF;
                    END $$;
                    """);

                // Half a template must never carry the template's name.
                var making = template + "_making";
                await ExecuteAsync(admin, $"DROP DATABASE IF EXISTS {making} WITH (FORCE)");
                await ExecuteAsync(admin, $"CREATE DATABASE {making} OWNER {Owner}");
                await migrate(new NpgsqlConnectionStringBuilder(For(making, Owner)) { Pooling = false }.ConnectionString);
                await ExecuteAsync(admin, $"ALTER DATABASE {making} RENAME TO {template}");
            }
        }

        await ExecuteAsync(admin, $"SELECT pg_advisory_unlock({TemplateLock})");
    }

    private static string For(string database, string role) =>
        new NpgsqlConnectionStringBuilder(Cluster.Value) { Database = database, Username = role, MaxPoolSize = 20 }.ConnectionString;

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static string FindCluster()
    {
        if (Environment.GetEnvironmentVariable("USAGE_TEST_DATABASE") is { Length: > 0 } named)
        {
            return named;
        }

        using var script = Process.Start(new ProcessStartInfo(Path.Combine(SharedCases.RepositoryRoot, "tests", "postgres"), ["start"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = script.StandardError.ReadToEndAsync();
        var output = script.StandardOutput.ReadToEnd();
        script.WaitForExit();
        return script.ExitCode == 0
            ? output.Trim().Split('\n')[^1]
            : throw new InvalidOperationException($"tests/postgres start failed: {error.Result}");
    }
}
