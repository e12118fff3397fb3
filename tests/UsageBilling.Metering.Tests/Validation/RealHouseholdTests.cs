using System.Globalization;
using System.IO.Compression;
using NodaTime;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Testing;
using Gap = UsageBilling.Metering.Estimation.Gap;

namespace UsageBilling.Metering.Tests.Validation;

/// <summary>Real meters: what the rules say of it, and that its holes are filled.</summary>
public class RealHouseholdTests
{
    [Fact]
    public void The_rules_find_its_holes_and_nothing_else_and_estimation_fills_them()
    {
        var profile = Read("uk-halfhourly-2012-2014-LCL-like.csv.gz", 30);
        var (days, found) = Validate(profile);

        // Of four single holes one lies on the first day, which is not whole; the one of 48 is a day.
        Assert.Equal((469, 4), (days, Assert.Single(found, f => f.Key == RuleNames.Gap).Value));
        Assert.Single(found);

        var gaps = Gap.Find(profile, null);
        Assert.Equal([1, 1, 1, 1, 48], gaps.Select(g => g.Count).Order());
        var window = new EstimationWindow(profile, DateTimeZone.Utc);
        var filled = gaps.Select(g => Estimator.Fill(g, window, new EstimationLimits())!).ToArray();
        Assert.Equal(4, filled.Count(f => f.Method == EstimationMethod.Linear));
        Assert.Equal(EstimationMethod.AverageLikeDays, filled.Single(f => f.Gap.Count == 48).Method);
        Assert.All(filled, f => Assert.All(f.Quantities, q => Assert.True(q >= 0)));
    }

    [Fact]
    public void On_a_large_real_house_what_it_takes_at_its_usual_peak_is_no_spike()
    {
        var profile = Read("il-electricity-cdd-hdd-hourly.csv.gz", 60);
        var limits = RuleSet.Default.ClassOf(A.Channel).Thresholds;
        var (days, found) = Validate(profile, limits with { SpikeUsual = null });
        Assert.Equal((808, 36), (days, found[RuleNames.Spike]));
        (days, found) = Validate(profile, limits);
        Assert.Equal((808, 11), (days, found[RuleNames.Spike]));
        Assert.InRange(found.Where(f => f.Key is not RuleNames.Spike).Sum(f => f.Value), 0, 1);
    }

    private static (int Days, Dictionary<string, int> Found) Validate(LoadProfile profile, Thresholds? thresholds = null)
    {
        var history = new Dictionary<LocalDate, DaySummary>();
        var found = new Dictionary<string, int>();
        var (days, slots) = (0, 1440 / profile.IntervalMinutes);
        var limits = thresholds ?? RuleSet.Default.ClassOf(A.Channel).Thresholds;
        for (var date = profile.Start.InUtc().Date.PlusDays(1); date < profile.End.InUtc().Date; date = date.PlusDays(1), days++)
        {
            var start = date.AtMidnight().InUtc().ToInstant();
            var from = (int)((start - profile.Start).TotalMinutes / profile.IntervalMinutes);
            var day = new ChannelDay(
                A.Channel.Id, date, new LoadProfile(profile.Measurand, 0, start, profile.IntervalMinutes, profile.Quantities.Slice(from, slots), profile.Qualities.Slice(from, slots)),
                new DayEvidence { LastValid = profile.Quantities.Span[from - 1] }, history);
            foreach (var finding in Validator.Run(day, limits))
            {
                found[finding.Rule] = found.GetValueOrDefault(finding.Rule) + 1;
            }

            history[date] = day.Summarise();
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{days} days: {string.Join(", ", found.Select(f => $"{f.Key} {f.Value}"))}");
        return (days, found);
    }

    /// <summary>Stamps are ends of intervals; kWh become Wh; a stamp that comes twice says the same.</summary>
    private static LoadProfile Read(string name, int minutes)
    {
        Assert.SkipWhen(SharedCases.Root is null, SharedCases.Absent);
        using var file = new GZipStream(File.OpenRead(SharedCases.Path("data", "profiles", name)!), CompressionMode.Decompress);
        using var lines = new StreamReader(file);
        var values = new SortedDictionary<Instant, long>();
        while (lines.ReadLine() is { } line)
        {
            var cells = line.Split(',');
            if (DateTimeOffset.TryParse(cells[0], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) && decimal.TryParse(cells[^1], CultureInfo.InvariantCulture, out var kilowattHours))
            {
                values[Instant.FromDateTimeOffset(at) - Duration.FromMinutes(minutes)] = (long)(kilowattHours * 1_000);
            }
        }

        var (from, to) = (values.Keys.First(), values.Keys.Last() + Duration.FromMinutes(minutes));
        var count = (int)((to - from).TotalMinutes / minutes);
        var (quantities, qualities) = (new long[count], new byte[count]);
        foreach (var (at, value) in values)
        {
            var index = (int)((at - from).TotalMinutes / minutes);
            (quantities[index], qualities[index]) = (value, (byte)IntervalQuality.Measured);
        }

        return new LoadProfile(A.Channel.Measurand, 0, from, minutes, quantities, qualities);
    }
}
