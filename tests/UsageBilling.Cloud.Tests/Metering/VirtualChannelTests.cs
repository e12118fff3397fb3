using Microsoft.Extensions.Logging.Abstractions;
using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Virtual;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Metering.MeteringSite;

namespace UsageBilling.Cloud.Tests.Metering;

public class VirtualChannelTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Instant Start = At("2026-11-01T00:00:00Z");

    [Fact]
    public async Task Common_areas_and_their_shares_follow_the_meters_and_conserve_the_total()
    {
        var (main, flat) = (new MeteringSite(database.Source), new MeteringSite(database.Source));
        await MeterAsync(main, i => 7L * i);
        var common = Key(main, "common");
        await RegisterAsync(main, new VirtualRegistration(common, "Europe/Berlin", new Combination([main.Channel.Id], [await ChannelAsync(flat)])));
        var parts = Enumerable.Range(0, 3).Select(p => new VirtualRegistration(Key(main, $"share{p}"), "Europe/Berlin", new Share(common.Id, [5, 3, 2], p))).ToArray();
        await RegisterAsync(main, parts);
        await DrainAsync(main);
        await MeterAsync(flat, i => 3L * i);
        Assert.Empty(await main.VerifyAsync()); // days that wait to be computed are no difference
        await DrainAsync(main);
        Assert.Empty(await main.VerifyAsync());

        var (from, to) = (Start, Start + Duration.FromDays(3));
        var profiles = await main.Store.ReadAsync([main.Channel.Id, flat.Channel.Id, common.Id, .. parts.Select(p => p.Key.Id)], from, to, default);
        Assert.Equal(Sum(main.Channel.Id), Sum(flat.Channel.Id) + Sum(common.Id));
        for (var slot = 0; slot < 288; slot++)
        {
            Assert.Equal(profiles[common.Id].Profile.Quantities.Span[slot], parts.Sum(p => profiles[p.Key.Id].Profile.Quantities.Span[slot]));
        }

        Assert.Equal(3 * 96 * 2, Sum(parts[0].Key.Id));
        Assert.Equal((byte)IntervalQuality.Measured, profiles[parts[2].Key.Id].Profile.Qualities.Span[10]);

        long Sum(ChannelId channel) => profiles[channel].Profile.Quantities.ToArray().Sum();
    }

    [Fact]
    public async Task Today_follows_too_and_late_data_of_a_source_changes_a_billed_virtual_day()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0);
        await site.JournalAsync(Grid(site.Register, Start, 97, i => i == 50 ? 495 : 10L * i));
        var today = At("2026-11-20T00:00:00Z");
        await site.JournalAsync(Grid(site.Register, today, 5, i => 100_000 + i));
        await site.ProjectAsync();
        var twice = new VirtualRegistration(Key(site, "copy"), "Europe/Berlin", new Combination([site.Channel.Id], []));
        await RegisterAsync(site, twice);
        await DrainAsync(site);
        var read = (await site.Store.ReadAsync([twice.Key.Id], today, today + Duration.FromHours(1), default))[twice.Key.Id];
        Assert.Equal(4, read.Profile.Quantities.ToArray().Sum());

        var billed = (await site.Store.ReadAsync([twice.Key.Id], Start, Start + Duration.FromDays(1), default))[twice.Key.Id];
        await using var connection = await database.Source.OpenConnectionAsync();
        Assert.True(await site.Store.PinAsync(connection, billed.Manifest, default));
        await site.JournalAsync(Grid(site.Register, Start + Duration.FromMinutes(50 * 15), 1, _ => 499), Guid.NewGuid());
        await site.ProjectAsync();
        await DrainAsync(site);
        var change = Assert.Single(await IntervalChanges.TakeAsync(connection, 10_000, default), c => c.Channel == twice.Key.Id);
        Assert.Equal([49, 50], change.ChangedSlots);
    }

    [Fact]
    public async Task Circles_strangers_and_other_formulas_are_refused_with_the_reason()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0);
        var (a, b) = (Key(site, "a"), Key(site, "b"));
        await RefusedAsync("a virtual channel cannot read itself: a-", Of(a, new Combination([b.Id], [])), Of(b, new Combination([site.Channel.Id, a.Id], [])));
        await RefusedAsync("is not registered", Of(a, new Combination([b.Id], [])));
        await RefusedAsync("over channels of one quantity", Of(new ChannelKey("p", new Measurand(Quantity.HeatEnergy, Direction.Import)), new Combination([site.Channel.Id], [])));
        await RefusedAsync("is fed by registers, not by a formula", Of(site.Channel, new Combination([await ChannelAsync(new MeteringSite(database.Source))], [])));
        await RegisterAsync(site, Of(a, new Share(site.Channel.Id, [1, 2], 0)));
        await RegisterAsync(site, Of(a, new Share(site.Channel.Id, [1, 2], 0)));
        await RefusedAsync("has another formula", Of(a, new Share(site.Channel.Id, [1, 3], 0)));

        async Task RefusedAsync(string reason, params VirtualRegistration[] registrations)
        {
            var error = await Assert.ThrowsAsync<MeteringConfigurationException>(() => RegisterAsync(site, registrations));
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_day_that_ended_without_any_data_is_due_once()
    {
        var site = new MeteringSite(database.Source, "2026-11-25T00:20:00Z");
        await site.InstallAsync(Start, 0);
        await DrainAsync(site);
        Assert.DoesNotContain(await DueAsync(site), d => d.Day == new LocalDate(2026, 11, 24));
        site.Time.Advance(TimeSpan.FromMinutes(11));
        await DrainAsync(site);
        Assert.Contains((site.Channel.Id, new LocalDate(2026, 11, 24)), await DueAsync(site));
        await DrainAsync(site);
        Assert.Empty(await DueAsync(site));
    }

    [Fact]
    public async Task A_day_whose_sum_leaves_64_bits_is_a_gap_and_stops_no_other()
    {
        var (a, b) = (new MeteringSite(database.Source), new MeteringSite(database.Source));
        foreach (var site in new[] { a, b })
        {
            await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin", ChannelFeed.Deliveries), default);
            await using var connection = await database.Source.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            DeliveredDay[] days = [.. new[] { long.MaxValue / 3 * 2, 7 }.Select((quantity, i) => new DeliveredDay(
                site.Channel.Id, new LocalDate(2026, 11, 1 + i), new IntervalDay(60, [.. Enumerable.Range(0, 24).Select(hour => hour == 5 ? quantity : 0)], Enumerable.Repeat((byte)IntervalQuality.Measured, 24).ToArray()), Start))];
            await ChannelDeliveries.DeliverAsync(connection, Guid.NewGuid(), days, site.Time.GetCurrentInstant(), default);
            await transaction.CommitAsync();
        }

        var sum = Key(a, "sum");
        await RegisterAsync(a, Of(sum, new Combination([a.Channel.Id, b.Channel.Id], [])));
        await DrainAsync(a);
        var read = (await a.Store.ReadAsync([sum.Id], Start, Start + Duration.FromDays(2), default))[sum.Id].Profile;
        Assert.All(read.Qualities.Span[..24].ToArray(), q => Assert.Equal((byte)IntervalQuality.Missing, q));
        Assert.Equal(14, read.Quantities.Span[24..].ToArray().Sum());
    }

    private static VirtualRegistration Of(ChannelKey key, VirtualFormula formula) => new(key, "Europe/Berlin", formula);

    private static ChannelKey Key(MeteringSite site, string name) => new($"{name}-{site.Serial}", site.Channel.Measurand);

    private static async Task<ChannelId> ChannelAsync(MeteringSite site)
    {
        await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin"), default);
        return site.Channel.Id;
    }

    private static async Task MeterAsync(MeteringSite site, Func<int, long> value)
    {
        await site.InstallAsync(Start, 0);
        await site.JournalAsync(Grid(site.Register, Start, 289, value));
        await site.ProjectAsync();
    }

    private async Task RegisterAsync(MeteringSite site, params VirtualRegistration[] registrations)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await VirtualChannels.RegisterAsync(connection, registrations, site.Time.GetCurrentInstant(), default);
        await transaction.CommitAsync();
    }

    private async Task DrainAsync(MeteringSite site)
    {
        using var worker = new DerivedDays(database.Source, site.Time, NullLogger<DerivedDays>.Instance);
        await worker.DrainAsync(default);
    }

    private async Task<List<(ChannelId Channel, LocalDate Day)>> DueAsync(MeteringSite site)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var due = await DueDays.TakeAsync(connection, DueDays.Validate, 10_000, default);
        await transaction.CommitAsync();
        return [.. due.Where(d => d.Channel == site.Channel.Id)];
    }
}
