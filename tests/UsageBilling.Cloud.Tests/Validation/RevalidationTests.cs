using NodaTime;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tests.Imports;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Validation.ValidatedSite;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>What newly loaded limits are put to again.</summary>
public sealed class RevalidationTests : IAsyncLifetime
{
    private const string Lenient = """{"version":"lenient","classes":[{"name":"all","thresholds":{"spikeRatio":null,"peakRatio":null,"demandStepPercent":null}}]}""";

    private const string Strict = """{"version":"strict","classes":[{"name":"all"}]}""";

    private readonly MigratedDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Days_without_a_bill_and_open_findings_are_validated_again_in_pieces_that_a_restart_goes_on_with()
    {
        var site = new ValidatedSite(database.Source) { Spike = (Boundary("2026-11-03T09:00:00Z"), 5_000) };
        await site.ReadAsync();
        await site.ValidateAsync();
        Assert.Equal(2, (await site.FindingsAsync()).Count);

        // More channels than one piece takes.
        for (var i = 0; i < 12; i++)
        {
            await site.Metering.Administration.RegisterAsync(new ChannelRegistration(new ChannelKey($"p{i}", site.Metering.Channel.Measurand), 0, "Europe/Berlin"), default);
        }

        var load = await site.RuleSets.LoadAsync(Lenient, "anna", default);
        Assert.Equal((new LocalDate(2026, 9, 14), 35L, 2L), (load.Again!.Since, load.Again.Days, load.Again.OpenFindings));

        // What changed comes first: a UTC day, on which two local days lie.
        Assert.Null(await site.Decisions.EditDayAsync(site.Channel, new(2026, 11, 5), "anna", "read again", new IntervalEdit(40, [240]), default));
        Assert.Equal(2, (await site.Run.TakeDueAsync(400, default))!.Value.Days);
        Assert.Equal(0L, (await site.RuleSets.ListAsync(default))[0].Again!.DaysDone);
        Assert.NotNull(await site.Run.TakeDueAsync(400, default));
        Assert.Null((await site.RuleSets.ListAsync(default))[0].Again!.FinishedAt);

        // Another process takes it up.
        using var run = new ValidationRun(database.Source, new RuleSets(database.Source, site.Metering.Time), site.Metering.Time);
        Assert.NotNull(await run.TakeDueAsync(400, default));
        Assert.Null(await run.TakeDueAsync(400, default));
        var state = (await site.RuleSets.ListAsync(default))[0].Again!;
        Assert.Equal((35L, 35L, true), (state.DaysPlanned, state.DaysDone, state.FinishedAt is not null));
        Assert.All((await site.FindingsAsync("any")).Where(f => f.Rule is RuleNames.Spike or RuleNames.Peak), f => Assert.Equal("closed", f.State));
        Assert.Null((await site.RuleSets.LoadAsync(Lenient, "anna", default)).Again);
    }

    [Fact]
    public async Task Billed_days_and_old_ones_are_left_alone_but_for_open_findings()
    {
        var site = new ValidatedSite(database.Source) { Spike = (Boundary("2026-11-03T09:00:00Z"), 5_000) };
        await site.ReadAsync();
        await site.ValidateAsync();
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            Assert.True(await site.Metering.Store.PinAsync(connection, (await site.Metering.ReadAsync(Start, MeteringSite.At("2026-11-08T23:00:00Z"))).Manifest, default));
            await transaction.CommitAsync();
        }

        // UTC days 9 to 14 November no bill stands on; the findings of the 3rd are open.
        var load = await site.RuleSets.LoadAsync(Strict, "anna", default);
        Assert.Equal((6L, 2L), (load.Again!.Days, load.Again.OpenFindings));
        Assert.Equal(7, (await site.ValidateAsync()).Days);

        site.Metering.Time.Advance(TimeSpan.FromDays(100));
        load = await site.RuleSets.LoadAsync(Lenient, "anna", default);
        Assert.Equal(0L, load.Again!.Days);
        Assert.True(load.Again.OpenFindings >= 2);
        await site.ValidateAsync();
        Assert.DoesNotContain(await site.FindingsAsync(), f => f.Rule is RuleNames.Spike or RuleNames.Peak);
    }

    [Fact]
    public async Task Limits_loaded_over_a_set_that_is_not_through_take_over()
    {
        var site = new ValidatedSite(database.Source) { Spike = (Boundary("2026-11-03T09:00:00Z"), 5_000) };
        await site.ReadAsync();
        await site.ValidateAsync();
        await site.RuleSets.LoadAsync(Strict, "anna", default);
        site.Metering.Time.Advance(TimeSpan.FromMinutes(1));
        await site.RuleSets.LoadAsync(Lenient, "anna", default);
        await site.ValidateAsync();
        var sets = await site.RuleSets.ListAsync(default);
        Assert.Equal([("lenient", 35L), ("strict", 0L)], sets.Take(2).Select(s => (s.Version, s.Again!.DaysDone)));
        Assert.All(await site.FindingsAsync("any"), f => Assert.Equal("closed", f.State));
    }

    [Fact]
    public async Task Whoever_bills_waits_until_new_limits_are_put_to_every_day()
    {
        var site = new ValidatedSite(database.Source) { Spike = (Boundary("2026-11-03T09:00:00Z"), 5_000) };
        await site.ReadAsync();
        await site.ValidateAsync();
        await site.RuleSets.LoadAsync(Lenient, "anna", default);
        await ValidatedDays.Create(database.Source, site.Metering.Time).CatchUpAsync(default);
        Assert.Equal((35L, true), (await site.RuleSets.ListAsync(default))[0].Again is { } again ? (again.DaysDone, again.FinishedAt is not null) : default);
        Assert.Empty(await site.FindingsAsync());
    }

    [Fact]
    public async Task The_command_says_how_many_days_are_validated_again()
    {
        var folder = Directory.CreateTempSubdirectory("rules").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "rules.json"), Lenient);
            var ran = CloudProgram.Run(folder, "rules", "rules.json", "--database", database.Postgres.ServiceConnectionString);
            Assert.Equal((0, ""), (ran.Code, ran.Error));
            Assert.Matches("^lenient is in force\nvalidated again: 0 channel-days since \\d{4}-\\d\\d-\\d\\d that no bill stands on, and the days of 0 open findings\n$", ran.Output);
            Assert.Equal("lenient was loaded before\n", CloudProgram.Run(folder, "rules", "rules.json", "--database", database.Postgres.ServiceConnectionString).Output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
