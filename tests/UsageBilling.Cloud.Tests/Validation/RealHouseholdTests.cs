using System.Globalization;
using System.IO.Compression;
using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>The half-hours of a real household, as a register that gateways read.</summary>
public class RealHouseholdTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Duration HalfHour = Duration.FromMinutes(30);

    [Fact]
    public async Task Its_holes_are_estimated_and_its_sum_stays()
    {
        Assert.SkipWhen(SharedCases.Root is null, SharedCases.Absent);
        var readings = Read(Instant.FromUtc(2026, 11, 20, 0, 0));
        var site = new MeteringSite(database.Source);
        await site.Administration.RegisterAsync(new RegisterRegistration(site.Register, 0, 30), default);
        await site.Administration.RegisterAsync(new ChannelRegistration(site.Channel, 0, "Europe/Berlin"), default);
        await site.Administration.InstallAsync(new RegisterInstallation(site.Channel, site.Register, readings[0].At, 0, 12, Fraction.One), default);
        foreach (var batch in readings.Select(r => new Reading(site.Register, r.At, r.Value, 0, ReadingQuality.Good)).Chunk(1_000))
        {
            await site.JournalAsync(batch);
        }

        await site.ProjectAsync();
        var run = new ValidationRun(database.Source, new RuleSets(database.Source, site.Time), site.Time);
        var estimates = 0;
        while (await run.TakeDueAsync(400, default) is { } done)
        {
            estimates += done.Estimates;
        }

        var profile = (await site.ReadAsync(readings[0].At, readings[^1].At)).Profile;
        Assert.Equal(5_554_874, profile.Quantities.ToArray().Sum());
        var counts = profile.Qualities.ToArray().GroupBy(q => (IntervalQuality)q).ToDictionary(g => g.Key, g => g.Count());

        // Four single half-hours and one hole of 48, and the half-hour after each, whose beginning nobody read.
        Assert.Equal((57, 2), (counts[IntervalQuality.Estimated], counts.Count));
        Assert.True(estimates >= 5); // and the days after its last reading, on which it is silent
        var findings = await FindingWorklist.FindAsync(database.Source, new FindingQuery(RuleNames.Gap, State: "any", Channel: site.Channel.Id.Value), site.Time.GetCurrentInstant(), null, 500, default);
        Assert.All(findings.Where(f => f.Day < readings[^1].At.InUtc().Date), f => Assert.Equal("estimated", f.State));
    }

    private static List<(Instant At, long Value)> Read(Instant before)
    {
        using var text = new StreamReader(new GZipStream(File.OpenRead(SharedCases.Path("data", "profiles", "uk-halfhourly-2012-2014-LCL-like.csv.gz")!), CompressionMode.Decompress));
        var rows = new SortedDictionary<Instant, decimal>();
        while (text.ReadLine() is { } line)
        {
            if (DateTimeOffset.TryParse(line[..Math.Min(19, line.Length)] + "Z", CultureInfo.InvariantCulture, out var end))
            {
                rows[Instant.FromDateTimeOffset(end)] = decimal.Parse(line[20..], CultureInfo.InvariantCulture);
            }
        }

        var shift = Duration.FromDays(7 * (long)((before - rows.Keys.Last()).TotalDays / 7));
        var readings = new List<(Instant, long)> { (rows.Keys.First() + shift - HalfHour, 0) };
        var sum = 0m;
        foreach (var (end, used) in rows)
        {
            sum += used;
            readings.Add((end + shift, (long)decimal.Round(sum * 1_000, MidpointRounding.AwayFromZero)));
        }

        return readings;
    }
}
