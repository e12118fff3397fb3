using System.Diagnostics;
using NodaTime;
using Microsoft.Extensions.Logging.Abstractions;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tests.Imports;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Virtual;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Metering.MeteringSite;

namespace UsageBilling.Cloud.Tests.Metering;

/// <summary>A month with edits, estimates and imports on a database of its own.</summary>
public sealed class ReplayTests : IAsyncLifetime
{
    private static readonly Instant Start = At("2026-10-01T00:00:00Z");
    private readonly MigratedDatabase database = new();
    private readonly List<Reading> readings = [];
    private MeteringSite site = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        site = new MeteringSite(database.Source);
    }

    public async ValueTask DisposeAsync() => await database.DisposeAsync();

    [Fact]
    public async Task A_month_with_edits_estimates_and_imports_comes_out_of_its_journal_in_the_same_bytes()
    {
        await MonthAsync();
        var before = await BytesAsync(versions: true);
        var healthy = await ReplayAsync();
        Assert.Equal((0, 0), (healthy.Different, healthy.Unexplained));
        Assert.True(healthy.Same > 100, $"{healthy.Same} rows");
        Assert.Equal(before, await BytesAsync(versions: true));

        // What was damaged comes back as the version that it was, whichever of intervals and hash was hit: bills name versions.
        await DamageAsync();
        Assert.NotEqual(before, await BytesAsync(versions: true));
        var repaired = await ReplayAsync();
        Assert.True(repaired.Different > 60, $"{repaired.Different} rows");
        Assert.Equal(before, await BytesAsync(versions: true));
        await AdminAsync("UPDATE interval_day SET hash = sha256('damaged') WHERE day = '2026-10-05'");
        Assert.Equal(3, (await ReplayAsync()).Different);
        Assert.Equal(before, await BytesAsync(versions: true));
        Assert.Empty(await site.VerifyAsync());
        Assert.Equal((healthy.Batches, 0), ((await ReplayAsync()).Batches, (await ReplayAsync()).Different));
    }

    [Fact]
    public async Task Shuffled_batches_over_two_streams_give_the_same_bytes()
    {
        await MonthAsync();
        var before = await BytesAsync(versions: false);
        foreach (var sql in new[] { "DELETE FROM register_day", "DELETE FROM register_read WHERE kind = 'off-boundary'", "DELETE FROM register_segment", "DELETE FROM interval_day", "DELETE FROM reading_batch", "DELETE FROM stream", "DELETE FROM stream_projection" })
        {
            await AdminAsync(sql);
        }

        var again = new MeteringSite(database.Source);
        var random = new Random(7);
        var batches = readings.Chunk(61).ToArray();
        random.Shuffle(batches);
        Guid[] streams = [Guid.NewGuid(), Guid.NewGuid()];
        foreach (var batch in batches)
        {
            await again.JournalAsync(batch, streams[random.Next(2)]);
            if (random.Next(12) == 0)
            {
                await again.ProjectAsync();
            }
        }

        await again.ProjectAsync();
        await ReplayAsync(); // deliveries and formulas: their days were deleted too
        Assert.Equal(before, await BytesAsync(versions: false));
        Assert.Equal(0, (await ReplayAsync()).Different);
    }

    [Fact]
    public async Task A_replay_that_is_cancelled_in_the_middle_goes_on_where_it_stood()
    {
        await MonthAsync();
        var others = new List<MeteringSite>();
        for (var i = 0; i < 4; i++)
        {
            var other = new MeteringSite(database.Source);
            await other.InstallAsync(Start, 0);
            await other.JournalAsync(Grid(other.Register, Start, 97, n => 3L * n));
            await other.ProjectAsync();
            others.Add(other);
        }

        var before = await BytesAsync(versions: false);
        await DamageAsync();
        var pieces = 0;
        for (var killed = 0; ; killed++)
        {
            using var kill = new CancellationTokenSource();
            var done = 0;
            try
            {
                var totals = await new Replay(database.Source, site.Time) { RegisterDaysAtOnce = 1 }.RunAsync(
                    _ =>
                    {
                        pieces++;
                        if (++done == killed + 2)
                        {
                            kill.Cancel();
                        }
                    },
                    kill.Token);
                Assert.True(killed > 2, $"{killed} kills");
                Assert.True(totals.Different > 60, $"{totals.Different} rows");
                break;
            }
            catch (OperationCanceledException)
            {
                Assert.Equal(1, await ScalarAsync("SELECT count(*) FROM replay_run WHERE finished_at IS NULL"));
            }
        }

        Assert.Equal(before, await BytesAsync(versions: false));
        Assert.Equal(1, await ScalarAsync("SELECT count(*) FROM replay_run WHERE finished_at IS NOT NULL"));
        Assert.Empty(await site.VerifyAsync());
    }

    [Theory]
    [InlineData(ChannelFeed.Registers, 0)]
    [InlineData(ChannelFeed.Deliveries, 1)]
    [InlineData(ChannelFeed.Virtual, 2)]
    public async Task A_replay_killed_with_signal_nine_gives_the_same_bytes_when_it_runs_again(ChannelFeed at, int piecesDone)
    {
        await MonthAsync();
        var before = await BytesAsync(versions: true);
        await DamageAsync();
        var damaged = await BytesAsync(versions: true);
        var folder = Directory.CreateTempSubdirectory("usage-replay-").FullName;
        try
        {
            // Whoever holds a channel's lock makes the replay wait in the middle of that piece's transaction.
            await using (var holder = await database.Source.OpenConnectionAsync())
            {
                await using var hold = await holder.BeginTransactionAsync();
                var channel = (await holder.RowsAsync("SELECT channel_id FROM channel WHERE feed = $1 LIMIT 1", r => new ChannelId(r.GetGuid(0)), default, (short)at))[0];
                await MeasuredLayer.LockAsync(holder, [channel], default);
                using var child = CloudProgram.Start(folder, "replay", "--database", database.Postgres.ServiceConnectionString);
                var said = child.StandardError.ReadToEndAsync();
                await UntilAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", child);
                child.Kill();
                await child.WaitForExitAsync();
                Assert.Equal(128 + 9, child.ExitCode);
                Assert.Equal(piecesDone, (await said).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
                await hold.RollbackAsync();
            }

            Assert.Equal(1, await ScalarAsync("SELECT count(*) FROM replay_run WHERE finished_at IS NULL"));
            Assert.NotEqual(before, await BytesAsync(versions: true));
            Assert.Equal(piecesDone == 0, damaged == await BytesAsync(versions: true));

            var again = CloudProgram.Run(folder, "replay", "--json", "--database", database.Postgres.ServiceConnectionString);
            Assert.Equal((0, ""), (again.Code, again.Error.Contains("EXPLAINED", StringComparison.Ordinal) ? again.Error : ""));
            Assert.Equal(before, await BytesAsync(versions: true));
            Assert.Equal(0, await ScalarAsync("SELECT count(*) FROM replay_run WHERE finished_at IS NULL"));
            Assert.Contains("\"different\":0", CloudProgram.Run(folder, "replay", "--json", "--database", database.Postgres.ServiceConnectionString).Output, StringComparison.Ordinal);
            Assert.Equal(before, await BytesAsync(versions: true));
            Assert.Empty(await site.VerifyAsync());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // As the superuser, who alone sees what others wait for.
    private async Task UntilAsync(string count, Process child)
    {
        await using var admin = new Npgsql.NpgsqlConnection(database.Postgres.AdminConnectionString);
        await admin.OpenAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        do
        {
            Assert.False(child.HasExited, "the replay ended before it could be killed");
            await pulse.WaitForNextTickAsync(limit.Token);
        }
        while ((await admin.RowsAsync(count, r => r.GetInt64(0), default))[0] == 0);
    }

    /// <summary>A meter with gaps, reads off the grid, a rollover and an exchange; an import with totals; a formula over both; an estimate and an edit.</summary>
    private async Task MonthAsync()
    {
        var next = site.Key("B");
        var exchange = Start + Duration.FromDays(20) + Duration.FromMinutes(607);
        await site.InstallAsync(Start, 999_000, 6);
        await site.Administration.RegisterAsync(new RegisterRegistration(next, 0, 15), default);
        await site.Administration.ExchangeAsync(
            new RegisterRemoval(site.Register, exchange, null), new RegisterInstallation(site.Channel, next, exchange, 17, 6, new Fraction(7, 3)), default);
        readings.AddRange(Grid(site.Register, Start, 20 * 96, i => (999_000 + (11L * i)) % 1_000_000).Where((_, i) => i % 37 != 5 && i is < 500 or > 700));
        readings.AddRange(Enumerable.Range(0, 30).Select(i => new Reading(site.Register, Start + Duration.FromMinutes((i * 900) + 7), (999_000 + (11L * i * 60) + 5) % 1_000_000, 0, ReadingQuality.Good)));
        readings.AddRange(Grid(next, exchange + Duration.FromMinutes(8), 11 * 96, i => 20 + (13L * i)));
        foreach (var batch in readings.Chunk(100))
        {
            await site.JournalAsync(batch);
        }

        await site.ProjectAsync();
        var imported = new ChannelKey($"imported-{site.Serial}", site.Channel.Measurand);
        await site.Administration.RegisterAsync(new ChannelRegistration(imported, 0, "Europe/Berlin", ChannelFeed.Deliveries), default);
        await using var connection = await database.Source.OpenConnectionAsync();
        var now = site.Time.GetCurrentInstant();
        var day = new LocalDate(2026, 10, 5);
        await ChannelDeliveries.DeliverAsync(connection, Guid.NewGuid(), [.. Enumerable.Range(0, 9).Select(d => new DeliveredDay(imported.Id, day.PlusDays(d), Full(30, 10 + d), Start))], now, default);
        await ChannelDeliveries.DeliverAsync(connection, Guid.NewGuid(), [new DeliveredDay(imported.Id, day, Full(15, 99), Start + Duration.FromDays(9))], now, default);
        DeliveredDay Version(int days, long each, int stated, StatementKind kind) => new(imported.Id, day.PlusDays(days), Full(30, each), Start + Duration.FromDays(stated), kind, "M1");
        await ChannelDeliveries.DeliverAsync(
            connection, Guid.NewGuid(),
            [Version(1, 20, 3, StatementKind.Version), Version(1, 21, 2, StatementKind.Version), Version(2, 22, 2, StatementKind.Version), Version(2, 0, 3, StatementKind.Withdrawal)], now, default);
        await ChannelDeliveries.DeliverTotalsAsync(
            connection, Guid.NewGuid(), [new DeliveredTotal(imported.Id, At("2026-10-15T22:00:00Z"), At("2026-10-22T22:00:00Z"), 12_345, IntervalQuality.Measured, Start)], now, default);
        var sum = new ChannelKey($"sum-{site.Serial}", site.Channel.Measurand);
        await VirtualChannels.RegisterAsync(connection, [new VirtualRegistration(sum, "Europe/Berlin", new Combination([site.Channel.Id], [imported.Id]))], now, default);
        await OverrideAsync(site.Channel.Id, new LocalDate(2026, 10, 3), IntervalQuality.Edited, 40, [1, 2, 3]);
        await OverrideAsync(imported.Id, new LocalDate(2026, 10, 15), IntervalQuality.Estimated, 4, [7, 7]);
        await MeasuredLayer.RecomputeAsync(connection, [(site.Channel.Id, new LocalDate(2026, 10, 3)), (imported.Id, new LocalDate(2026, 10, 15))], now, default);
        using var worker = new DerivedDays(database.Source, site.Time, NullLogger<DerivedDays>.Instance);
        await worker.DrainAsync(default);
        Assert.Empty(await site.VerifyAsync());
    }

    private async Task OverrideAsync(ChannelId channel, LocalDate day, IntervalQuality quality, short first, long[] quantities)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await connection.RunAsync("""
            INSERT INTO interval_override (channel_id, day, override_id, interval_minutes, first_slot, quantities, quality, method, rule_set, actor, reason, created_at)
            VALUES ($1, $2, $3, 15, $4, $5, $6, 'test', '1', 'test', 'a test', $7)
            """, default, channel.Value, day, Guid.NewGuid(), first, quantities, (short)quality, site.Time.GetCurrentInstant());
    }

    private async Task DamageAsync()
    {
        foreach (var sql in new[]
        {
            "UPDATE register_day SET slot_values = set_byte(slot_values, 7, 99) WHERE extract(day FROM day) < 20",
            "UPDATE interval_day SET quantities = set_byte(quantities, 3, (get_byte(quantities, 3) + 1) % 256)",
            "UPDATE register_segment SET unwrapped_base = unwrapped_base + 1",
            "DELETE FROM register_read WHERE kind = 'off-boundary'",
        })
        {
            await AdminAsync(sql);
        }
    }

    private Task<ReplayTotals> ReplayAsync() => new Replay(database.Source, site.Time).RunAsync(null, default);

    private static IntervalDay Full(int minutes, long each) =>
        new(minutes, [.. Enumerable.Repeat(each, 1440 / minutes)], [.. Enumerable.Repeat((byte)IntervalQuality.Measured, 1440 / minutes)]);

    private async Task AdminAsync(string sql)
    {
        await using var admin = new Npgsql.NpgsqlConnection(database.Postgres.AdminConnectionString);
        await admin.OpenAsync();
        await using var command = new Npgsql.NpgsqlCommand(sql, admin);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<long> ScalarAsync(string sql)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return (await connection.RowsAsync(sql, r => r.GetInt64(0), default))[0];
    }

    private async Task<string> BytesAsync(bool versions)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        var rows = await connection.RowsAsync($"""
            SELECT 'register ' || register_id || ' ' || day || ' ' || interval_minutes || ' ' || scale || ' ' || encode(slot_values || qualities || distances, 'hex') FROM register_day
            UNION ALL SELECT 'interval ' || channel_id || ' ' || day || ' ' || interval_minutes || ' ' || encode(quantities || qualities || hash, 'hex') || {(versions ? "version" : "''")} FROM interval_day
            UNION ALL SELECT 'segment ' || register_id || ' ' || installed_at || ' ' || from_at || ' ' || cause || ' ' || raw_start || ' ' || unwrapped_base FROM register_segment
            UNION ALL SELECT 'read ' || register_id || ' ' || at || ' ' || kind || ' ' || value || ' ' || quality FROM register_read
            ORDER BY 1
            """, r => r.GetString(0), default);
        return string.Join('\n', rows);
    }
}
