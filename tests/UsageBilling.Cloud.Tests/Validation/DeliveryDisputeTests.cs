using Microsoft.Extensions.Time.Testing;
using NodaTime;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>What files say differently about one interval: which value stands, whatever the order of the files, and what validation makes of it.</summary>
public sealed class DeliveryDisputeTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero));
    private readonly string _folder = Directory.CreateTempSubdirectory("disputes").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_final_substitute_stands_over_an_earlier_actual_in_any_order_and_the_day_says_so()
    {
        foreach (var (nmi, order) in new[] { ("VA", new[] { 0, 1 }), ("VB", [1, 0]) })
        {
            string[] files = [Nem12(nmi, "1.5", "A", "20261103000000"), Nem12(nmi, "1.25", "F14", "20261105000000")];
            foreach (var i in order)
            {
                await ImportAsync(files[i], "nem12", nmi);
            }

            Assert.Equal((60_000_000L, IntervalQuality.Estimated), await DayAsync(nmi));
            var finding = Assert.Single(await FindingsAsync(nmi), f => f.Day == new LocalDate(2026, 11, 2));
            Assert.Equal((Verdict.Suspect, 48m, 0m), (finding.Verdict, finding.Measured["replaced"], finding.Measured["conflicts"]));
            Assert.Contains("gave way to a later version of their source", finding.Words, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_null_of_a_later_version_takes_the_value_back_in_any_order()
    {
        foreach (var (nmi, order) in new[] { ("NA", new[] { 0, 1 }), ("NB", [1, 0]) })
        {
            string[] files = [Nem12(nmi, "1.5", "A", "20261103000000"), Nem12(nmi, "0", "N", "20261105000000")];
            foreach (var i in order)
            {
                await ImportAsync(files[i], "nem12", nmi);
            }

            Assert.Equal((0L, IntervalQuality.Missing), await DayAsync(nmi));
            await ImportAsync(Nem12(nmi, "2", "A", "20261106000000"), "nem12", nmi);
            Assert.Equal((96_000_000L, IntervalQuality.Measured), await DayAsync(nmi));
        }
    }

    [Fact]
    public async Task A_lesser_value_without_a_version_is_not_taken_and_named_although_no_interval_changed()
    {
        await ImportAsync(Csv("CA", "1.5", "measured"), "csv", "CA");
        await ValidateAsync();
        Assert.Empty(await FindingsAsync("CA"));
        _time.Advance(TimeSpan.FromHours(1));
        await ImportAsync(Csv("CA", "1.25", "estimated"), "csv", "CA");
        Assert.Equal((72_000_000L, IntervalQuality.Measured), await DayAsync("CA"));
        var finding = Assert.Single(await FindingsAsync("CA"), f => f.Day == new LocalDate(2026, 11, 2));
        Assert.Equal((Verdict.Suspect, 0m, 48m), (finding.Verdict, finding.Measured["replaced"], finding.Measured["conflicts"]));
    }

    private async Task ImportAsync(string file, string format, string point)
    {
        var outcome = await new ImportRun(database.Source, _time).RunAsync(RawFile.At(file), new ImportFormat(format, Path.GetFileName(file), "Australia/Brisbane", point), "test", null, default);
        Assert.Equal("done", outcome.Record.State);
    }

    private async Task ValidateAsync()
    {
        var run = new ValidationRun(database.Source, new RuleSets(database.Source, _time), _time);
        while (await run.TakeDueAsync(400, default) is not null)
        {
        }
    }

    private async Task<List<FindingRow>> FindingsAsync(string point)
    {
        await ValidateAsync();
        return await FindingWorklist.FindAsync(database.Source, new FindingQuery(RuleNames.Duplicate, State: "open", Channel: Key(point).Id.Value), Instant.FromDateTimeOffset(_time.GetUtcNow()), null, 500, default);
    }

    // 2 November in Brisbane, which is a market day.
    private async Task<(long Sum, IntervalQuality Worst)> DayAsync(string point)
    {
        // Where nothing was ever known there is no row.
        var (sum, worst, slots) = (0L, IntervalQuality.Measured, 0);
        var (from, to) = (Instant.FromUtc(2026, 11, 1, 14, 0), Instant.FromUtc(2026, 11, 2, 14, 0));
        await foreach (var day in ChannelDays.ReadAsync(database.Source, Key(point).Id, new LocalDate(2026, 11, 1), new LocalDate(2026, 11, 3), default))
        {
            for (var slot = 0; slot < day.Intervals.Slots; slot++)
            {
                var at = day.Day.AtMidnight().InUtc().ToInstant() + Duration.FromMinutes((long)slot * day.Intervals.IntervalMinutes);
                if (at >= from && at < to)
                {
                    slots++;
                    sum += day.Intervals.Quantities[slot];
                    worst = (IntervalQuality)Math.Min((byte)worst, day.Intervals.Qualities[slot]);
                }
            }
        }

        return (sum, slots == 0 ? IntervalQuality.Missing : worst);
    }

    private static ChannelKey Key(string point) => new(point, new Measurand(Quantity.ActiveEnergy, Direction.Import));

    private string Nem12(string nmi, string value, string quality, string updated) => Write(
        $"{nmi}-{quality}-{updated}.csv", "100,NEM12,202611020000,MDP,RET", $"200,{nmi},E1,1,E1,N1,METER,kWh,30,", $"300,20261102,{string.Join(',', Enumerable.Repeat(value, 48))},{quality},,,{updated},", "900");

    private string Csv(string name, string value, string quality) => Write(
        $"{name}-{quality}.csv", ["start,kwh,quality", .. Enumerable.Range(0, 48).Select(i => $"2026-11-02 {i / 2:00}:{i % 2 * 30:00},{value},{quality}")]);

    private string Write(string name, params string[] lines)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }
}
