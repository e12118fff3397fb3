using System.Text;
using Microsoft.Extensions.Time.Testing;
using NodaTime;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>Files that name another meter, or another unit, than files before them.</summary>
public sealed class ImportedMeterTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task A_later_file_that_names_another_meter_is_found_on_each_day_that_it_delivers_and_not_again_by_the_file_after_it()
    {
        await ImportAsync("OTHER", "M1", "KWH", 1, 2);
        await ImportAsync("OTHER", "M2", "KWH", 3, 4);
        await ImportAsync("OTHER", "M2", "KWH", 5, 6);
        var found = await FindingsAsync("OTHER");
        Assert.Equal([(RuleNames.MeterSerial, 3), (RuleNames.MeterSerial, 4)], found.Select(f => (f.Rule, f.Day.Day)));
        Assert.All(found, f => Assert.Equal((Verdict.Fail, "the meter serial number found is M2, and M1 is registered"), (f.Verdict, f.Words)));
    }

    [Fact]
    public async Task A_later_file_in_another_unit_is_found_and_one_in_other_letters_is_not()
    {
        await ImportAsync("UNIT", "M1", "KWH", 1, 2);
        await ImportAsync("UNIT", "M1", "kWh", 3, 3);
        await ImportAsync("UNIT", "M1", "WH", 4, 4);
        var found = Assert.Single(await FindingsAsync("UNIT"), f => f.Rule is RuleNames.Unit or RuleNames.MeterSerial);
        Assert.Equal((RuleNames.Unit, 4, "the unit found is WH, and KWH is registered"), (found.Rule, found.Day.Day, found.Words));
    }

    [Fact]
    public async Task An_older_day_sent_again_and_an_exchange_that_a_file_itself_states_are_no_findings()
    {
        await ImportAsync("AGAIN", "M1", "KWH", 1, 2);
        await ImportAsync("AGAIN", "M1", "KWH", 3, 3, more: ["200,AGAIN,E1,1,E1,N1,M2,KWH,30,", Day(4)]);
        await ImportAsync("AGAIN", "M1", "KWH", 1, 1, updated: "20260109000000");
        await ImportAsync("AGAIN", "M2", "KWH", 5, 5);
        await ImportAsync("AGAIN", "", "KWH", 6, 6);
        Assert.Empty(await FindingsAsync("AGAIN"));
    }

    private static string Day(int day, string updated = "20260108000000") => $"300,202601{day:00},{string.Join(',', Enumerable.Range(1, 48).Select(i => $"0.{500 + i}"))},A,,,{updated},";

    private async Task ImportAsync(string nmi, string serial, string unit, int from, int to, string updated = "20260108000000", params string[] more)
    {
        string[] lines = ["100,NEM12,202601020000,MDP,RET", $"200,{nmi},E1,1,E1,N1,{serial},{unit},30,", .. Enumerable.Range(from, to - from + 1).Select(d => Day(d, updated)), .. more, "900"];
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, string.Join('\n', lines), Encoding.UTF8);
            _time.Advance(TimeSpan.FromMinutes(1));
            var outcome = await new ImportRun(database.Source, _time).RunAsync(RawFile.At(file), new ImportFormat("nem12", $"{nmi}.csv"), "test", null, default);
            Assert.Equal("done", outcome.Record.State);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private async Task<List<FindingRow>> FindingsAsync(string nmi)
    {
        var run = new ValidationRun(database.Source, new RuleSets(database.Source, _time), _time);
        while (await run.TakeDueAsync(400, default) is not null)
        {
        }

        var channel = new ChannelKey(nmi, new Measurand(Quantity.ActiveEnergy, Direction.Import)).Id;
        var rows = await FindingWorklist.FindAsync(database.Source, new FindingQuery(State: "any", Channel: channel.Value), Instant.FromDateTimeOffset(_time.GetUtcNow()), null, 500, default);
        return [.. rows.OrderBy(r => r.Day)];
    }
}
