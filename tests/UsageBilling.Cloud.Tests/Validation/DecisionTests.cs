using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using static UsageBilling.Cloud.Tests.Validation.ValidatedSite;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>What people decide about findings, and the trace that it leaves.</summary>
public class DecisionTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly LocalDate Day = new(2026, 11, 3);

    [Fact]
    public async Task An_accepted_finding_stays_accepted_until_the_data_changes()
    {
        var (site, key) = await SpikedAsync();
        Assert.Equal(FindingOutcome.Changed, (await site.Decisions.AcceptAsync(key, "anna", "a welding day", 99, default)).Outcome);
        Assert.Equal(FindingOutcome.Done, (await site.Decisions.AcceptAsync(key, "anna", "a welding day", 1, default)).Outcome);
        Assert.Equal(FindingOutcome.NotPossible, (await site.Decisions.AcceptAsync(key, "anna", "again", null, default)).Outcome);
        Assert.Equal(FindingOutcome.NotFound, (await site.Decisions.AcceptAsync(key with { Rule = "zero" }, "anna", "x", null, default)).Outcome);
        await DueAgainAsync(site);
        var accepted = Assert.Single(await site.FindingsAsync("accepted"));
        Assert.Equal(("anna", "a welding day", 2), (accepted.DecidedBy, accepted.Reason, accepted.Revision));

        // The evening's intervals are set higher: another spike than the one that was accepted.
        Assert.Null(await site.Decisions.EditDayAsync(site.Channel, Day, "anna", "read from the display", new IntervalEdit(80, [310, 320, 330]), default));
        await site.ValidateAsync();
        var open = Assert.Single(await site.FindingsAsync(), f => f.Rule == RuleNames.Spike);
        Assert.Equal((3, (string?)null), (open.Revision, open.DecidedBy));
    }

    [Fact]
    public async Task A_doubtful_interval_that_a_register_saw_is_not_estimated_as_itself_and_its_finding_stays_open()
    {
        var (site, key) = await SpikedAsync();
        var result = await site.Decisions.EstimateAsync(key, "anna", "transient of the meter", null, EstimationMethod.AverageLikeDays, default);
        Assert.Equal(FindingOutcome.NotPossible, result.Outcome);
        Assert.Contains("nothing would change", result.Detail, StringComparison.Ordinal);
        await site.ValidateAsync();
        Assert.Single(await site.FindingsAsync(), f => f.Rule == RuleNames.Spike);
    }

    [Fact]
    public async Task A_doubtful_interval_without_a_register_gets_what_the_method_says_and_nothing_of_itself()
    {
        var site = new ValidatedSite(database.Source);
        var now = site.Metering.Time.GetCurrentInstant();
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await RegisterAdministration.RegisterAsync(connection, new ChannelRegistration(site.Metering.Channel, 0, "Etc/UTC", ChannelFeed.Deliveries), now, default);
            var days = Enumerable.Range(0, 30).Select(d => new LocalDate(2026, 10, 13).PlusDays(d)).Select(day => new DeliveredDay(
                site.Channel, day, new IntervalDay(15, [.. Enumerable.Range(0, 96).Select(i => day == new LocalDate(2026, 11, 10) && i == 40 ? 25_880L : 700 + i)], [.. Enumerable.Repeat((byte)IntervalQuality.Measured, 96)]), now));
            await ChannelDeliveries.DeliverAsync(connection, Guid.NewGuid(), [.. days], now, default);
            await transaction.CommitAsync();
        }

        await site.ValidateAsync();
        var spike = Assert.Single(await site.FindingsAsync(), f => f.Rule == RuleNames.Spike);
        Assert.Equal(
            FindingOutcome.Done, (await site.Decisions.EstimateAsync(new FindingKey(spike.Channel, spike.Day, spike.Rule), "anna", "transient", null, EstimationMethod.Linear, default)).Outcome);
        var slot = Boundary("2026-11-10T10:00:00Z");
        var estimated = await site.SliceAsync(slot, slot + 1);
        Assert.Equal((740L, IntervalQuality.Estimated), (estimated.Sum, estimated.Qualities[0]));
        await site.ValidateAsync();
        Assert.DoesNotContain(await site.FindingsAsync(), f => f.Rule == RuleNames.Spike);
    }

    [Fact]
    public async Task An_edit_needs_to_fit_is_audited_stands_against_data_and_can_be_taken_back()
    {
        var site = new ValidatedSite(database.Source);
        await site.ReadAsync();
        await site.ValidateAsync();
        Assert.Contains("96 slots", await site.Decisions.EditDayAsync(site.Channel, Day, "anna", "why", new IntervalEdit(95, [1, 2]), default), StringComparison.Ordinal);
        Assert.Contains("not negative", await site.Decisions.EditDayAsync(site.Channel, Day, "anna", "why", new IntervalEdit(0, [-1]), default), StringComparison.Ordinal);

        // Slots 0 to 5 of the local day lie on two UTC days.
        Assert.Null(await site.Decisions.EditDayAsync(site.Channel, Day, "anna", "meter was tested", new IntervalEdit(0, [1, 2, 3, 4, 5, 6]), default));
        var midnight = Boundary("2026-11-02T23:00:00Z");
        var edited = await site.SliceAsync(midnight, midnight + 6);
        Assert.Equal([1, 2, 3, 4, 5, 6], edited.Quantities);
        Assert.All(edited.Qualities, q => Assert.Equal(IntervalQuality.Edited, q));
        await site.ValidateAsync();
        var finding = Assert.Single(await site.FindingsAsync(), f => f.Rule == RuleNames.SumCheck);
        Assert.Equal(Verdict.Fail, finding.Verdict);

        await using var connection = await site.Database.OpenConnectionAsync();
        var made = (await IntervalOverrides.ReadAsync(connection, site.Channel, Day.PlusDays(-1), Day, default)).DistinctBy(o => o.Id).Single();
        Assert.Equal(("edit", "anna", "meter was tested", "default-1"), (made.Method, made.Actor, made.Reason, made.RuleSet));
        Assert.True(await site.Decisions.WithdrawAsync(site.Channel, made.Id, "bert", "wrong meter", default));
        Assert.False(await site.Decisions.WithdrawAsync(site.Channel, made.Id, "bert", "wrong meter", default));
        Assert.Equal(Register(midnight + 6) - Register(midnight), (await site.SliceAsync(midnight, midnight + 6)).Sum);
        await site.ValidateAsync();
        Assert.Equal("closed", (await site.FindingsAsync("any")).Single(f => f.Rule == RuleNames.SumCheck).State);

        // Who changed what: three versions of the day, the override with who made it and who took it back, and what the rules said in between.
        var versions = (await IntervalOverrides.ReadVersionsAsync(connection, site.Channel, Day, Day, default)).ToArray();
        Assert.Equal([1, 2, 3], versions.Select(v => v.Version));
        Assert.Equal((versions[0].Sum, 2), (versions[2].Sum, versions[1].Slots[IntervalQuality.Edited]));
        var kept = (await IntervalOverrides.ReadAsync(connection, site.Channel, Day.PlusDays(-1), Day, default))[0];
        Assert.Equal(("bert", "wrong meter"), (kept.WithdrawnBy, kept.WithdrawalReason));
        Assert.Equal(["open", "closed"], (await FindingWorklist.EventsAsync(connection, site.Channel, Day, default)).Select(e => e.State));
        Assert.Equal(
            new[] { "anna edit-intervals meter was tested", "bert withdraw-override wrong meter" },
            await connection.RowsAsync($"SELECT actor || ' ' || action || ' ' || reason FROM audit WHERE entity = 'channel/{site.Channel}' ORDER BY audit_id", r => r.GetString(0), default));
    }

    [Fact]
    public async Task An_edit_on_the_day_of_a_clock_change_counts_the_slots_of_that_day()
    {
        var site = new ValidatedSite(database.Source);
        await site.ReadAsync();
        Assert.Null(await site.Decisions.EditDayAsync(site.Channel, new LocalDate(2026, 10, 25), "anna", "why", new IntervalEdit(99, [7]), default));
        var last = Boundary("2026-10-25T22:45:00Z");
        var edited = await site.SliceAsync(last, last + 1);
        Assert.Equal([7], edited.Quantities);
    }

    /// <summary>5 kWh more in a quarter of an hour.</summary>
    private async Task<(ValidatedSite Site, FindingKey Key)> SpikedAsync()
    {
        var site = new ValidatedSite(database.Source) { Spike = (Boundary("2026-11-03T09:00:00Z"), 5_000) };
        await site.ReadAsync();
        await site.ValidateAsync();
        var findings = await site.FindingsAsync();
        Assert.Equal([RuleNames.Peak, RuleNames.Spike], findings.Select(f => f.Rule).Order());
        var finding = findings.Single(f => f.Rule == RuleNames.Spike);
        Assert.Equal((Day, new SlotRange(40, 1), 1.8m), (finding.Day, finding.Slots[0], finding.Limit));
        Assert.Equal(finding.Measured["p1"] - finding.Measured["p3"], finding.InQuestion);
        return (site, new FindingKey(finding.Channel, finding.Day, finding.Rule));
    }

    private static async Task DueAgainAsync(ValidatedSite site)
    {
        await using var connection = await site.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await DueDays.AddAsync(connection, [(site.Channel, Day)], site.Metering.Time.GetCurrentInstant(), default);
        await transaction.CommitAsync();
        await site.ValidateAsync();
    }
}
