using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;
using static UsageBilling.Cloud.Tests.Validation.RuledSite;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>What gateways say of clocks and meters, and what parked readings tell, on the days that it concerns and no others.</summary>
public sealed class RegisterEvidenceTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Duration Hour = Duration.FromHours(1);

    [Theory]
    [InlineData(170, null, null)]
    [InlineData(-300, Verdict.Suspect, "the clock was 300 s behind the reference; 180 s are allowed")]
    [InlineData(3_301, Verdict.Fail, "the clock was 3301 s ahead of the reference; 3300 s are allowed")]
    public async Task Readings_dated_by_a_wrong_clock_are_found_on_their_local_day_only(int seconds, Verdict? verdict, string? words)
    {
        var site = new RuledSite(database.Source);
        await site.ReadAsync(r => site.IsOn(r) ? null : r);
        await site.ReadOffAsync(r => site.Slot(r) is >= 0 and < 8, Duration.FromSeconds(seconds));
        await site.ReadOffAsync(r => site.Slot(r) >= 8, Duration.FromSeconds(seconds / 2));
        var found = await site.FindAsync();
        Assert.Equal(verdict is null ? [] : [(RuleNames.Clock, Day, verdict.Value, words!)], found.Select(f => (f.Rule, f.Day, f.Verdict, f.Words)));
    }

    [Fact]
    public async Task The_largest_offset_in_each_direction_is_kept_whatever_the_order_of_batches_and_replay_finds_it_again()
    {
        await using var own = new MigratedDatabase();
        await own.InitializeAsync();
        var rows = new List<string>();
        foreach (var order in new[] { new[] { 0, 1, 2 }, [2, 0, 1] })
        {
            var site = new RuledSite(own.Source);
            await site.ReadAsync(r => site.IsOn(r) ? null : r);
            (int First, int Seconds)[] parts = [(0, 300), (32, -400), (64, 200)];
            foreach (var (first, seconds) in order.Select(i => parts[i]))
            {
                await site.ReadOffAsync(r => site.Slot(r) >= first && site.Slot(r) < first + 32, Duration.FromSeconds(seconds));
                await site.Metering.ProjectAsync();
            }

            var last = parts[order[^1]];
            await site.Metering.JournalAsync(site.Readings().Where(r => site.Slot(r) == last.First), clockOffset: Duration.FromSeconds(last.Seconds), events:
                [new EventNote(Midnight, EventKinds.MeterSerial, site.Metering.Register, "other")]);
            await site.Metering.ProjectAsync();
            rows.Add(string.Join('\n', await RowsAsync(own, site)));
            Assert.Empty(await site.Metering.VerifyAsync());
        }

        Assert.Equal("""
            2026-11-11 300000 0 23:15 23:45
            2026-11-12 300000 400000 00:00 23:00
            other 2026-11-11 23:00
            """, rows[0]);
        Assert.Equal(rows[0], rows[1]);

        // Lost, made up and wrong: replay says how many, puts right what the journal knows, and names what it does not.
        var damaged = new RuledSite(own.Source);
        await damaged.ReadAsync(r => damaged.Slot(r) == 0 ? null : r);
        await damaged.ReadOffAsync(r => damaged.Slot(r) == 0, Duration.FromSeconds(300));
        await damaged.Metering.JournalAsync([], events: [new EventNote(Midnight, EventKinds.MeterSerial, damaged.Metering.Register, "other")]);
        await damaged.Metering.ProjectAsync();
        var before = await RowsAsync(own, damaged);
        await RunAsync(own, "UPDATE register_clock SET ahead_ms = 999999 WHERE register_id = $1", damaged);
        await RunAsync(own, "DELETE FROM register_other_meter WHERE register_id = $1", damaged);
        await RunAsync(own, "INSERT INTO register_clock VALUES ($1, '2026-11-01', 1, 0, '2026-11-01', '2026-11-01')", damaged);
        Assert.Equal(["register clock", "register clock", "register other meter"], (await damaged.Metering.VerifyAsync()).Select(d => d.Kind).Order());
        var totals = await new Replay(own.Source, damaged.Metering.Time).RunAsync(null, default);
        Assert.Equal((2, 1), (totals.Different, totals.Unexplained));
        Assert.Equal(before, (await RowsAsync(own, damaged)).Where(r => !r.StartsWith("2026-11-01", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_scale_that_does_not_fit_is_told_in_the_counts_of_both()
    {
        var site = new RuledSite(database.Source);
        await site.ReadAsync(r => r.At <= Midnight || r.At > NextMidnight ? r with { Value = r.Value / 10, Scale = 1 } : r, scale: 1);
        var found = Assert.Single(await site.FindAsync(), f => f.Rule == RuleNames.Multiplier);
        Assert.Equal((Day, "the multiplier found is 1 Wh a count, and 10 Wh a count is registered"), (found.Day, found.Words));
    }

    [Fact]
    public async Task Another_meter_that_answers_is_found_from_then_on_while_the_registered_one_is_silent()
    {
        var site = new RuledSite(database.Source);
        var (silent, back) = (Midnight + Hour, NextMidnight + Duration.FromDays(1) + Hour);
        await site.ReadAsync(r => r.At > silent && r.At < back ? null : r);
        await site.Metering.JournalAsync([], events: [new EventNote(silent + Hour, EventKinds.MeterSerial, site.Metering.Register, "X-77"), new EventNote(silent, "meter-failing", null, "meter m: no answer")]);
        var found = (await site.FindAsync()).Where(f => f.Rule == RuleNames.MeterSerial).OrderBy(f => f.Day).ToList();
        Assert.Equal([Day, Day.PlusDays(1)], found.Select(f => f.Day));
        Assert.All(found, f => Assert.Equal($"the meter serial number found is X-77, and {site.Metering.Register.Serial} is registered", f.Words));
    }

    [Fact]
    public async Task A_meter_that_nobody_registered_is_the_successor_only_where_the_registered_one_fell_silent_before()
    {
        var site = new RuledSite(database.Source);
        var neighbour = site.Metering.Key("N");
        await site.ReadAsync(r => site.IsOn(r) ? null : r);
        await site.Metering.JournalAsync(site.Readings().Where(r => r.At > Midnight - Hour && r.At < NextMidnight + Hour).Select(r => r with { Register = neighbour }));
        Assert.DoesNotContain(await site.FindAsync(), f => f.Rule is RuleNames.MeterSerial or RuleNames.Unit);

        var other = new RuledSite(database.Source);
        await other.ReadAsync(r => other.IsOn(r) ? r with { Register = new RegisterKey("elster", other.Metering.Key("B").Serial, r.Register.Obis) } : r);
        Assert.Equal(
            $"the meter serial number found is elster/{other.Metering.Key("B").Serial}, and {other.Metering.Register.Serial} is registered",
            Assert.Single(await other.FindAsync(), f => f.Rule == RuleNames.MeterSerial).Words);

        // Registered after all, and installed from then on: nothing of the sort is left.
        var moved = new RegisterKey("elster", other.Metering.Key("B").Serial, ObisCode.ActiveImport);
        await other.Metering.RegisterAsync(moved);
        await other.Metering.Administration.ExchangeAsync(
            new RegisterRemoval(other.Metering.Register, Midnight, null), new RegisterInstallation(other.Metering.Channel, moved, Midnight, null, 9, Fraction.One), default);
        Assert.Equal("closed", Assert.Single(await other.FindAsync(), f => f.Rule == RuleNames.MeterSerial).State);
    }

    [Fact]
    public async Task Export_that_nobody_registered_is_read_from_the_first_and_the_last_parked_batch_of_the_day()
    {
        var site = new RuledSite(database.Source);
        await site.ReadAsync();
        await site.ExportAsync();
        var found = Assert.Single(await site.FindAsync());
        Assert.Equal((RuleNames.ReverseEnergy, Day, 133m, Verdict.Fail), (found.Rule, found.Day, found.InQuestion, found.Verdict));

        var still = new RuledSite(database.Source);
        await still.ReadAsync();
        await still.ExportAsync(advance: 0);
        Assert.Empty(await still.FindAsync());
    }

    [Fact]
    public async Task What_comes_after_the_day_was_validated_and_changes_no_interval_is_found_all_the_same()
    {
        var site = new RuledSite(database.Source);
        await site.ReadAsync(r => r.At > NextMidnight && r.At < NextMidnight + Duration.FromDays(3) ? null : r);
        var before = (await site.FindAsync()).Where(f => f.State == "open").Select(f => f.Rule).ToList();
        Assert.DoesNotContain(RuleNames.Clock, before);
        await site.ReadOffAsync(r => site.Slot(r) == 40, Duration.FromSeconds(300));
        await site.Metering.JournalAsync(site.Readings().Where(r => site.Slot(r) == 41).Select(r => r with { Value = r.Value * 10 + 1, Scale = -1 }));
        await site.Metering.JournalAsync([], events: [new EventNote(NextMidnight + Hour, EventKinds.MeterSerial, site.Metering.Register, "X-77")]);
        var late = (await site.FindAsync()).Where(f => f.Rule is RuleNames.Clock or RuleNames.Multiplier or RuleNames.MeterSerial).OrderBy(f => f.Rule).ThenBy(f => f.Day);
        Assert.Equal(
            [(RuleNames.Clock, Day), (RuleNames.MeterSerial, Day.PlusDays(1)), (RuleNames.MeterSerial, Day.PlusDays(2)), (RuleNames.Multiplier, Day)],
            late.Select(f => (f.Rule, f.Day)));
    }

    private static async Task<List<string>> RowsAsync(MigratedDatabase database, RuledSite site)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return await connection.RowsAsync("""
            SELECT day || ' ' || ahead_ms || ' ' || behind_ms || ' ' || to_char(first_at AT TIME ZONE 'UTC', 'HH24:MI') || ' ' || to_char(last_at AT TIME ZONE 'UTC', 'HH24:MI')
            FROM register_clock WHERE register_id = $1
            UNION ALL SELECT serial || ' ' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM register_other_meter WHERE register_id = $1 ORDER BY 1
            """, r => r.GetString(0), default, site.Metering.Register.Id.Value);
    }

    private static async Task RunAsync(MigratedDatabase database, string sql, RuledSite site)
    {
        await using var admin = new NpgsqlConnection(database.Postgres.AdminConnectionString);
        await admin.OpenAsync();
        await using var command = new NpgsqlCommand(sql, admin);
        command.Parameters.Add(new() { Value = site.Metering.Register.Id.Value });
        await command.ExecuteNonQueryAsync();
    }
}
