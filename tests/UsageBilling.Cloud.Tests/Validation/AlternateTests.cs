using System.Text;
using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Exports;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Metering.Virtual;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Validation.ValidatedSite;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>Check meters and alternate channels, with batches of two meters.</summary>
public class AlternateTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    // 3 November, 10:00 in Berlin, to 5 November.
    private static readonly int Gap = Boundary("2026-11-03T09:00:00Z");
    private static readonly int End = Boundary("2026-11-05T20:00:00Z");

    [Theory]
    [InlineData(true, "check-meter", "S11")]
    [InlineData(false, "alternate-channel", "S18")]
    public async Task What_the_other_meter_measured_gives_the_gap_its_shape_and_the_register_its_sum(bool isCheckMeter, string method, string nem)
    {
        var (site, check) = await TwoMetersAsync();
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, isCheckMeter, null, null));
        await site.ReadAsync((Gap + 1, End));
        Assert.Equal(1, (await site.ValidateAsync()).Estimates);

        var estimated = await site.SliceAsync(Gap, End);
        Assert.All(estimated.Qualities, q => Assert.Equal(IntervalQuality.Estimated, q));
        Assert.Equal(Register(End) - Register(Gap), estimated.Sum);

        // The check meter saw its night load at other times than like days have: no like day would give these.
        var factor = (decimal)estimated.Sum / Enumerable.Range(Gap, End - Gap).Sum(Checked);
        Assert.All(Enumerable.Range(Gap, End - Gap), i => Assert.InRange(estimated.Quantities[i - Gap] - (Checked(i) * factor), -1m, 1m));

        await using var connection = await database.Source.OpenConnectionAsync();
        var kept = (await IntervalOverrides.ReadAsync(connection, site.Channel, new(2026, 11, 3), new(2026, 11, 5), default)).DistinctBy(o => o.Id).Single();
        Assert.Equal((method, $"the rule set fills gaps; from {check.Channel}"), (kept.Method, kept.Reason));
        using var file = new MemoryStream();
        Assert.True((await new Export(database.Source, site.Metering.Time).WriteAsync(
            new ExportRequest("nem12", site.Metering.Channel, new(2026, 11, 4), new(2026, 11, 5)), () => file, default)).Written);
        Assert.Contains($",{nem},", Encoding.UTF8.GetString(file.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_of_no_use_where_it_failed_too_where_a_rule_doubts_it_and_outside_of_its_days()
    {
        var (site, check) = await TwoMetersAsync(lost: Boundary("2026-11-04T10:00:00Z"));
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, true, null, null));
        await site.ReadAsync((Gap + 1, End));
        await site.ValidateAsync();
        Assert.Equal("average-like-days", await MethodAsync(site));

        // It read all, but somebody set a day of it wrong: its sum check fails.
        (site, check) = await TwoMetersAsync();
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, true, null, null));
        Assert.Null(await site.Decisions.EditDayAsync(check.Channel.Id, new(2026, 11, 4), "anna", "a slip", new IntervalEdit(20, [9_999]), default));
        await site.ValidateAsync();
        await site.ReadAsync((Gap + 1, End));
        await site.ValidateAsync();
        Assert.Equal("average-like-days", await MethodAsync(site));

        // It was disconnected for an hour: its zeros say nothing of the meter.
        (site, check) = await TwoMetersAsync();
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, true, null, null));
        var hour = MeteringSite.At("2026-11-04T10:00:00Z");
        Assert.Null((await new ZeroReasons(database.Source, site.Metering.Time).SaveAsync(check.Channel.Point, "outage", hour, hour + Duration.FromHours(1), "a fuse", "anna", default)).Problem);
        await site.ReadAsync((Gap + 1, End));
        await site.ValidateAsync();
        Assert.Equal("average-like-days", await MethodAsync(site));

        (site, check) = await TwoMetersAsync();
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, true, new(2026, 11, 1), new(2026, 11, 5)));
        await site.ReadAsync((Gap + 1, End));
        await site.ValidateAsync();
        Assert.Equal("average-like-days", await MethodAsync(site));
    }

    [Fact]
    public async Task A_check_meter_at_a_point_without_a_contract_is_used_and_no_inactive_device()
    {
        var (site, check) = await TwoMetersAsync();
        await using (var command = database.Source.CreateCommand("INSERT INTO service_point VALUES ($1, $1, 'Europe/Berlin', 'Street 1', '10115', 'Berlin', 'DE')"))
        {
            command.Parameters.Add(new() { Value = check.Channel.Point });
            await command.ExecuteNonQueryAsync();
        }

        // Nobody said yet what it is: energy flows where nobody is supplied.
        await site.ValidateAsync();
        Assert.Equal(34, await InactiveAsync(check.Channel));
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, true, null, null));
        await site.ReadAsync((Gap + 1, End));
        await site.ValidateAsync();
        Assert.Equal("check-meter", await MethodAsync(site));
        Assert.Equal(0, await InactiveAsync(check.Channel));
    }

    [Fact]
    public async Task What_a_virtual_channel_reads_and_its_parts_are_no_inactive_devices()
    {
        var (_, sub) = await TwoMetersAsync();
        var flats = new[] { new ChannelKey($"flat1-{sub.Serial}", sub.Channel.Measurand), new ChannelKey($"flat2-{sub.Serial}", sub.Channel.Measurand) };
        await using var connection = await database.Source.OpenConnectionAsync();
        foreach (var point in flats.Select(f => f.Point).Append(sub.Channel.Point))
        {
            await connection.RunAsync("INSERT INTO service_point VALUES ($1, $1, 'Europe/Berlin', 'Street 1', '10115', 'Berlin', 'DE')", default, point);
        }

        var site = new ValidatedSite(database.Source);
        await site.ValidateAsync();
        Assert.Equal(34, await InactiveAsync(sub.Channel));
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await VirtualChannels.RegisterAsync(
                connection, [.. flats.Select((f, i) => new VirtualRegistration(f, "Europe/Berlin", new Share(sub.Channel.Id, [2, 1], i)))], site.Metering.Time.GetCurrentInstant(), default);
            await transaction.CommitAsync();
        }

        await sub.ProjectAsync();
        await site.ValidateAsync();
        Assert.Equal((0, 0, 0), (await InactiveAsync(sub.Channel), await InactiveAsync(flats[0]), await InactiveAsync(flats[1])));
    }

    private async Task<int> InactiveAsync(ChannelKey channel) => (await FindingWorklist.FindAsync(
        database.Source, new FindingQuery(Rule: RuleNames.InactiveDevice, State: "open", Channel: channel.Id.Value), MeteringSite.At("2026-11-15T12:00:00Z"), null, 500, default)).Count;

    [Fact]
    public async Task A_person_may_ask_for_the_check_meter_where_there_is_one()
    {
        var (site, check) = await TwoMetersAsync();
        await site.ReadAsync((Gap + 1, End));
        await site.ValidateAsync();
        Assert.Equal("average-like-days", await MethodAsync(site));
        var gap = (await site.FindingsAsync("estimated"))[0];
        var key = new FindingKey(gap.Channel, gap.Day, gap.Rule);
        Assert.Equal(FindingOutcome.NotPossible, (await site.Decisions.EstimateAsync(key, "anna", "why", null, EstimationMethod.CheckMeter, default)).Outcome);

        // What is estimated stands until somebody asks for it again.
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, true, new(2026, 11, 2), null));
        await site.ValidateAsync();
        Assert.Equal("average-like-days", await MethodAsync(site));
        site.Metering.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(FindingOutcome.Done, (await site.Decisions.EstimateAsync(key with { Day = new(2026, 11, 4) }, "anna", "the check meter knows", null, EstimationMethod.CheckMeter, default)).Outcome);
        Assert.Equal(FindingOutcome.NotPossible, (await site.Decisions.EstimateAsync(key with { Day = new(2026, 11, 4) }, "anna", "again", null, null, default)).Outcome);

        // All of the gap, of which the finding's day is a part: only the whole sum is known.
        var gapped = await site.SliceAsync(Gap, End);
        var factor = (decimal)gapped.Sum / Enumerable.Range(Gap, End - Gap).Sum(Checked);
        Assert.All(Enumerable.Range(Gap, End - Gap), i => Assert.InRange(gapped.Quantities[i - Gap] - (Checked(i) * factor), -1m, 1m));
        Assert.Equal(Register(Slots), (await site.SliceAsync(0, Slots)).Sum);
    }

    [Fact]
    public async Task A_gap_that_nothing_could_fill_is_filled_when_a_check_meter_is_configured()
    {
        var (site, check) = await TwoMetersAsync();
        await site.ReadAsync((97, Slots - 96));
        await site.ValidateAsync();
        Assert.Equal(32, (await site.FindingsAsync()).Count(f => f.Rule == RuleNames.Gap));
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, true, null, null));
        Assert.Equal(1, (await site.ValidateAsync()).Estimates);
        Assert.DoesNotContain(await site.FindingsAsync(), f => f.Rule == RuleNames.Gap);
        var whole = await site.SliceAsync(0, Slots);
        Assert.Equal((Register(Slots), 0), (whole.Sum, whole.Qualities.Count(q => q == IntervalQuality.Interpolated)));
    }

    [Fact]
    public async Task Days_of_a_silent_meter_of_which_nothing_is_known_are_filled_too()
    {
        var (site, check) = await TwoMetersAsync();
        await site.ReadAsync((97, Slots + 1));
        await site.ValidateAsync();
        await site.Run.SweepAsync(default);
        Assert.Equal(33, (await site.FindingsAsync()).Count(f => f.Rule == RuleNames.Gap));
        await SaveAsync(new ChannelAlternate(site.Channel, check.Channel.Id, true, null, null));
        await site.ValidateAsync();
        Assert.DoesNotContain(await site.FindingsAsync(), f => f.Rule == RuleNames.Gap);

        // Without a register's advance the check meter gives the sum too: its tenths of a watt-hour, rounded once a gap.
        var filled = await site.SliceAsync(96, Slots);
        Assert.Equal(Enumerable.Range(96, Slots - 96).Sum(Checked), filled.Sum);
        Assert.All(filled.Qualities, q => Assert.Equal(IntervalQuality.Estimated, q));
    }

    [Fact]
    public async Task An_alternate_that_cannot_stand_is_refused_with_the_reason_and_the_same_twice_changes_nothing()
    {
        var (site, check) = await TwoMetersAsync();
        await site.Metering.InstallAsync(Start, 0);
        var (main, by) = (site.Channel, check.Channel.Id);
        var gas = new ChannelKey($"gas-{check.Serial}", new Measurand(Quantity.GasVolume, Direction.Import));
        var export = new ChannelKey(check.Channel.Point, new Measurand(Quantity.ActiveEnergy, Direction.Export));
        var sum = new ChannelKey($"sum-{check.Serial}", site.Metering.Channel.Measurand);
        await site.Metering.Administration.RegisterAsync(new ChannelRegistration(gas, -3, "Europe/Berlin"), default);
        await site.Metering.Administration.RegisterAsync(new ChannelRegistration(export, 0, "Europe/Berlin"), default);
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            await VirtualChannels.RegisterAsync(connection, [new VirtualRegistration(sum, "Europe/Berlin", new Combination([main], []))], site.Metering.Time.GetCurrentInstant(), default);
        }

        await RefusedAsync("cannot stand for itself", new(main, main, true, null, null));
        await RefusedAsync("counts GasVolume in m³ and", new(main, gas.Id, true, null, null));
        await RefusedAsync("carries the same direction", new(main, export.Id, true, null, null));
        await RefusedAsync("is not registered", new(main, new ChannelId(Guid.NewGuid()), true, null, null));
        await RefusedAsync("is computed from others", new(sum.Id, by, true, null, null));
        await RefusedAsync("stands on", new(main, sum.Id, false, null, null));
        await RefusedAsync("to is the day after the last", new(main, by, true, new(2026, 1, 1), new(2026, 1, 1)));
        Assert.True(await SaveAsync(new(main, by, true, null, null)));
        Assert.False(await SaveAsync(new(main, by, true, null, null)));
        await RefusedAsync("stands on", new(by, main, true, null, null));
        await RefusedAsync("end it first", new(main, await OtherAsync(site), true, new(2026, 1, 1), null));
        Assert.True(await SaveAsync(new(main, by, true, null, new(2026, 1, 1))));
        Assert.True(await SaveAsync(new(main, await OtherAsync(site), true, new(2026, 1, 1), null)));

        await using var read = await database.Source.OpenConnectionAsync();
        Assert.Equal(
            ["check 1900-01-01 2026-01-01", "check 2026-01-01 "],
            (await ChannelAlternates.ListAsync(read, site.Metering.Channel.Point, default)).Select(a => FormattableString.Invariant($"{a.Kind} {a.From:uuuu-MM-dd} {a.To:uuuu-MM-dd}")));
        Assert.Equal(3, (await read.RowsAsync($"SELECT 1 FROM audit WHERE actor = 'tester' AND action LIKE '%-alternate' AND entity = 'channel/{main}'", r => r.GetInt32(0), default)).Count);
    }

    /// <summary>Wh that the check meter saw: more by night than the meter's like days have.</summary>
    private static long Checked(int slot) => Used(slot) + (slot % 96 < 30 ? 100 : 0);

    /// <summary>A meter, not read yet, and a check meter in tenths of a watt-hour that was read, but for one boundary if that is lost.</summary>
    private async Task<(ValidatedSite Site, MeteringSite Check)> TwoMetersAsync(int? lost = null)
    {
        var (site, check) = (new ValidatedSite(database.Source), new MeteringSite(database.Source, "2026-11-15T12:00:00Z"));
        await check.Administration.RegisterAsync(new RegisterRegistration(check.Register, -1, 15), default);
        await check.Administration.RegisterAsync(new ChannelRegistration(check.Channel, -1, "Europe/Berlin"), default);
        await check.Administration.InstallAsync(new RegisterInstallation(check.Channel, check.Register, Start, 0, 10, Fraction.One), default);
        await site.Metering.RegisterAsync(site.Metering.Register);
        await site.Metering.Administration.RegisterAsync(new ChannelRegistration(site.Metering.Channel, 0, "Europe/Berlin"), default);
        var readings = new List<Reading>();
        var sum = 0L;
        for (var i = 0; i <= Slots; i++)
        {
            readings.Add(new Reading(check.Register, Start + Duration.FromMinutes(15L * i), sum, -1, ReadingQuality.Good));
            sum += 10 * Checked(i);
        }

        foreach (var batch in readings.Where((_, i) => i != lost).Chunk(1_000))
        {
            await check.JournalAsync(batch);
        }

        await check.ProjectAsync();
        return (site, check);
    }

    private async Task<string> MethodAsync(ValidatedSite site)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return (await IntervalOverrides.ReadAsync(connection, site.Channel, new(2026, 11, 3), new(2026, 11, 5), default)).DistinctBy(o => o.Id).Single().Method;
    }

    private static async Task<ChannelId> OtherAsync(ValidatedSite site)
    {
        var key = new ChannelKey($"other-{site.Metering.Serial}", site.Metering.Channel.Measurand);
        await site.Metering.Administration.RegisterAsync(new ChannelRegistration(key, 0, "Europe/Berlin"), default);
        return key.Id;
    }

    private async Task RefusedAsync(string reason, ChannelAlternate alternate) =>
        Assert.Contains(reason, (await Assert.ThrowsAsync<MeteringConfigurationException>(() => SaveAsync(alternate))).Message, StringComparison.Ordinal);

    private async Task<bool> SaveAsync(ChannelAlternate alternate)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var changed = await ChannelAlternates.SaveAsync(connection, alternate, "tester", MeteringSite.At("2026-11-15T12:00:00Z"), default);
        await transaction.CommitAsync();
        return changed;
    }
}
