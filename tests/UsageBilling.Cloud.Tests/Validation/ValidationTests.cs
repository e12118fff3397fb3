using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using static UsageBilling.Cloud.Tests.Validation.ValidatedSite;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>From changed days to findings and estimates, on a real database.</summary>
public class ValidationTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    // 3 November, 10:00 to 11:00 in Berlin, and from there to 5 November.
    private static readonly int Gap = Boundary("2026-11-03T09:00:00Z");
    private static readonly int DaysLater = Boundary("2026-11-05T20:00:00Z");

    [Fact]
    public async Task Days_without_faults_leave_nothing_behind()
    {
        var site = new ValidatedSite(database.Source);
        await site.ValidateAsync(); // what other tests left in this database is not counted
        await site.ReadAsync();
        var done = await site.ValidateAsync();
        Assert.Equal(34, done.Days);
        Assert.Equal(0, done.Estimates);
        Assert.Empty(await site.FindingsAsync("any"));
        Assert.Null(await site.Run.TakeDueAsync(100, default));
    }

    [Fact]
    public async Task A_gap_is_estimated_at_once_with_the_registers_advance_and_replaced_when_the_data_comes()
    {
        var site = new ValidatedSite(database.Source);
        await site.ReadAsync((Gap + 1, Gap + 4));
        var before = await site.SliceAsync(0, Slots);
        Assert.Equal(IntervalQuality.Interpolated, (await site.SliceAsync(Gap, Gap + 4)).Qualities[0]);
        Assert.Equal(1, (await site.ValidateAsync()).Estimates);

        var estimated = await site.SliceAsync(Gap, Gap + 4);
        Assert.All(estimated.Qualities, q => Assert.Equal(IntervalQuality.Estimated, q));
        Assert.Equal(Register(Gap + 4) - Register(Gap), estimated.Sum);
        Assert.Equal(before.Sum, (await site.SliceAsync(0, Slots)).Sum);
        var finding = Assert.Single(await site.FindingsAsync("any"));
        Assert.Equal((RuleNames.Gap, "estimated", Verdict.Note, new LocalDate(2026, 11, 3)), (finding.Rule, finding.State, finding.Verdict, finding.Day));
        Assert.Equal(("default-1", new SlotRange(40, 4), 4m), (finding.RuleSet, finding.Slots[0], finding.Measured["estimated"]));

        await site.ReadLateAsync(Gap + 1, Gap + 4);
        var real = await site.SliceAsync(Gap, Gap + 4);
        Assert.All(real.Qualities, q => Assert.Equal(IntervalQuality.Measured, q));
        Assert.Equal([Used(Gap), Used(Gap + 1), Used(Gap + 2), Used(Gap + 3)], real.Quantities);
        await site.ValidateAsync();
        Assert.Equal("closed", Assert.Single(await site.FindingsAsync("any")).State);
        Assert.Empty(await site.Metering.VerifyAsync());
    }

    [Fact]
    public async Task A_gap_whose_like_days_were_in_doubt_only_while_they_came_is_filled_when_it_is_tried_again()
    {
        var site = new ValidatedSite(database.Source);
        var (hole, end) = (Boundary("2026-11-03T05:00:00Z"), Boundary("2026-11-03T13:00:00Z"));
        await site.ReadAsync((hole + 1, end));
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            // As a day looks that was validated when half of it had come: in this run the doubt goes, after the gap was looked at.
            await connection.RunAsync("""
                INSERT INTO finding (channel_id, local_day, rule, state, verdict, first_slots, slot_counts, measured, words, rule_set, channel_class, point, in_question, found_at, changed_at, revision)
                SELECT $1, d::date, 'gap', 'open', 3, '{}', '{}', '{}', 'half of it is missing', 'default-1', 'x', 'x', 0, $2, $2, 1 FROM generate_series('2026-10-12'::date, '2026-11-14'::date, '1 day') AS d
                """, default, site.Channel.Value, site.Metering.Time.GetCurrentInstant());
        }

        await site.ValidateAsync();
        Assert.All((await site.SliceAsync(hole, end)).Qualities, q => Assert.Equal(IntervalQuality.Interpolated, q));
        await site.Run.TryAgainAsync(default);
        Assert.All((await site.SliceAsync(hole, end)).Qualities, q => Assert.Equal(IntervalQuality.Estimated, q));
        Assert.Equal(Register(end) - Register(hole), (await site.SliceAsync(hole, end)).Sum);
    }

    [Fact]
    public async Task An_estimate_over_days_follows_like_days_and_goes_from_all_of_them_when_a_reading_in_its_middle_comes()
    {
        var site = new ValidatedSite(database.Source);
        await site.ReadAsync((Gap + 1, DaysLater));
        Assert.Equal(1, (await site.ValidateAsync()).Estimates);
        var estimated = await site.SliceAsync(Gap, DaysLater);
        Assert.All(estimated.Qualities, q => Assert.Equal(IntervalQuality.Estimated, q));
        Assert.Equal(Register(DaysLater) - Register(Gap), estimated.Sum);

        // By the time of day, as on the days around: flat it would be half of these off by more than ten.
        Assert.All(Enumerable.Range(Gap, DaysLater - Gap), i => Assert.InRange(estimated.Quantities[i - Gap] - Used(i), -6, 6));

        // A reading in the middle: each side has its own advance now, and the old estimate stands nowhere, not even where the measured layer stayed as it was.
        var middle = Boundary("2026-11-04T12:00:00Z");
        await site.ReadLateAsync(middle, middle + 1);
        Assert.DoesNotContain(IntervalQuality.Estimated, (await site.SliceAsync(Gap, DaysLater)).Qualities);
        await site.ValidateAsync();
        Assert.Equal(Register(middle) - Register(Gap), (await site.SliceAsync(Gap, middle)).Sum);
        Assert.Equal(Register(DaysLater) - Register(middle), (await site.SliceAsync(middle, DaysLater)).Sum);
        Assert.DoesNotContain(IntervalQuality.Interpolated, (await site.SliceAsync(Gap, DaysLater)).Qualities);
        Assert.Empty(await site.Metering.VerifyAsync());
    }

    [Fact]
    public async Task A_meter_that_sends_nothing_is_noticed_and_what_comes_at_last_replaces_the_estimates()
    {
        var site = new ValidatedSite(database.Source);
        var silent = Boundary("2026-11-04T06:00:00Z");
        await site.ReadAsync((silent + 1, Slots + 1));
        await site.ValidateAsync();
        await site.Run.SweepAsync(default);

        // Two days pass, and nothing that anybody sends lists them.
        site.Metering.Time.Advance(TimeSpan.FromDays(2));
        Assert.Null(await site.Run.TakeDueAsync(100, default));
        var swept = await site.Run.SweepAsync(default);
        Assert.True(swept.Estimates > 0);
        var findings = await site.FindingsAsync("any");
        Assert.Equal(Enumerable.Range(0, 13).Select(i => new LocalDate(2026, 11, 4).PlusDays(i)), findings.Where(f => f.Rule == RuleNames.Gap).Select(f => f.Day).Order());
        Assert.Equal(Enumerable.Range(7, 6).Select(i => new LocalDate(2026, 11, 4).PlusDays(i)), findings.Where(f => f is { Rule: RuleNames.LongEstimates, State: "open" }).Select(f => f.Day).Order());
        Assert.Equal(0, (await site.Run.SweepAsync(default)).Days);

        await site.ReadLateAsync(silent + 1, Slots + 1);
        await site.ValidateAsync();
        var real = await site.SliceAsync(0, Slots);
        Assert.All(real.Qualities, q => Assert.Equal(IntervalQuality.Measured, q));
        Assert.Equal(Register(Slots), real.Sum);
    }

    [Fact]
    public async Task A_day_is_validated_six_hours_after_its_end_and_not_before()
    {
        var site = new ValidatedSite(database.Source);
        site.Metering.Time.AdjustTime(DateTimeOffset.Parse("2026-11-15T04:59:00Z"));
        var gap = Boundary("2026-11-14T12:00:00Z");
        await site.ReadAsync((gap + 1, gap + 4));
        await site.ValidateAsync();
        Assert.Empty(await site.FindingsAsync("any"));
        site.Metering.Time.Advance(TimeSpan.FromMinutes(2));
        await site.Run.SweepAsync(default);
        Assert.Equal((RuleNames.Gap, new LocalDate(2026, 11, 14)), Assert.Single(await site.FindingsAsync("any")) is var found ? (found.Rule, found.Day) : default);
    }

    [Fact]
    public async Task An_export_register_that_moves_where_no_export_is_registered_fails_the_day()
    {
        var site = new ValidatedSite(database.Source);
        var export = new Protocols.RegisterKey("acme", site.Metering.Register.Serial, Protocols.ObisCode.ActiveExport);
        await site.Metering.RegisterAsync(export);
        await site.ReadAsync();
        await site.Metering.JournalAsync(MeteringSite.Grid(export, MeteringSite.At("2026-11-03T00:00:00Z"), 20, i => 100 + (i > 5 ? 7 * i : 0)));
        await site.Metering.ProjectAsync();
        await site.ValidateAsync();
        var finding = Assert.Single(await site.FindingsAsync());
        Assert.Equal((RuleNames.ReverseEnergy, Verdict.Fail, new LocalDate(2026, 11, 3), 133m), (finding.Rule, finding.Verdict, finding.Day, finding.InQuestion));
    }

    [Fact]
    public async Task A_class_that_does_not_want_it_is_not_estimated()
    {
        await using var own = new MigratedDatabase();
        await own.InitializeAsync();
        var site = new ValidatedSite(own.Source);
        var load = await site.RuleSets.LoadAsync("""{"version":"by-hand","classes":[{"name":"all","estimation":{"automatic":false}}]}""", "tester", default);
        Assert.Equal(("by-hand", true), (load.Version, load.Loaded));
        await site.ReadAsync((Gap + 1, Gap + 4));
        Assert.Equal(0, (await site.ValidateAsync()).Estimates);
        var finding = Assert.Single(await site.FindingsAsync());
        Assert.Equal((RuleNames.Gap, Verdict.Suspect, "by-hand", "all"), (finding.Rule, finding.Verdict, finding.RuleSet, finding.ChannelClass));

        // The same document is no change; another one under its version is refused, and so is a bad one, with places.
        Assert.False((await site.RuleSets.LoadAsync("""{"version":"by-hand","classes":[{"name":"all","estimation":{"automatic":false}}]}""", "tester", default)).Loaded);
        Assert.NotEmpty((await site.RuleSets.LoadAsync("""{"version":"by-hand","classes":[{"name":"all"}]}""", "tester", default)).Problems);
        Assert.Equal("/classes/0/thresholds/spike", Assert.Single((await site.RuleSets.LoadAsync("""{"version":"x","classes":[{"name":"all","thresholds":{"spike":1}}]}""", "tester", default)).Problems).Path);
        await using var connection = await own.Source.OpenConnectionAsync();
        Assert.Equal(["tester by-hand"], await connection.RowsAsync("SELECT actor || ' ' || (after->>'version') FROM audit WHERE action = 'load-rule-set'", r => r.GetString(0), default));
    }
}
