using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Tests.Database;

public sealed class MigrationTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task Migrating_twice_changes_nothing()
    {
        var before = await CountAsync();
        await Migrations.ApplyAsync(database.Postgres.OwnerConnectionString);
        Assert.Equal(before, await CountAsync());
        Assert.True(before > 0);
    }

    [Fact]
    public async Task Service_role_cannot_change_the_schema()
    {
        await using var command = database.Source.CreateCommand("CREATE TABLE mine (id int)");
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refusal.SqlState);
    }

    [Fact]
    public async Task Sessions_run_in_utc()
    {
        await using var command = database.Source.CreateCommand("SHOW timezone");
        Assert.Equal("UTC", await command.ExecuteScalarAsync());
    }

    private async Task<long> CountAsync()
    {
        await using var source = NpgsqlDataSource.Create(database.Postgres.OwnerConnectionString);
        await using var command = source.CreateCommand("SELECT count(*) FROM schemaversions");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
