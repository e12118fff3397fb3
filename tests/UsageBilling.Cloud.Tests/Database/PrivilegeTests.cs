using Npgsql;

namespace UsageBilling.Cloud.Tests.Database;

public sealed class PrivilegeTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    [Theory]
    [InlineData("UPDATE reading_batch SET body = ''")]
    [InlineData("DELETE FROM reading_batch")]
    [InlineData("TRUNCATE reading_batch")]
    [InlineData("DROP TABLE reading_batch")]
    [InlineData("DELETE FROM gateway_key_closed")]
    [InlineData("UPDATE batch_set_aside SET reason = ''")]
    [InlineData("DELETE FROM parked")]
    [InlineData("DELETE FROM refused_batch")]
    public async Task Service_role_can_only_add_to_what_is_evidence(string sql)
    {
        await using var command = database.Source.CreateCommand(sql);
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync())).SqlState);
    }

    [Fact]
    public async Task Partitions_are_made_through_the_owners_function_and_twice_is_once()
    {
        Assert.Equal(3, await MakeAsync("reading_batch", "2031-01-15", "2031-03-01"));
        Assert.Equal(0, await MakeAsync("reading_batch", "2031-01-15", "2031-03-01"));
        Assert.Equal(PostgresErrorCodes.RaiseException, (await Assert.ThrowsAsync<PostgresException>(() => MakeAsync("stream", "2031-01-01", "2031-01-01"))).SqlState);
    }

    [Fact]
    public async Task Old_months_are_dropped_with_an_anchor_and_young_ones_are_not()
    {
        await MakeAsync("reading_batch", "2001-01-01", "2001-02-01");
        await ExecuteAsync("""
            INSERT INTO reading_batch (gateway, stream, sequence, received_at, kind, hash, previous_hash, chain_hash, key_id, signature, body, reading_count, register_ids)
            SELECT 'old', '00000000-0000-0000-0000-000000000001', n, '2001-01-10', 0, sha256(n::text::bytea), '', sha256(n::text::bytea), '', '', '', 0, '{}' FROM generate_series(1, 3) n
            """);
        Assert.Equal(1L, await AskAsync("SELECT drop_reading_batch_months('2001-02-10')::bigint"));
        Assert.Equal(3L, await AskAsync("SELECT sequence FROM stream_anchor WHERE gateway = 'old' AND hash = sha256('3'::bytea)"));
        Assert.Equal(
            PostgresErrorCodes.RaiseException,
            (await Assert.ThrowsAsync<PostgresException>(() => AskAsync("SELECT drop_reading_batch_months((now() AT TIME ZONE 'UTC')::date)::bigint"))).SqlState);
    }

    private async Task<int> MakeAsync(string table, string from, string through)
    {
        await using var command = database.Source.CreateCommand($"SELECT ensure_month_partitions('{table}', '{from}', '{through}')");
        return (int)(await command.ExecuteScalarAsync())!;
    }

    private async Task<object?> AskAsync(string sql)
    {
        await using var command = database.Source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = database.Source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
