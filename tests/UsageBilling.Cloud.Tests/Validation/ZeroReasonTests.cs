using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Validation.ValidatedSite;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>Why nothing need flow, said by people: what it explains, and what is not copied any more.</summary>
public class ZeroReasonTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Instant From = MeteringSite.At("2026-11-02T23:00:00Z");
    private static readonly Instant To = MeteringSite.At("2026-11-04T23:00:00Z");

    [Fact]
    public async Task A_reason_closes_what_it_explains_and_its_end_brings_the_rest_back()
    {
        var site = await SilentAsync();
        Assert.Equal([new LocalDate(2026, 11, 3), new LocalDate(2026, 11, 4)], (await site.FindingsAsync()).Where(f => f.Rule == RuleNames.Zero).Select(f => f.Day).Order());

        var reasons = new ZeroReasons(database.Source, site.Metering.Time);
        var added = await reasons.SaveAsync(site.Metering.Channel.Point, "disconnection", From, null, "unpaid, order 17", "anna", default);
        Assert.Equal((true, (string?)null), (added.Changed, added.Problem));
        Assert.True(added.DaysAgain >= 12, $"{added.DaysAgain}");
        await site.ValidateAsync();
        Assert.DoesNotContain(await site.FindingsAsync(), f => f.Rule == RuleNames.Zero);
        Assert.False((await reasons.SaveAsync(site.Metering.Channel.Point, "disconnection", From, null, "again", "anna", default)).Changed);

        // It ended a day earlier than all that: the second day is not explained.
        Assert.True((await reasons.SaveAsync(site.Metering.Channel.Point, "disconnection", From, From + Duration.FromDays(1), "paid", "bert", default)).Changed);
        await site.ValidateAsync();
        Assert.Equal([new LocalDate(2026, 11, 4)], (await site.FindingsAsync()).Where(f => f.Rule == RuleNames.Zero).Select(f => f.Day));
        var kept = Assert.Single(await reasons.ListAsync(site.Metering.Channel.Point, null, default));
        Assert.Equal(("anna", "bert", "unpaid, order 17"), (kept.AddedBy, kept.ChangedBy, kept.Note));
        Assert.Empty(await reasons.ListAsync(site.Metering.Channel.Point, To, default));
        await using var connection = await database.Source.OpenConnectionAsync();
        Assert.Equal(
            ["anna add-zero-reason unpaid, order 17", "bert change-zero-reason paid"],
            await connection.RowsAsync($"SELECT actor || ' ' || action || ' ' || reason FROM audit WHERE entity = 'service-point/{site.Metering.Channel.Point}' ORDER BY audit_id", r => r.GetString(0), default));
    }

    [Fact]
    public async Task Days_of_an_outage_are_never_copied()
    {
        // A gap over Tuesday evening; an outage of two hours a week before. Without it that day would be the nearest Tuesday.
        var gap = Boundary("2026-11-10T15:00:00Z");
        var (with, without) = (new ValidatedSite(database.Source), new ValidatedSite(database.Source));
        await without.ReadAsync((gap + 1, gap + 21));
        await without.ValidateAsync();
        Assert.Contains("2026-11-03", await ReasonAsync(without), StringComparison.Ordinal);

        var reasons = new ZeroReasons(database.Source, with.Metering.Time);
        await with.Metering.Administration.RegisterAsync(new ChannelRegistration(with.Metering.Channel, 0, "Europe/Berlin"), default);
        Assert.Null((await reasons.SaveAsync(
            with.Metering.Channel.Point, "outage", MeteringSite.At("2026-11-03T09:00:00Z"), MeteringSite.At("2026-11-03T11:00:00Z"), "cable cut", "anna", default)).Problem);
        await with.ReadAsync((gap + 1, gap + 21));
        await with.ValidateAsync();
        Assert.DoesNotContain("2026-11-03", await ReasonAsync(with), StringComparison.Ordinal);

        async Task<string> ReasonAsync(ValidatedSite site)
        {
            await using var connection = await database.Source.OpenConnectionAsync();
            var made = (await IntervalOverrides.ReadAsync(connection, site.Channel, new(2026, 11, 10), new(2026, 11, 10), default)).DistinctBy(o => o.Id).Single();
            Assert.Equal("average-like-days", made.Method);
            return made.Reason;
        }
    }

    [Theory]
    [InlineData("disconnection", "zero")]
    [InlineData("seasonal-supply", "average-like-days")]
    public async Task What_nobody_read_while_there_was_no_supply_is_estimated_as_zero_but_in_a_season_something_may_flow(string reason, string method)
    {
        // The meter is silent from the evening of the 4th to the end, and disconnected since noon of that day.
        var site = new ValidatedSite(database.Source);
        var silent = Boundary("2026-11-04T18:00:00Z");
        var reasons = new ZeroReasons(database.Source, site.Metering.Time);
        await site.Metering.Administration.RegisterAsync(new ChannelRegistration(site.Metering.Channel, 0, "Europe/Berlin"), default);
        await reasons.SaveAsync(site.Metering.Channel.Point, reason, MeteringSite.At("2026-11-04T11:00:00Z"), null, "order 18", "anna", default);
        await site.ReadAsync((silent + 1, Slots + 1));
        await site.ValidateAsync();
        await site.Run.SweepAsync(default);
        var day = Boundary("2026-11-05T23:00:00Z");
        var slice = await site.SliceAsync(day, day + 96);
        Assert.All(slice.Qualities, q => Assert.Equal(IntervalQuality.Estimated, q));
        Assert.Equal(reason == "disconnection", slice.Sum == 0);
        await using var connection = await database.Source.OpenConnectionAsync();
        Assert.All(await IntervalOverrides.ReadAsync(connection, site.Channel, new(2026, 11, 6), new(2026, 11, 6), default), o => Assert.Equal(method, o.Method));
        Assert.Equal(19, EstimationMethods.NemNumberOf("zero"));
    }

    [Fact]
    public async Task A_reason_told_later_withdraws_what_was_estimated_by_itself_and_never_what_a_person_did()
    {
        var (site, key) = await EstimatedAsync();
        var (gap, end) = (Boundary("2026-11-10T12:00:00Z"), Boundary("2026-11-10T15:00:00Z"));
        Assert.True((await site.SliceAsync(gap, end)).Sum > 0);
        site.Metering.Time.Advance(TimeSpan.FromMinutes(5));
        var reasons = new ZeroReasons(database.Source, site.Metering.Time);
        Assert.Null((await reasons.SaveAsync(key.Point, "outage", MeteringSite.At("2026-11-10T12:00:00Z"), MeteringSite.At("2026-11-10T15:00:00Z"), "cable cut", "anna", default)).Problem);
        await site.ValidateAsync();
        var now = await site.SliceAsync(gap, end);
        Assert.Equal(0, now.Sum);
        Assert.All(now.Qualities, q => Assert.Equal(IntervalQuality.Estimated, q));
        await using var connection = await database.Source.OpenConnectionAsync();
        var made = await IntervalOverrides.ReadAsync(connection, key.Id, new(2026, 11, 10), new(2026, 11, 10), default);
        Assert.Equal([("average-like-days", "anna"), ("zero", null)], made.Select(o => (o.Method, o.WithdrawnBy)));
        Assert.Contains("cable cut", made[0].WithdrawalReason, StringComparison.Ordinal);

        // Somebody estimated it: that stands.
        (site, key) = await EstimatedAsync();
        site.Metering.Time.Advance(TimeSpan.FromMinutes(5));
        var finding = Assert.Single((await FindingWorklist.FindAsync(database.Source, new FindingQuery(State: "estimated", Channel: key.Id.Value), site.Metering.Time.GetCurrentInstant(), null, 50, default)), f => f.Rule == RuleNames.Gap);
        Assert.Equal(
            FindingOutcome.Done,
            (await site.Decisions.EstimateAsync(new FindingKey(finding.Channel, finding.Day, finding.Rule), "bert", "as the neighbour", null, EstimationMethod.LikeDayTable, default)).Outcome);
        var by = (await site.SliceAsync(gap, end)).Sum;
        await reasons.SaveAsync(key.Point, "outage", MeteringSite.At("2026-11-10T12:00:00Z"), MeteringSite.At("2026-11-10T15:00:00Z"), "cable cut", "anna", default);
        await site.ValidateAsync();
        Assert.Equal(by, (await site.SliceAsync(gap, end)).Sum);

        // Deliveries know no advance: three hours that no file has are estimated from like days.
        async Task<(ValidatedSite Site, ChannelKey Key)> EstimatedAsync()
        {
            var made = new ValidatedSite(database.Source);
            var channel = made.Metering.Channel;
            await using var delivering = await database.Source.OpenConnectionAsync();
            await using var transaction = await delivering.BeginTransactionAsync();
            var at = made.Metering.Time.GetCurrentInstant();
            await RegisterAdministration.RegisterAsync(delivering, new ChannelRegistration(channel, 0, "Europe/Berlin", ChannelFeed.Deliveries), at, default);
            var days = Enumerable.Range(0, 30).Select(d => new LocalDate(2026, 10, 13).PlusDays(d)).Select(day => new DeliveredDay(channel.Id, day, new IntervalDay(
                15,
                [.. Enumerable.Range(0, 96).Select(i => IsLost(day, i) ? 0L : 200 + i)],
                [.. Enumerable.Range(0, 96).Select(i => (byte)(IsLost(day, i) ? IntervalQuality.Missing : IntervalQuality.Measured))]), at)).ToArray();
            await ChannelDeliveries.DeliverAsync(delivering, Guid.NewGuid(), days, at, default);
            await transaction.CommitAsync();
            await made.ValidateAsync();
            return (made, channel);

            static bool IsLost(LocalDate day, int slot) => day == new LocalDate(2026, 11, 10) && slot is >= 48 and < 60;
        }
    }

    [Fact]
    public async Task Intervals_below_zero_are_found_whatever_they_come_from()
    {
        var site = new ValidatedSite(database.Source);
        var day = new LocalDate(2026, 11, 10);
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            var now = site.Metering.Time.GetCurrentInstant();
            await RegisterAdministration.RegisterAsync(connection, new ChannelRegistration(site.Metering.Channel, 0, "Etc/UTC", ChannelFeed.Deliveries), now, default);
            var intervals = new IntervalDay(15, [.. Enumerable.Range(0, 96).Select(i => i is 40 or 41 ? -500L : 200 + i)], [.. Enumerable.Repeat((byte)IntervalQuality.Measured, 96)]);
            await ChannelDeliveries.DeliverAsync(connection, Guid.NewGuid(), [new DeliveredDay(site.Channel, day, intervals, now)], now, default);
            await transaction.CommitAsync();
        }

        await site.ValidateAsync();
        var found = Assert.Single(await site.FindingsAsync(), f => f.Rule == RuleNames.ReverseEnergy);
        Assert.Equal((Verdict.Fail, day, 1_000m), (found.Verdict, found.Day, found.InQuestion));
        Assert.Contains("2 intervals are below zero, by 1000 Wh", found.Words, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("holiday", "2026-11-02T23:00:00Z", null, "n", "reason is one of seasonal-supply, outage, disconnection")]
    [InlineData("outage", "2026-11-02T23:00:00Z", "2026-11-02T22:00:00Z", "n", "before it begins")]
    [InlineData("outage", "2026-11-02T23:00:00Z", null, " ", "give a note")]
    public async Task What_makes_no_sense_is_refused(string reason, string from, string? to, string note, string problem)
    {
        var site = new MeteringSite(database.Source);
        await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin"), default);
        var reasons = new ZeroReasons(database.Source, site.Time);
        Assert.Contains(problem, (await reasons.SaveAsync(site.Channel.Point, reason, MeteringSite.At(from), to is null ? null : MeteringSite.At(to), note, "anna", default)).Problem, StringComparison.Ordinal);
        Assert.Contains("there is no service point nowhere", (await reasons.SaveAsync("nowhere", "outage", MeteringSite.At(from), null, "n", "anna", default)).Problem, StringComparison.Ordinal);
    }

    /// <summary>Nothing flowed on 3 and 4 November, and the register says so.</summary>
    private async Task<ValidatedSite> SilentAsync()
    {
        var site = new ValidatedSite(database.Source);
        await site.Metering.InstallAsync(Start, 0);
        var (first, end) = (Boundary("2026-11-02T23:00:00Z"), Boundary("2026-11-04T23:00:00Z"));
        foreach (var batch in Enumerable.Range(0, Slots + 1).Select(i => new Reading(
            site.Metering.Register, Start + Duration.FromMinutes(15L * i), i <= first ? Register(i) : i <= end ? Register(first) : Register(first) + Register(i) - Register(end), 0, ReadingQuality.Good)).Chunk(1_000))
        {
            await site.Metering.JournalAsync(batch);
        }

        await site.Metering.ProjectAsync();
        await site.ValidateAsync();
        return site;
    }
}
