using Microsoft.Extensions.Time.Testing;
using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;
using static UsageBilling.Cloud.Tests.Metering.MeteringSite;

namespace UsageBilling.Cloud.Tests.Metering;

public sealed class RetentionTests : IAsyncLifetime
{
    private readonly MigratedDatabase database = new();

    public async ValueTask InitializeAsync() => await database.InitializeAsync();

    public async ValueTask DisposeAsync() => await database.DisposeAsync();

    [Fact]
    public async Task Data_older_than_kept_is_parked_with_the_reason_and_comes_back_when_more_years_are_kept()
    {
        var site = new MeteringSite(database.Source);
        var old = At("2017-03-01T00:00:00Z");
        await site.InstallAsync(old, 0);
        await site.JournalAsync(Grid(site.Register, old, 97, i => 2L * i));
        await site.ProjectAsync();
        Assert.Equal([(site.Register.ToString(), "older-than-kept", 97, true)], await site.ParkedAsync());
        var imported = new ChannelKey($"imported-{site.Serial}", site.Channel.Measurand);
        await site.Administration.RegisterAsync(new ChannelRegistration(imported, 0, "Europe/Berlin", ChannelFeed.Deliveries), default);
        await using var connection = await database.Source.OpenConnectionAsync();
        var now = site.Time.GetCurrentInstant();
        var day = new IntervalDay(60, [.. Enumerable.Repeat(5L, 24)], [.. Enumerable.Repeat((byte)4, 24)]);
        var outcome = await ChannelDeliveries.DeliverAsync(connection, Guid.NewGuid(), [new DeliveredDay(imported.Id, new LocalDate(2017, 5, 1), day, old)], now, default);
        Assert.Equal(new DeliveryOutcome(1, 1, 0, 1), outcome);
        var total = new DeliveredTotal(imported.Id, At("2017-06-01T00:00:00Z"), At("2017-07-01T00:00:00Z"), 777, IntervalQuality.Measured, old);
        Assert.Equal(1, (await ChannelDeliveries.DeliverTotalsAsync(connection, Guid.NewGuid(), [total], now, default)).Parked);
        Assert.Equal(1, (await Retention.ReadAsync(connection, default)).ParkedDeliveredDays);

        var state = await Retention.KeepAsync(database.Source, 10, "test", now, default);
        Assert.Equal((new LocalDate(2016, 1, 1), 0), (state.Floor, state.ParkedDeliveredDays));
        await site.ProjectAsync();
        Assert.Equal([(site.Register.ToString(), "older-than-kept", 97, false)], await site.ParkedAsync());
        Assert.Equal(192, await site.SumAsync(old, old + Duration.FromDays(1)));
        var profile = (await site.Store.ReadAsync([imported.Id], old, old + Duration.FromDays(200), default))[imported.Id].Profile;
        Assert.Equal((24 * 5) + 777, profile.Quantities.ToArray().Sum());
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task A_file_whose_days_were_dropped_is_taken_again_when_more_years_are_kept()
    {
        var (time, now) = (new FakeTimeProvider(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero)), At("2026-11-20T12:00:00Z"));
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "start,kwh\n2022-05-01T00:00:00Z,1.5\n2022-05-01T01:00:00Z,2\n");
        async Task<ImportOutcome> ImportAsync() => await new ImportRun(database.Source, time).RunAsync(RawFile.At(file), new ImportFormat("csv", "old.csv", "Etc/UTC", "OLD"), "test", null, default);
        await using var connection = await database.Source.OpenConnectionAsync();
        Assert.False((await ImportAsync()).Before);
        Assert.True((await ImportAsync()).Before);
        Assert.Equal((1, new LocalDate(2025, 1, 1)), await Retention.WouldDropAsync(connection, 1, now, default));
        await Retention.KeepAsync(database.Source, 1, "test", now, default);
        await Retention.KeepAsync(database.Source, 6, "test", now, default);
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM interval_day"));

        var again = await ImportAsync();
        Assert.Equal(("done", false), (again.Record.State, again.Before));
        Assert.Equal(1, await CountAsync("SELECT count(*) FROM interval_day"));
        Assert.True((await ImportAsync()).Before);
        File.Delete(file);
    }

    [Fact]
    public async Task Years_below_the_floor_are_dropped_behind_an_anchor_and_what_is_left_still_verifies_and_replays()
    {
        await Retention.KeepAsync(database.Source, 7, "test", At("2026-11-20T12:00:00Z"), default);
        var site = new MeteringSite(database.Source, "2019-07-02T00:00:00Z");
        await MonthAsync(new LocalDate(2019, 7, 1));
        await MonthAsync(new LocalDate(2020, 1, 1));
        await MonthAsync(new LocalDate(2026, 11, 1));
        var start = At("2019-07-01T00:00:00Z");
        await site.InstallAsync(start, 999_990, 6);
        await site.JournalAsync(Grid(site.Register, start, 90, i => (999_990 + (2L * i)) % 1_000_000));
        await site.ProjectAsync();
        site.Time.SetUtcNow(DateTimeOffset.Parse("2020-01-04T00:00:00Z"));
        var turn = At("2019-12-31T00:00:00Z");
        await site.JournalAsync(Grid(site.Register, turn, 3 * 96, i => 5_000 + (3L * i)), clockOffset: Duration.FromMinutes(5), events: [new EventNote(turn, EventKinds.MeterSerial, site.Register, "X"), new EventNote(turn + Duration.FromDays(2), EventKinds.MeterSerial, site.Register, "X")]);
        await site.ProjectAsync();
        Assert.Equal((3, 2), (await CountAsync("SELECT count(*) FROM register_clock"), await CountAsync("SELECT count(*) FROM register_other_meter")));
        var (from, to) = (At("2020-01-01T00:00:00Z"), At("2020-01-03T00:00:00Z"));
        var before = await site.ReadAsync(from, to);

        site.Time.SetUtcNow(DateTimeOffset.Parse("2026-11-20T12:00:00Z"));
        var state = await Retention.KeepAsync(database.Source, 6, "test", site.Time.GetCurrentInstant(), default);
        Assert.Equal(new LocalDate(2020, 1, 1), state.DroppedBefore);
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM pg_class WHERE relname ~ '_(2019|201907)$' AND relkind = 'r'"));
        Assert.Equal(1, await CountAsync("SELECT count(*) FROM stream_anchor"));
        Assert.Equal((2, 1), (await CountAsync("SELECT count(*) FROM register_clock"), await CountAsync("SELECT count(*) FROM register_other_meter")));
        Assert.Empty(await site.VerifyAsync());
        Assert.Equal(before.Profile.Quantities.ToArray(), (await site.ReadAsync(from, to)).Profile.Quantities.ToArray());
        var replayed = await new Replay(database.Source, site.Time).RunAsync(null, default);
        Assert.Equal((0, 0), (replayed.Different, replayed.Unexplained));

        // What comes late still finds the register where it stood: after the rollover of a year that is gone.
        await site.JournalAsync([new Reading(site.Register, from + Duration.FromHours(30) + Duration.FromMinutes(7), 5_000 + (3 * 216) + 2, 0, ReadingQuality.Good)]);
        await site.ProjectAsync();
        Assert.Equal(before.Profile.Quantities.ToArray().Sum(), await site.SumAsync(from, to));
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task The_year_before_this_one_is_always_kept_and_the_service_cannot_drop_by_itself()
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        var tooLate = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => connection.RunAsync("SELECT move_retention_floor(date_trunc('year', now())::date)", default));
        Assert.Contains("is always kept", tooLate.MessageText, StringComparison.Ordinal);
        var owner = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => connection.RunAsync("DROP TABLE interval_day_2021", default));
        Assert.Equal("42501", owner.SqlState);
    }

    private async Task MonthAsync(LocalDate month)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await connection.RunAsync("SELECT ensure_month_partitions('reading_batch', $1, $1)", default, month);
    }

    private async Task<long> CountAsync(string sql)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return (await connection.RowsAsync(sql, r => r.GetInt64(0), default))[0];
    }
}
