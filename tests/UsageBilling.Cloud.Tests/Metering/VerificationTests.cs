using NodaTime;
using Npgsql;
using static UsageBilling.Cloud.Tests.Metering.MeteringSite;

namespace UsageBilling.Cloud.Tests.Metering;

/// <summary>What verification must see: each test breaks one thing in a database of its own.</summary>
public sealed class VerificationTests : IAsyncLifetime
{
    private static readonly Instant Start = At("2026-11-01T00:00:00Z");
    private readonly MigratedDatabase database = new();
    private MeteringSite site = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 100);
        for (var i = 0; i < 4; i++)
        {
            await site.JournalAsync(Grid(site.Register, Start + Duration.FromHours(6 * i), 24, n => 100 + (24L * i) + n));
        }

        await site.JournalAsync([new(site.Register, Start + Duration.FromMinutes(7), 100, 0, default)]);
        await site.ProjectAsync();
        Assert.Empty(await site.VerifyAsync());
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Theory]
    [InlineData("sha256(body)", null)]
    [InlineData("sha256('another')", "hash chain")]
    [InlineData(null, "sequence")]
    public async Task A_chain_whose_oldest_batches_were_dropped_goes_on_from_its_anchor(string? hash, string? kind)
    {
        if (hash is not null)
        {
            await BreakAsync($"INSERT INTO stream_anchor SELECT gateway, stream, sequence, {hash}, now() FROM reading_batch WHERE sequence = 2");
        }

        await BreakAsync("DELETE FROM reading_batch WHERE sequence <= 2");
        var found = (await site.VerifyAsync()).Select(d => d.Kind).ToHashSet();
        Assert.Equal(kind == "sequence", found.Contains("sequence"));
        Assert.Equal(kind is not null, found.Contains("hash chain"));
    }

    [Theory]
    [InlineData("UPDATE interval_day SET quantities = set_byte(quantities, 7, 9)", "interval day", "conservation")]
    [InlineData("UPDATE interval_day SET hash = sha256('x')", "interval day", null)]
    [InlineData("DELETE FROM interval_day", "interval day", "conservation")]
    [InlineData("UPDATE register_day SET slot_values = set_byte(slot_values, 7, 9)", "register day", null)]
    [InlineData("UPDATE register_day SET qualities = set_byte(qualities, 3, 192)", "register day", null)]
    [InlineData("DELETE FROM register_day", "register day", null)]
    [InlineData("DELETE FROM register_read", "register read", null)]
    [InlineData("UPDATE register_segment SET unwrapped_base = 5", "segments", null)]
    [InlineData("DELETE FROM reading_batch WHERE sequence = 2", "sequence", "hash chain")]
    [InlineData("DELETE FROM reading_batch b WHERE sequence = (SELECT max(sequence) FROM reading_batch m WHERE m.stream = b.stream)", "sequence", null)]
    [InlineData("UPDATE reading_batch SET body = set_byte(body, 70, get_byte(body, 70) # 1) WHERE sequence = 2", "hash chain", null)]
    public async Task Tampering_is_listed(string sql, string kind, string? also)
    {
        await using var admin = NpgsqlDataSource.Create(database.Postgres.AdminConnectionString);
        await using var command = admin.CreateCommand(sql);
        Assert.True(await command.ExecuteNonQueryAsync() > 0);
        var kinds = (await site.VerifyAsync()).Select(d => d.Kind).ToHashSet();
        Assert.Contains(kind, kinds);
        if (also is not null)
        {
            Assert.Contains(also, kinds);
        }
    }

    private async Task BreakAsync(string sql)
    {
        await using var admin = NpgsqlDataSource.Create(database.Postgres.AdminConnectionString);
        await using var command = admin.CreateCommand(sql);
        Assert.True(await command.ExecuteNonQueryAsync() > 0);
    }
}
