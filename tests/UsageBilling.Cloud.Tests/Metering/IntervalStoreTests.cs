using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using static UsageBilling.Cloud.Tests.Metering.MeteringSite;

namespace UsageBilling.Cloud.Tests.Metering;

public class IntervalStoreTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Instant Start = At("2026-11-01T00:00:00Z");

    [Fact]
    public async Task A_manifest_reads_the_same_again_after_late_data_and_the_change_is_reported()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0);
        var readings = Grid(site.Register, Start, (3 * 96) + 1, i => 10L * i).ToArray();
        await site.JournalAsync(readings.Where((_, i) => i is < 100 or > 108));
        await site.ProjectAsync();
        var (from, to) = (Start + Duration.FromHours(23), Start + Duration.FromHours(71));
        var billed = await site.ReadAsync(from, to);
        Assert.Contains((byte)IntervalQuality.Interpolated, billed.Profile.Qualities.ToArray());
        Assert.True(await PinAsync(site, billed));

        await site.JournalAsync(readings.Where((_, i) => i is 103).Select(r => r with { Value = r.Value + 3 }));
        await site.ProjectAsync();
        var now = await site.ReadAsync(from, to);
        Assert.NotEqual(billed.Profile.Quantities.ToArray(), now.Profile.Quantities.ToArray());
        var again = await site.Store.ReadManifestAsync(billed.Manifest, default);
        Assert.Equal(billed.Profile.Quantities.ToArray(), again.Quantities.ToArray());
        Assert.Equal(billed.Profile.Qualities.ToArray(), again.Qualities.ToArray());
        Assert.Equal((billed.Profile.Start, billed.Profile.End), (again.Start, again.End));

        var change = Assert.Single(await TakeAsync(site));
        Assert.Equal((site.Channel.Id, new LocalDate(2026, 11, 2), 1, 2), (change.Channel, change.Day, change.FromVersion, change.ToVersion));
        Assert.All(change.ChangedSlots, slot => Assert.InRange(slot, 3, 12));
        Assert.Empty(await TakeAsync(site));
    }

    [Fact]
    public async Task A_version_that_was_replaced_before_it_was_pinned_is_refused()
    {
        var site = new MeteringSite(database.Source, "2026-11-20T12:00:00Z");
        var today = At("2026-11-20T00:00:00Z");
        await site.InstallAsync(today, 0);
        await site.JournalAsync(Grid(site.Register, today, 5, i => i));
        await site.ProjectAsync();
        var read = await site.ReadAsync(today, today + Duration.FromHours(1));
        await site.JournalAsync(Grid(site.Register, today + Duration.FromHours(1), 5, i => 4 + i));
        await site.ProjectAsync();
        Assert.False(await PinAsync(site, read));
        Assert.True(await PinAsync(site, await site.ReadAsync(today, today + Duration.FromHours(1))));
    }

    [Fact]
    public async Task A_day_billed_without_data_reports_the_data_when_it_comes()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0);
        var empty = await site.ReadAsync(Start, Start + Duration.FromDays(1));
        Assert.Equal(0, empty.Manifest[0].Version);
        Assert.True(await PinAsync(site, empty));
        await site.JournalAsync(Grid(site.Register, Start, 97, i => 2L * i));
        await site.ProjectAsync();
        var change = Assert.Single(await TakeAsync(site));
        Assert.Equal((0, 1, 96), (change.FromVersion, change.ToVersion, change.ChangedSlots.Length));
        Assert.Equal(0, (await site.Store.ReadManifestAsync(empty.Manifest, default)).Quantities.ToArray().Sum());
        Assert.Equal(192, await site.SumAsync(Start, Start + Duration.FromDays(1)));
    }

    [Fact]
    public async Task Register_statements_and_intervals_agree_to_the_unit()
    {
        var site = new MeteringSite(database.Source);
        await site.RegisterAsync(site.Register);
        await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin"), default);
        await site.Administration.InstallAsync(new RegisterInstallation(site.Channel, site.Register, Start, 7, 6, new Fraction(7, 3)), default);
        await site.JournalAsync(Grid(site.Register, Start, 700, i => 7 + (11L * i)).Where((_, i) => i % 7 != 3));
        await site.ProjectAsync();
        var (a, b) = (Start + Duration.FromHours(25), Start + Duration.FromHours(100.75));
        var (first, second) = (await site.Store.ReadRegisterAsync(site.Channel.Id, a, default), await site.Store.ReadRegisterAsync(site.Channel.Id, b, default));
        Assert.Equal(second!.Total - first!.Total, await site.SumAsync(a, b));
        Assert.Null(await site.Store.ReadRegisterAsync(site.Channel.Id, Start - Duration.FromDays(3), default));
    }

    [Fact]
    public async Task Blocks_come_out_as_rows_for_people_with_sql_tools()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0, 12);
        await site.JournalAsync(Grid(site.Register, Start, 4, i => i == 3 ? 5_000_000_000 : 5L * i));
        await site.ProjectAsync();
        await using var connection = await database.Source.OpenConnectionAsync();
        var rows = await connection.RowsAsync("SELECT starts_at, quantity, quality FROM interval_rows($1, '2026-11-01', '2026-11-02')", r =>
            (r.GetFieldValue<Instant>(0), r.GetInt64(1), r.GetString(2)), default, site.Channel.Id.Value);
        Assert.Equal(96, rows.Count);
        Assert.Equal((Start + Duration.FromMinutes(30), 4_999_999_990, "measured"), rows[2]);
        Assert.Equal((Start + Duration.FromMinutes(45), 0, "missing"), rows[3]);
        var registers = await connection.RowsAsync("SELECT value FROM register_rows($1, '2026-11-01', '2026-11-02')", r => r.GetInt64(0), default, site.Register.Id.Value);
        Assert.Equal([0L, 5, 10, 5_000_000_000], registers);
    }

    [Fact]
    public async Task Installing_after_the_fact_computes_what_is_there_and_saying_it_twice_changes_nothing()
    {
        var site = new MeteringSite(database.Source);
        await site.RegisterAsync(site.Register);
        await site.JournalAsync(Grid(site.Register, Start, 500, i => 3L * i));
        await site.ProjectAsync();
        await site.InstallAsync(Start + Duration.FromMinutes(15), 3);
        await site.InstallAsync(Start + Duration.FromMinutes(15), 3);
        Assert.Equal(3 * 498, await site.SumAsync(Start, Start + Duration.FromDays(6)));
        var otherTerms = () => site.InstallAsync(Start + Duration.FromMinutes(15), 4);
        await Assert.ThrowsAsync<MeteringConfigurationException>(otherTerms);
        await site.Administration.RemoveAsync(new RegisterRemoval(site.Register, Start + Duration.FromDays(2), null), default);
        Assert.Equal(3 * 191, await site.SumAsync(Start, Start + Duration.FromDays(6)));
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task An_interval_that_straddles_local_midnight_is_refused_at_configuration()
    {
        var site = new MeteringSite(database.Source);
        await site.Administration.RegisterAsync(new RegisterRegistration(site.Register, 0, 60), default);
        await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Asia/Kathmandu"), default);
        var error = await Assert.ThrowsAsync<MeteringConfigurationException>(() =>
            site.Administration.InstallAsync(new RegisterInstallation(site.Channel, site.Register, Start, 0, 6, Fraction.One), default));
        Assert.Contains("choose one of 5, 15 minutes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_of_interval_takes_effect_on_a_day_without_readings()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0);
        await site.JournalAsync(Grid(site.Register, Start, 96, i => 15L * i));
        await site.ProjectAsync();
        await Assert.ThrowsAsync<MeteringConfigurationException>(() => site.Administration.ChangeIntervalAsync(site.Register, new LocalDate(2026, 11, 1), 5, default));
        await site.Administration.ChangeIntervalAsync(site.Register, new LocalDate(2026, 11, 2), 5, default);
        await site.JournalAsync(Grid(site.Register, Start + Duration.FromDays(1), 289, i => (15L * 96) + (5 * i), 5));
        await site.ProjectAsync();
        var profile = (await site.ReadAsync(Start, Start + Duration.FromDays(2))).Profile;
        Assert.Equal(15, profile.IntervalMinutes);
        Assert.All(profile.Quantities.ToArray(), q => Assert.Equal(15, q));
        Assert.Empty(await site.VerifyAsync());
    }

    private async Task<bool> PinAsync(MeteringSite site, ChannelProfile profile)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var pinned = await site.Store.PinAsync(connection, profile.Manifest, default);
        await transaction.CommitAsync();
        return pinned;
    }

    private async Task<IntervalDayChange[]> TakeAsync(MeteringSite site)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return [.. (await IntervalChanges.TakeAsync(connection, 1_000, default)).Where(c => c.Channel == site.Channel.Id)];
    }
}
