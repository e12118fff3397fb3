using NodaTime;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using static UsageBilling.Cloud.Tests.Validation.RuledSite;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>Each rule from batches in the journal to a stored finding: what feeds it is really there.</summary>
public sealed class EveryRuleTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Dictionary<string, (Verdict Verdict, Func<RuledSite, Task> Fault)> Cases = new()
    {
        [RuleNames.Clock] = (Verdict.Suspect, async s =>
        {
            await s.ReadAsync(r => s.IsOn(r) ? null : r);
            await s.ReadOffAsync(s.IsOn, Duration.FromMinutes(-5));
        }),
        [RuleNames.Gap] = (Verdict.Note, s => s.ReadAsync(r => s.Slot(r) is 30 or 31 ? null : r)),
        [RuleNames.Duplicate] = (Verdict.Suspect, async s =>
        {
            await s.ReadAsync();
            await s.Metering.JournalAsync(s.Readings().Where(r => s.Slot(r) == 30).Select(r => r with { Value = r.Value + 1 }));
        }),
        [RuleNames.Spike] = (Verdict.Suspect, s => s.UseAsync(slot => slot == 40 ? 4_000 : null)),
        [RuleNames.SumCheck] = (Verdict.Fail, async s =>
        {
            await s.ReadAsync();
            Assert.Null(await s.Decisions.EditDayAsync(s.Channel, Day, "anna", "as told", new IntervalEdit(30, [9_000]), default));
        }),
        [RuleNames.HighLow] = (Verdict.Suspect, s => s.UseAsync((day, _) => day < 30 ? null : 5_000)),
        [RuleNames.Peak] = (Verdict.Suspect, s => s.UseAsync(slot => slot is > 40 and < 60 ? 2_000 : null)),
        [RuleNames.DemandStep] = (Verdict.Suspect, s => s.UseAsync(slot => slot is > 40 and < 60 ? 40_000 : null)),
        [RuleNames.Zero] = (Verdict.Suspect, s => s.UseAsync(_ => 0)),
        [RuleNames.Stuck] = (Verdict.Suspect, s => s.UseAsync(slot => slot is > 40 and < 60 ? 250 : null)),
        [RuleNames.ReverseEnergy] = (Verdict.Fail, async s =>
        {
            await s.ReadAsync();
            await s.ExportAsync();
        }),
        [RuleNames.Reactive] = (Verdict.Suspect, async s =>
        {
            await s.ReactiveAsync();
            await s.ReadAsync();
        }),
        [RuleNames.Rollover] = (Verdict.Note, s => s.ReadAsync(r => r with { Value = (r.Value + 1_000_000 - s.Total(Midnight + Duration.FromHours(9))) % 1_000_000 }, digits: 6)),
        [RuleNames.Multiplier] = (Verdict.Fail, s => s.ReadAsync(scale: 1)),
        [RuleNames.Unit] = (Verdict.Fail, async s =>
        {
            var reactive = new RegisterKey(s.Metering.Register.Manufacturer, s.Metering.Register.Serial, ObisCode.ReactiveImport);
            await s.ReadAsync(r => s.IsOn(r) ? r with { Register = reactive } : r);
        }),
        [RuleNames.IntervalLength] = (Verdict.Fail, s => s.ReadAsync(r =>
            r.At > Midnight - Duration.FromDays(1) && r.At <= NextMidnight + Duration.FromDays(1) && r.At.ToUnixTimeSeconds() % 1_800 != 0 ? null : r)),
        [RuleNames.MeterSerial] = (Verdict.Fail, s => s.ReadAsync(r => s.IsOn(r) ? r with { Register = s.Metering.Key("B") } : r)),
        [RuleNames.PulseOverflow] = (Verdict.Suspect, s => s.ReadAsync(r => s.Slot(r) == 30 ? r with { Quality = ReadingQuality.PulsesLost } : r)),
        [RuleNames.TestMode] = (Verdict.Fail, s => s.ReadAsync(r => s.Slot(r) == 30 ? r with { Quality = ReadingQuality.MeterFault } : r)),
        [RuleNames.InactiveDevice] = (Verdict.Fail, async s =>
        {
            await s.EmptyPointAsync();
            await s.ReadAsync();
        }),
        [RuleNames.LongEstimates] = (Verdict.Suspect, s => s.ReadAsync(r => r.At > Midnight - Duration.FromDays(8) && r.At <= NextMidnight ? null : r)),
    };

    public static TheoryData<string> Rules => [.. RuleNames.All];

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task A_fault_in_the_data_becomes_a_finding_of_its_rule(string rule)
    {
        var (verdict, fault) = Cases[rule];
        var site = new RuledSite(database.Source);
        await fault(site);
        var found = await site.FindAsync();
        Assert.Contains(found, f => f.Rule == rule && f.Verdict == verdict && (f.Day == Day || rule == RuleNames.HighLow));
    }

    [Fact]
    public async Task Days_without_a_fault_have_no_finding()
    {
        var site = new RuledSite(database.Source);
        await site.ReadAsync();
        Assert.Empty(await site.FindAsync());
    }
}
