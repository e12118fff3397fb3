using NodaTime;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Metering.MeteringSite;

namespace UsageBilling.Cloud.Tests.Metering;

public class ProjectionTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Instant Start = At("2026-11-01T00:00:00Z");

    [Fact]
    public async Task Readings_become_intervals_that_sum_to_the_register()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 1_000);
        await site.JournalAsync(Grid(site.Register, Start, 193, i => 1_000 + (7L * i)));
        await site.ProjectAsync();
        var profile = await site.ReadAsync(Start, Start + Duration.FromDays(2));
        Assert.All(profile.Profile.Quantities.ToArray(), q => Assert.Equal(7, q));
        Assert.All(profile.Profile.Qualities.ToArray(), q => Assert.Equal((byte)IntervalQuality.Measured, q));
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task A_register_that_becomes_known_while_locks_are_waited_for_is_not_taken_without_its_lock()
    {
        var site = new MeteringSite(database.Source);
        var late = site.Key("B");
        await site.RegisterAsync(site.Register);
        await using var holder = await database.Source.OpenConnectionAsync();
        await using var held = await holder.BeginTransactionAsync();
        await RegisterCatalog.LockAsync(holder, [site.Register.Id], default);

        await using var waiter = await database.Source.OpenConnectionAsync();
        await using var waiting = await waiter.BeginTransactionAsync();
        var locking = RegisterCatalog.LockAsync(waiter, [site.Register.Id, late.Id], default);
        await using var activity = database.Source.CreateCommand($"SELECT count(*) FROM pg_locks WHERE pid = {waiter.ProcessID} AND NOT granted");
        while ((long)(await activity.ExecuteScalarAsync())! == 0)
        {
            Assert.False(locking.IsCompleted);
        }

        // Whoever installs it now waits for no lock and sees no reading; a projection that went on with it would lose its intervals.
        await site.RegisterAsync(late);
        await held.RollbackAsync();
        Assert.Equal([site.Register.Id], (await locking).Keys);
    }

    [Fact]
    public async Task Projecting_again_changes_nothing()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start);
        var readings = Grid(site.Register, Start, 100, i => 5L * i).ToArray();
        await site.JournalAsync(readings);
        await site.ProjectAsync();
        var versions = (await site.ReadAsync(Start, Start + Duration.FromDays(1))).Manifest;
        await site.JournalAsync(readings);
        await site.ProjectAsync();
        Assert.Equal(versions[0].Version, (await site.ReadAsync(Start, Start + Duration.FromDays(1))).Manifest[0].Version);
        Assert.Equal(0, await site.ProjectAsync());
    }

    [Fact]
    public async Task Any_order_and_any_number_of_streams_give_the_same_bytes()
    {
        var random = new Random(20261123);
        var readings = Sequence(random).ToArray();
        string? first = null;
        for (var round = 0; round < 6; round++)
        {
            var site = new MeteringSite(database.Source);
            await site.InstallAsync(Start + Duration.FromMinutes(37), 99_000, 5);
            var mine = readings.Select(r => r with { Register = site.Register }).ToArray();
            var batches = mine.Chunk(random.Next(3, 40)).ToArray();
            if (round > 0)
            {
                random.Shuffle(batches);
            }

            Guid[] streams = [site.Stream, Guid.NewGuid()];
            foreach (var batch in batches)
            {
                await site.JournalAsync(batch.OrderBy(r => r.At), streams[round == 0 ? 0 : random.Next(2)]);
                if (random.Next(4) == 0)
                {
                    await site.ProjectAsync();
                }
            }

            await site.ProjectAsync();
            Assert.Empty(await site.VerifyAsync());
            var bytes = await site.BytesAsync();
            first ??= bytes;
            Assert.Equal(first, bytes);
        }
    }

    [Fact]
    public async Task A_meter_exchanged_at_seven_past_ten_local_keeps_both_parts()
    {
        var site = new MeteringSite(database.Source);
        var exchange = At("2026-11-12T09:07:00Z");
        await site.InstallAsync(Start, 0);
        await site.JournalAsync(Grid(site.Register, Start, (11 * 96) + 37, i => 10L * i));
        await site.ProjectAsync();
        var second = site.Key("B");
        await site.RegisterAsync(second);
        // At 09:00 the old meter showed 10,920; until 09:07 it counted 15 more.
        await site.Administration.ExchangeAsync(
            new RegisterRemoval(site.Register, exchange, 10_935),
            new RegisterInstallation(site.Channel, second, exchange, 500, 9, new Fraction(3, 2)), default);
        await site.JournalAsync(Grid(second, At("2026-11-12T09:15:00Z"), 96, i => 503 + (10L * i)));
        await site.ProjectAsync();
        var profile = await site.ReadAsync(At("2026-11-12T09:00:00Z"), At("2026-11-12T09:30:00Z"));
        Assert.Equal([15L + 5, 15], profile.Profile.Quantities.ToArray());
        Assert.Equal(10_935 + new Fraction(3, 2).Scale(953), await site.SumAsync(Start, At("2026-11-14T00:00:00Z")));
        var before = await site.Store.ReadRegisterAsync(site.Channel.Id, exchange - Duration.FromMinutes(7), default);
        var after = await site.Store.ReadRegisterAsync(site.Channel.Id, At("2026-11-12T09:15:00Z"), default);
        Assert.Equal((site.Register, 10_920L), (before!.Register, before.Display));
        Assert.Equal((second, 503L, 10_935L + 5), (after!.Register, after.Display, after.Total));
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task Rollover_goes_on_counting_and_a_fall_is_flagged_without_a_negative_interval()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 99_990, 5);
        long[] values = [99_990, 99_998, 3, 20, 10, 15];
        await site.JournalAsync(Grid(site.Register, Start, values.Length, i => values[i]));
        await site.ProjectAsync();
        var profile = (await site.ReadAsync(Start, Start + Duration.FromMinutes(75))).Profile;
        Assert.Equal([8L, 5, 17, 0, 5], profile.Quantities.ToArray());
        Assert.Equal([4, 4, 4, 0, 4], profile.Qualities.ToArray());
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task Readings_of_an_unknown_register_are_parked_and_come_back_when_it_is_registered()
    {
        var site = new MeteringSite(database.Source);
        var other = site.Key("B");
        await site.RegisterAsync(site.Register);
        await site.JournalAsync([.. Grid(site.Register, Start, 4, i => i), .. Grid(other, Start, 5, i => 3L * i)]);
        await site.ProjectAsync();
        Assert.Equal([(other.ToString(), "unknown-register", 5, true)], await site.ParkedAsync());
        await site.Administration.RegisterAsync(new RegisterRegistration(other, 0, 15), default);
        await site.ProjectAsync();
        Assert.Equal([(other.ToString(), "unknown-register", 5, false)], await site.ParkedAsync());
        await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin"), default);
        await site.Administration.InstallAsync(new RegisterInstallation(site.Channel, other, Start, null, 6, Fraction.One), default);
        Assert.Equal(12, await site.SumAsync(Start, Start + Duration.FromHours(1)));
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task Readings_of_1970_and_2099_are_parked_and_their_neighbours_are_not()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start);
        await site.JournalAsync([
            new Reading(site.Register, At("1970-01-01T00:00:00Z"), 1, 0, ReadingQuality.Good),
            .. Grid(site.Register, Start, 3, i => 10L * i),
            new Reading(site.Register, At("2026-11-20T13:00:00Z"), -5, 0, ReadingQuality.Good),
            new Reading(site.Register, At("2026-11-20T14:00:00Z"), 12, -1, ReadingQuality.Good),
            new Reading(site.Register, At("2099-01-01T00:00:00Z"), 99, 0, ReadingQuality.Good)]);
        await site.ProjectAsync();
        Assert.Equal([
            (site.Register.ToString(), "implausible-time", 2, true),
            (site.Register.ToString(), "implausible-value", 1, true),
            (site.Register.ToString(), "wrong-scale", 1, true)], await site.ParkedAsync());
        Assert.Equal(20, await site.SumAsync(Start, Start + Duration.FromHours(1)));
    }

    [Fact]
    public async Task A_reading_that_the_display_cannot_show_is_kept_shown_and_counted_by_no_interval()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0, 3);
        await site.JournalAsync(Grid(site.Register, Start, 3, i => i == 1 ? 5_000 : 10L * i));
        await site.ProjectAsync();
        Assert.Equal([(site.Register.ToString(), "beyond-display", 1, true)], await site.ParkedAsync());
        var profile = (await site.ReadAsync(Start, Start + Duration.FromMinutes(30))).Profile;
        Assert.Equal([10L, 10], profile.Quantities.ToArray());
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task A_batch_that_cannot_be_projected_is_parked_alone_and_its_neighbours_commit()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0, 18);
        var heavy = site.Key("C");
        await site.RegisterAsync(heavy);
        var channel = new ChannelKey($"heavy-{site.Serial}", site.Channel.Measurand);
        await site.Administration.RegisterAsync(new ChannelRegistration(channel, 0, "Europe/Berlin"), default);
        await site.Administration.InstallAsync(new RegisterInstallation(channel, heavy, Start, 0, 18, new Fraction(1_000_000_000, 1)), default);
        await site.JournalAsync(Grid(site.Register, Start, 3, i => i));
        await site.JournalAsync(Grid(heavy, Start, 3, i => 400_000_000_000_000_000 * i));
        await site.JournalAsync(Grid(site.Register, Start + Duration.FromMinutes(45), 3, i => 3 + i));
        await site.ProjectAsync();
        Assert.Equal([("", "unprojectable", 0, true)], await site.ParkedAsync());
        Assert.Equal(5, await site.SumAsync(Start, Start + Duration.FromHours(2)));
        Assert.Equal(0, await site.ProjectAsync());
    }

    [Fact]
    public async Task A_body_that_is_no_batch_is_parked()
    {
        var site = new MeteringSite(database.Source);
        await site.JournalAsync([], body: [0xFF, 0xFF, 0xFF]);
        await site.ProjectAsync();
        Assert.Equal([("", "unparseable", 0, true)], await site.ParkedAsync());
    }

    [Fact]
    public async Task Projectors_of_the_same_register_in_two_streams_wait_for_each_other()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0);
        var other = Guid.NewGuid();
        var readings = Grid(site.Register, Start, 400, i => 4L * i).ToArray();
        for (var i = 0; i < readings.Length; i += 20)
        {
            await site.JournalAsync(readings.Skip(i).Take(20), i % 40 == 0 ? null : other);
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => site.ProjectAsync()));
        await site.ProjectAsync();
        Assert.Equal(4 * 399, await site.SumAsync(Start, Start + Duration.FromDays(6)));
        Assert.Empty(await site.VerifyAsync());
    }

    private static IEnumerable<Reading> Sequence(Random random)
    {
        var (value, at) = (99_000L, Start + Duration.FromMinutes(45));
        for (var i = 0; i < 500; i++)
        {
            at += Duration.FromMinutes(15);
            value = (value + random.Next(60)) % 100_000;
            var kind = random.Next(10);
            if (kind == 0 || (i is > 200 and < 420 && kind < 9))
            {
                continue;
            }

            var off = kind == 1 ? Duration.FromSeconds(random.Next(60, 600)) : Duration.FromMilliseconds(random.Next(-5_000, 5_000));
            yield return new Reading(default, at + off, value, 0, kind == 2 ? ReadingQuality.ClockUncertain : ReadingQuality.Good);
            if (kind == 3)
            {
                yield return new Reading(default, at + Duration.FromMilliseconds(random.Next(5_000, 9_000)), value + 1, 0, ReadingQuality.Good);
            }

            if (i == 300)
            {
                value = 40_000;
            }
        }
    }
}
