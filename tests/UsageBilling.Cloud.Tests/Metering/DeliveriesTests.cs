using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Metering.MeteringSite;

namespace UsageBilling.Cloud.Tests.Metering;

public class DeliveriesTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Instant Start = At("2026-11-01T00:00:00Z");
    private static readonly LocalDate Day = new(2026, 11, 1);

    [Fact]
    public async Task Delivered_days_become_intervals_and_delivering_them_again_changes_nothing()
    {
        var site = await NewSiteAsync();
        var (import, day) = (Guid.NewGuid(), Full(30, 7));
        Assert.Equal(new DeliveryOutcome(1, 1, 1), await DeliverAsync(site, import, day, Start));
        Assert.Equal(new DeliveryOutcome(1, 0, 0), await DeliverAsync(site, import, day, Start));
        Assert.Equal(48 * 7, await site.SumAsync(Start, Start + Duration.FromDays(1)));
        Assert.Equal(1, (await site.ReadAsync(Start, Start + Duration.FromDays(1))).Manifest[0].Version);
    }

    [Fact]
    public async Task A_correction_stated_earlier_than_what_is_there_does_not_replace_it()
    {
        var site = await NewSiteAsync();
        await DeliverAsync(site, Guid.NewGuid(), Full(30, 7), Start + Duration.FromDays(2));
        await DeliverAsync(site, Guid.NewGuid(), Full(30, 9), Start + Duration.FromDays(1));
        Assert.Equal(48 * 7, await site.SumAsync(Start, Start + Duration.FromDays(1)));
        await DeliverAsync(site, Guid.NewGuid(), Full(30, 5), Start + Duration.FromDays(3));
        Assert.Equal(48 * 5, await site.SumAsync(Start, Start + Duration.FromDays(1)));
    }

    [Fact]
    public async Task A_total_of_a_week_is_spread_flagged_and_conserved()
    {
        var site = await NewSiteAsync();
        await using var connection = await database.Source.OpenConnectionAsync();
        var (from, to) = (Start + Duration.FromMinutes(123), Start + Duration.FromDays(7) + Duration.FromSeconds(61));
        var total = new DeliveredTotal(site.Channel.Id, from, to, 123_457, IntervalQuality.Measured, Start);
        Assert.Equal(new DeliveryOutcome(1, 1, 8), await ChannelDeliveries.DeliverTotalsAsync(connection, Guid.NewGuid(), [total], Now(site), default));
        Assert.Equal(123_457, await site.SumAsync(Start, Start + Duration.FromDays(9)));
        var profile = (await site.ReadAsync(Start, Start + Duration.FromDays(9))).Profile;
        Assert.Equal((byte)IntervalQuality.Interpolated, profile.Qualities.Span[96]);
    }

    [Fact]
    public async Task One_channel_has_one_feed()
    {
        var site = await NewSiteAsync();
        await site.RegisterAsync(site.Register);
        var installed = await Assert.ThrowsAsync<MeteringConfigurationException>(() =>
            site.Administration.InstallAsync(new RegisterInstallation(site.Channel, site.Register, Start, 0, 6, Fraction.One), default));
        Assert.Contains("is fed by deliveries, not by registers", installed.Message, StringComparison.Ordinal);
        var registered = await Assert.ThrowsAsync<MeteringConfigurationException>(() =>
            site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin", ChannelFeed.Events), default));
        Assert.Contains("is fed by deliveries, not by usage events", registered.Message, StringComparison.Ordinal);

        var metered = new MeteringSite(database.Source);
        await metered.InstallAsync(Start, 0);
        var delivered = await Assert.ThrowsAsync<MeteringConfigurationException>(() => DeliverAsync(metered, Guid.NewGuid(), Full(15, 1), Start));
        Assert.Contains("is fed by registers, not by deliveries", delivered.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Days_that_have_ended_are_due_and_today_is_not()
    {
        var site = await NewSiteAsync();
        await DeliverAsync(site, Guid.NewGuid(), Full(30, 7), Start);
        await DeliverAsync(site, Guid.NewGuid(), Full(30, 7), Start, new LocalDate(2026, 11, 20));
        Assert.Equal([(site.Channel.Id, Day)], await TakeAsync(site, DueDays.Validate));
        Assert.Empty(await TakeAsync(site, DueDays.Validate));
        Assert.Empty(await TakeAsync(site, DueDays.Virtual));
    }

    [Fact]
    public async Task A_day_computed_again_from_its_evidence_keeps_its_version()
    {
        var site = await NewSiteAsync();
        await DeliverAsync(site, Guid.NewGuid(), Full(30, 7), Start);
        var metered = new MeteringSite(database.Source);
        await metered.InstallAsync(Start, 0);
        await metered.JournalAsync(Grid(metered.Register, Start, 97, i => 2L * i));
        await metered.ProjectAsync();
        await using var connection = await database.Source.OpenConnectionAsync();
        await MeasuredLayer.RecomputeAsync(connection, [(site.Channel.Id, Day), (metered.Channel.Id, Day)], Now(site), default);
        Assert.Equal(1, (await site.ReadAsync(Start, Start + Duration.FromDays(1))).Manifest[0].Version);
        Assert.Equal(1, (await metered.ReadAsync(Start, Start + Duration.FromDays(1))).Manifest[0].Version);
        Assert.Equal(192, await metered.SumAsync(Start, Start + Duration.FromDays(1)));
    }

    private static Instant Now(MeteringSite site) => site.Time.GetCurrentInstant();

    private static IntervalDay Full(int minutes, long each) =>
        new(minutes, [.. Enumerable.Repeat(each, 1440 / minutes)], [.. Enumerable.Repeat((byte)IntervalQuality.Measured, 1440 / minutes)]);

    private async Task<MeteringSite> NewSiteAsync()
    {
        var site = new MeteringSite(database.Source);
        await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin", ChannelFeed.Deliveries), default);
        return site;
    }

    private async Task<DeliveryOutcome> DeliverAsync(MeteringSite site, Guid import, IntervalDay intervals, Instant statedAt, LocalDate? day = null)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var outcome = await ChannelDeliveries.DeliverAsync(connection, import, [new DeliveredDay(site.Channel.Id, day ?? Day, intervals, statedAt)], Now(site), default);
        await transaction.CommitAsync();
        return outcome;
    }

    private async Task<List<(ChannelId, LocalDate)>> TakeAsync(MeteringSite site, string purpose)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var taken = await DueDays.TakeAsync(connection, purpose, 10_000, default);
        await transaction.CommitAsync();
        return [.. taken.Where(t => t.Channel == site.Channel.Id)];
    }
}
