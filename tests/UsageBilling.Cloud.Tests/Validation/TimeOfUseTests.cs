using NodaTime;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Validation.ValidatedSite;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>Registers that count parts of a meter's total by time of use: journalled as any, and held against the total day by day.</summary>
public class TimeOfUseTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly int Doubtful = Boundary("2026-11-03T09:00:00Z");

    [Fact]
    public async Task Registers_that_sum_to_the_total_leave_nothing_behind_over_a_rollover_and_another_scale()
    {
        var site = await SiteAsync();
        await site.ReadAsync();
        await InstallAsync(site, site.Metering.Register, Start, 99_999_000, 0);
        await CountAsync(site, site.Metering.Register, 0, Slots, 99_999_000, 0);
        await site.ValidateAsync();
        Assert.Empty(await site.FindingsAsync("any"));
        Assert.Empty(await site.Metering.ParkedAsync());
        Assert.Empty(await site.Metering.VerifyAsync());

        // They feed nothing: the total stays the total.
        Assert.Equal(Register(Slots), (await site.SliceAsync(0, Slots)).Sum);
        await using var connection = await database.Source.OpenConnectionAsync();
        var parts = await TimeOfUseRegisters.ReadAsync(connection, site.Channel, new(2026, 11, 2), new(2026, 11, 4), default);
        Assert.Equal(2, parts.Count);
    }

    [Fact]
    public async Task A_sum_that_differs_beyond_the_tolerance_fails_the_day_also_when_it_is_read_long_after()
    {
        var site = await SiteAsync();
        await site.ReadAsync();
        await InstallAsync(site, site.Metering.Register, Start, 0, 0);
        await site.ValidateAsync();
        Assert.Empty(await site.FindingsAsync("any"));

        // The second register counts 60 Wh too much on 3 November: 0.1 % of 24 kWh for each of the two registers are 48.
        await CountAsync(site, site.Metering.Register, 0, Slots, 0, 0, (Doubtful, 60));
        await site.ValidateAsync();
        var finding = Assert.Single(await site.FindingsAsync("any"));
        var day = Register(Boundary("2026-11-03T23:00:00Z")) - Register(Boundary("2026-11-02T23:00:00Z"));
        Assert.Equal((RuleNames.SumCheck, Verdict.Fail, new LocalDate(2026, 11, 3)), (finding.Rule, finding.Verdict, finding.Day));
        Assert.Equal((day + 60m, (decimal)day, 2 * 0.001m * day), (finding.Measured["time-of-use"], finding.Measured["register"], finding.Limit));

        // One that lies within it does not.
        site = await SiteAsync();
        await site.ReadAsync();
        await InstallAsync(site, site.Metering.Register, Start, 0, 0);
        await CountAsync(site, site.Metering.Register, 0, Slots, 0, 0, (Doubtful, 30));
        await site.ValidateAsync();
        Assert.Empty(await site.FindingsAsync("any"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(900)]
    public async Task The_registers_of_both_meters_are_summed_on_the_day_of_an_exchange(long wrong)
    {
        var site = await SiteAsync();
        var (old, fresh) = (site.Metering.Register, site.Metering.Key("B"));
        var at = Start + Duration.FromMinutes(15L * Doubtful);
        await site.ReadAsync((Doubtful + 1, Slots + 1));
        await InstallAsync(site, old, Start, 0, 0);
        await CountAsync(site, old, 0, Doubtful, 0, 0);
        await site.Metering.RegisterAsync(fresh);
        await site.Metering.Administration.ExchangeAsync(
            new RegisterRemoval(old, at, Register(Doubtful)), new RegisterInstallation(site.Metering.Channel, fresh, at, 500, 9, Fraction.One), default);
        await site.Metering.Administration.RemoveTimeOfUseAsync(new RegisterRemoval(Rate(old, 1), at, Part(1, 0, Doubtful)), default);
        await site.Metering.Administration.RemoveTimeOfUseAsync(new RegisterRemoval(Rate(old, 2), at, 10 * Part(2, 0, Doubtful)), default);
        await InstallAsync(site, fresh, at, 70, 90);
        foreach (var batch in Enumerable.Range(Doubtful + 1, Slots - Doubtful).Select(i => new Reading(
            fresh, Start + Duration.FromMinutes(15L * i), 500 + Register(i) - Register(Doubtful), 0, ReadingQuality.Good)).Chunk(1_000))
        {
            await site.Metering.JournalAsync(batch);
        }

        await CountAsync(site, fresh, Doubtful, Slots, 70, 90, (Doubtful + 8, wrong));
        await site.ValidateAsync();
        var found = (await site.FindingsAsync("any")).Where(f => f.Rule == RuleNames.SumCheck).ToArray();
        Assert.Equal(wrong == 0 ? [] : [new LocalDate(2026, 11, 3)], found.Select(f => f.Day));
        Assert.All(found, f => Assert.Equal(wrong, f.Measured["time-of-use"] - f.Measured["register"]));
        Assert.Equal(Register(Slots), (await site.SliceAsync(0, Slots)).Sum);
    }

    [Fact]
    public async Task A_register_that_cannot_be_a_part_is_refused_and_a_part_feeds_no_channel()
    {
        var site = await SiteAsync();
        await site.Metering.InstallAsync(Start, 0);
        var (total, part) = (site.Metering.Register, Rate(site.Metering.Register, 1));
        var gas = new RegisterKey("acme", total.Serial, ObisCode.GasVolume);
        await site.Metering.RegisterAsync(gas, site.Metering.Key("C"));
        await RefusedAsync("is not registered", new(Rate(site.Metering.Key("Z"), 1), total, Start, 0, 9, Fraction.One));
        await RefusedAsync("is no part of", new(gas, total, Start, 0, 9, Fraction.One));
        await RefusedAsync("feeds no channel", new(part, site.Metering.Key("C"), Start, 0, 9, Fraction.One));
        await RefusedAsync("does not fit a display of 3 digits", new(part, total, Start, 1_000, 3, Fraction.One));
        await site.Metering.Administration.InstallAsync(new TimeOfUseInstallation(part, total, Start, 0, 9, Fraction.One), default);
        await site.Metering.Administration.InstallAsync(new TimeOfUseInstallation(part, total, Start, 0, 9, Fraction.One), default);
        await RefusedAsync("on other terms", new(part, total, Start, 0, 8, Fraction.One));
        await RefusedAsync("remove it first", new(part, total, Start + Duration.FromDays(1), 0, 8, Fraction.One));
        var other = new ChannelKey($"other-{site.Metering.Serial}", site.Metering.Channel.Measurand);
        await site.Metering.Administration.RegisterAsync(new ChannelRegistration(other, 0, "Europe/Berlin"), default);
        var refused = await Assert.ThrowsAsync<MeteringConfigurationException>(() =>
            site.Metering.Administration.InstallAsync(new RegisterInstallation(other, part, Start, 0, 9, Fraction.One), default));
        Assert.Contains("in its total already", refused.Message, StringComparison.Ordinal);
        await RefusedAsync("it cannot be a part", new(total, site.Metering.Key("C"), Start, 0, 9, Fraction.One));

        async Task RefusedAsync(string reason, TimeOfUseInstallation wanted) =>
            Assert.Contains(reason, (await Assert.ThrowsAsync<MeteringConfigurationException>(() => site.Metering.Administration.InstallAsync(wanted, default))).Message, StringComparison.Ordinal);
    }

    private async Task<ValidatedSite> SiteAsync()
    {
        var site = new ValidatedSite(database.Source);
        foreach (var meter in new[] { site.Metering.Register, site.Metering.Key("B") })
        {
            await site.Metering.RegisterAsync(Rate(meter, 1));
            await site.Metering.Administration.RegisterAsync(new RegisterRegistration(Rate(meter, 2), -1, 15), default);
        }

        return site;
    }

    private static RegisterKey Rate(RegisterKey total, byte rate) => new(total.Manufacturer, total.Serial, total.Obis with { E = rate });

    /// <summary>By day (from the 33rd quarter-hour) the first register counts, in Wh and eight digits; by night the second, in tenths of a watt-hour.</summary>
    private static async Task InstallAsync(ValidatedSite site, RegisterKey total, Instant from, long first, long second)
    {
        await site.Metering.Administration.InstallAsync(new TimeOfUseInstallation(Rate(total, 1), total, from, first, 8, Fraction.One), default);
        await site.Metering.Administration.InstallAsync(new TimeOfUseInstallation(Rate(total, 2), total, from, second, 12, Fraction.One), default);
    }

    private static long Part(int rate, int from, int to) => Enumerable.Range(from, to - from).Where(i => (i % 96 < 32) == (rate == 2)).Sum(Used);

    /// <summary>Reads both registers on boundaries [from, to]; from one boundary on the second has counted more than it should.</summary>
    private static async Task CountAsync(ValidatedSite site, RegisterKey total, int from, int to, long first, long second, (int From, long By)? wrong = null)
    {
        var readings = new List<Reading>();
        var (a, b) = (0L, 0L);
        for (var i = from; i <= to; i++)
        {
            var at = Start + Duration.FromMinutes(15L * i);
            readings.Add(new Reading(Rate(total, 1), at, (first + a) % 100_000_000, 0, ReadingQuality.Good));
            readings.Add(new Reading(Rate(total, 2), at, second + (10 * (b + (wrong is { } w && i >= w.From ? w.By : 0))), -1, ReadingQuality.Good));
            (a, b) = (a + Part(1, i, i + 1), b + Part(2, i, i + 1));
        }

        foreach (var batch in readings.Chunk(2_000))
        {
            await site.Metering.JournalAsync(batch);
        }

        await site.Metering.ProjectAsync();
    }
}
