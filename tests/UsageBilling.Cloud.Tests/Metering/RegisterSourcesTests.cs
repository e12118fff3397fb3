using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Metering.MeteringSite;

namespace UsageBilling.Cloud.Tests.Metering;

/// <summary>Every way in which a register becomes intervals, through journal and database.</summary>
public class RegisterSourcesTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Instant Start = At("2026-11-01T00:00:00Z");

    [Theory]
    [InlineData(5)]
    [InlineData(10)]
    [InlineData(15)]
    [InlineData(30)]
    [InlineData(60)]
    public async Task Registers_of_every_interval_length_become_intervals_over_rollover_late_boundaries_and_fractions(int minutes)
    {
        var site = new MeteringSite(database.Source);
        await site.Administration.RegisterAsync(new RegisterRegistration(site.Register, 0, minutes), default);
        await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin"), default);
        await site.Administration.InstallAsync(new RegisterInstallation(site.Channel, site.Register, Start, 9_990, 4, new Fraction(80, 7)), default);
        var count = (2 * 1440 / minutes) + 1;

        // Up to 30 s from the boundary a reading stands for it; the tenth of each dozen is missing.
        await site.JournalAsync(Grid(site.Register, Start, count, i => (9_990 + i) % 10_000, minutes)
            .Select((r, i) => r with { At = r.At + Duration.FromSeconds((i % 61) - 30) }).Where((_, i) => i % 12 != 10));
        await site.ProjectAsync();
        var profile = (await site.ReadAsync(Start, Start + Duration.FromDays(2))).Profile;
        Assert.Equal(minutes, profile.IntervalMinutes);
        Assert.Equal(new Fraction(80, 7).Scale(count - 1), profile.Quantities.ToArray().Sum());
        Assert.Equal((byte)IntervalQuality.Measured, profile.Qualities.Span[2]);
        Assert.Equal(((byte)IntervalQuality.Interpolated, (byte)IntervalQuality.Interpolated), (profile.Qualities.Span[9], profile.Qualities.Span[10]));
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task A_gateway_that_is_exchanged_in_mid_interval_changes_nothing_about_its_meters()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0);
        var readings = Grid(site.Register, Start, 193, i => 5L * i).ToArray();
        await site.JournalAsync(readings[..77]);
        await site.JournalAsync([new Reading(site.Register, readings[76].At + Duration.FromMinutes(4), 381, 0, ReadingQuality.Good), .. readings[77..]], Guid.NewGuid());
        await site.ProjectAsync();
        var profile = (await site.ReadAsync(Start, Start + Duration.FromDays(2))).Profile;
        Assert.All(profile.Quantities.ToArray(), q => Assert.Equal(5, q));
        Assert.All(profile.Qualities.ToArray(), q => Assert.Equal((byte)IntervalQuality.Measured, q));
    }

    [Theory]
    [InlineData("1-0:2.8.0", Quantity.ActiveEnergy, Direction.Export)]
    [InlineData("1-0:3.8.0", Quantity.ReactiveEnergy, Direction.Import)]
    [InlineData("1-0:4.8.0", Quantity.ReactiveEnergy, Direction.Export)]
    public async Task Export_and_reactive_registers_feed_channels_of_their_own(string obis, Quantity quantity, Direction direction)
    {
        var site = new MeteringSite(database.Source);
        var register = new RegisterKey("acme", $"X-{site.Serial}", ObisCode.Parse(obis));
        var channel = new ChannelKey($"point-{site.Serial}", new Measurand(quantity, direction));
        await site.RegisterAsync(register);
        await site.Administration.RegisterAsync(new ChannelRegistration(channel, 0, "Europe/Berlin"), default);
        await site.Administration.InstallAsync(new RegisterInstallation(channel, register, Start, 0, 9, Fraction.One), default);
        await site.JournalAsync(Grid(register, Start, 97, i => 4L * i));
        await site.ProjectAsync();
        var profile = (await site.Store.ReadAsync([channel.Id], Start, Start + Duration.FromDays(1), default))[channel.Id].Profile;
        Assert.Equal((quantity, direction, 384), (profile.Measurand.Quantity, profile.Measurand.Direction, profile.Quantities.ToArray().Sum()));
        var other = new ChannelKey($"point-{site.Serial}", new Measurand(Quantity.ActiveEnergy, Direction.Import));
        await site.Administration.RegisterAsync(new ChannelRegistration(other, 0, "Europe/Berlin"), default);
        await Assert.ThrowsAsync<MeteringConfigurationException>(() =>
            site.Administration.InstallAsync(new RegisterInstallation(other, register, Start + Duration.FromDays(9), null, 9, Fraction.One), default));
    }

    [Fact]
    public async Task Reads_by_hand_and_imported_reads_become_intervals_once_and_are_audited()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 100);
        var read = new RegisterReadEntry(site.Register, Start + Duration.FromDays(3) + Duration.FromMinutes(77), 4_100, "manual", "card of 4 November");
        Assert.True(await site.Administration.AddReadAsync(read, "anna", default));
        Assert.False(await site.Administration.AddReadAsync(read, "anna", default));
        Assert.True(await site.Administration.AddReadAsync(read with { At = Start + Duration.FromDays(5), Value = 5_000, Kind = "imported" }, "anna", default));
        Assert.Equal(4_900, await site.SumAsync(Start, Start + Duration.FromDays(6)));
        Assert.Equal(2, await AuditedAsync(site, "add read"));
        await RefusedAsync("must be one of manual, imported, move-in", read with { Kind = "guess" });
        await RefusedAsync("does not fit its display of 9 digits", read with { Value = 1_000_000_000 });
        await RefusedAsync("and now", read with { At = At("2026-11-21T00:00:00Z") });
        Assert.Empty(await site.VerifyAsync());

        // A register that nobody installed: no interval would ever count what is read of it.
        var lonely = site.Key("L");
        await site.RegisterAsync(lonely);
        await RefusedAsync("feeds no channel", read with { Register = lonely });

        async Task RefusedAsync(string reason, RegisterReadEntry entry)
        {
            var error = await Assert.ThrowsAsync<MeteringConfigurationException>(() => site.Administration.AddReadAsync(entry, "anna", default));
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_read_corrected_by_an_installer_supersedes_what_was_read_keeps_it_and_is_audited()
    {
        var site = new MeteringSite(database.Source);
        await site.InstallAsync(Start, 0);
        await site.JournalAsync(Grid(site.Register, Start, 97, i => i == 40 ? 9_999 : 10L * i));
        await site.ProjectAsync();
        var at = Start + Duration.FromMinutes(600);
        Assert.Equal((9_999 - 390, (byte)IntervalQuality.Missing), await SlotAsync(39, 40));
        await site.Administration.CorrectReadAsync(site.Register, at, 395, "digits transposed", "otto", default);
        Assert.Equal((5, (byte)IntervalQuality.Measured), await SlotAsync(39, 40));
        await site.Administration.CorrectReadAsync(site.Register, at, 400, "photo of the display", "otto", default);
        Assert.Equal((10, (byte)IntervalQuality.Measured), await SlotAsync(39, 40));
        Assert.Equal(960, await site.SumAsync(Start, Start + Duration.FromDays(1)));
        Assert.Equal(2, await AuditedAsync(site, "correct read"));
        await Assert.ThrowsAsync<MeteringConfigurationException>(() => site.Administration.CorrectReadAsync(site.Register, at, 401, " ", "otto", default));

        // What was read stays, and the gateway that says it again changes nothing.
        await site.JournalAsync(Grid(site.Register, at, 1, _ => 9_999), Guid.NewGuid());
        await site.ProjectAsync();
        Assert.Equal((10, (byte)IntervalQuality.Measured), await SlotAsync(39, 40));
        Assert.Empty(await site.VerifyAsync());
        Assert.Equal(0, (await new Replay(database.Source, site.Time).RunAsync(null, default)).Different);

        async Task<(long, byte)> SlotAsync(int slot, int next)
        {
            var profile = (await site.ReadAsync(Start, Start + Duration.FromDays(1))).Profile;
            return (profile.Quantities.Span[slot], profile.Qualities.Span[next]);
        }
    }

    [Fact]
    public async Task The_end_register_noted_wrongly_at_an_exchange_is_corrected_with_a_reason()
    {
        var site = new MeteringSite(database.Source);
        var exchange = Start + Duration.FromMinutes(607);
        await site.InstallAsync(Start, 0);
        await site.JournalAsync(Grid(site.Register, Start, 41, i => 10L * i));
        await site.ProjectAsync();
        await site.RegisterAsync(site.Key("B"));
        await site.Administration.ExchangeAsync(
            new RegisterRemoval(site.Register, exchange, 450), new RegisterInstallation(site.Channel, site.Key("B"), exchange, 7, 9, Fraction.One), default);
        Assert.Equal(450, await site.SumAsync(Start, Start + Duration.FromDays(1)));
        await site.Administration.CorrectInstallationAsync(site.Register, Start, 0, 405, "the card says 405", "otto", default);
        Assert.Equal(405, await site.SumAsync(Start, Start + Duration.FromDays(1)));
        Assert.Equal(1, await AuditedAsync(site, "correct installation"));
        Assert.Empty(await site.VerifyAsync());
    }

    [Fact]
    public async Task Weeks_of_backlog_that_arrive_at_once_give_what_they_would_have_given_in_time()
    {
        var (inTime, late) = (new MeteringSite(database.Source), new MeteringSite(database.Source));
        foreach (var site in new[] { inTime, late })
        {
            await site.InstallAsync(At("2026-10-20T00:00:00Z"), 0);
        }

        var begin = At("2026-10-20T00:00:00Z");
        for (var day = 0; day < 22; day++)
        {
            await inTime.JournalAsync(Day(inTime, day));
            await inTime.ProjectAsync();
        }

        await late.JournalAsync(Day(late, 21));
        await late.ProjectAsync();
        for (var day = 0; day < 21; day++)
        {
            await late.JournalAsync(Day(late, day));
        }

        await late.ProjectAsync();
        var (a, b) = (await inTime.ReadAsync(begin, begin + Duration.FromDays(22)), await late.ReadAsync(begin, begin + Duration.FromDays(22)));
        Assert.Equal(a.Profile.Quantities.ToArray(), b.Profile.Quantities.ToArray());
        Assert.Equal(a.Profile.Qualities.ToArray(), b.Profile.Qualities.ToArray());
        Assert.Empty(await late.VerifyAsync());

        IEnumerable<Reading> Day(MeteringSite site, int day) => Grid(site.Register, begin + Duration.FromDays(day), 96, i => (96L * 7 * day) + (7L * i));
    }

    private async Task<long> AuditedAsync(MeteringSite site, string action)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return (await connection.RowsAsync("SELECT count(*) FROM audit WHERE action = $1 AND entity LIKE '%' || $2 || '%'", r => r.GetInt64(0), default, action, site.Serial))[0];
    }
}
