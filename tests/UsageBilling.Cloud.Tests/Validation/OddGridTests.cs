using System.Globalization;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Metering.Virtual;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>Hours in zones whose midnight lies within an hour of UTC, and channels that cannot be validated at all.</summary>
public sealed class OddGridTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    private const int Hours = 240;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero));
    private readonly string _folder = Directory.CreateTempSubdirectory("grids").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Hours_of_a_zone_with_a_half_hour_offset_are_kept_as_half_hours_with_their_sum_and_validated()
    {
        await ImportAsync("ADELAIDE", "Australia/Adelaide");
        var days = await DaysAsync("ADELAIDE");
        Assert.All(days, d => Assert.Equal(30, d.Intervals.IntervalMinutes));
        Assert.Equal(Total(), days.Sum(d => d.Intervals.Quantities.ToArray().Sum()));
        await ValidateAsync();
        Assert.Empty(await NotValidatedAsync("ADELAIDE"));
    }

    [Fact]
    public async Task A_formula_in_such_a_zone_over_hours_of_another_is_kept_as_half_hours_too()
    {
        await ImportAsync("UTC-HOURS", "Etc/UTC");
        Assert.All(await DaysAsync("UTC-HOURS"), d => Assert.Equal(60, d.Intervals.IntervalMinutes));
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await VirtualChannels.RegisterAsync(
                connection, [new VirtualRegistration(Key("KOLKATA"), "Asia/Kolkata", new Combination([Key("UTC-HOURS").Id], []))], _time.GetCurrentInstant(), default);
            await transaction.CommitAsync();
        }

        while (await VirtualDays.ComputeDueAsync(database.Source, _time.GetCurrentInstant(), default) > 0)
        {
        }

        var days = await DaysAsync("KOLKATA");
        Assert.All(days, d => Assert.Equal(30, d.Intervals.IntervalMinutes));
        Assert.Equal(Total(), days.Sum(d => d.Intervals.Quantities.ToArray().Sum()));
    }

    [Fact]
    public async Task A_channel_that_cannot_be_validated_has_a_finding_that_says_why_and_stops_no_other_until_it_can()
    {
        await ImportAsync("BROKEN", "Etc/UTC");
        await ImportAsync("SOUND", "Etc/UTC");
        await ZoneAsync("Asia/Kolkata");
        await ValidateAsync();
        var broken = await NotValidatedAsync("BROKEN");
        Assert.NotEmpty(broken);
        Assert.All(broken, f => Assert.Equal(Verdict.Fail, f.Verdict));
        Assert.Contains("is not on the 60-minute grid of its days", broken[0].Words, StringComparison.Ordinal);
        Assert.Empty(await NotValidatedAsync("SOUND"));

        // Tried again in vain, it leaves no second trace.
        var events = await EventsAsync();
        await Run().TryAgainAsync(default);
        await ValidateAsync();
        Assert.Equal(events, await EventsAsync());

        await ZoneAsync("Etc/UTC");
        await Run().TryAgainAsync(default);
        await ValidateAsync();
        Assert.Empty(await NotValidatedAsync("BROKEN"));
    }

    // What nobody can do: the zone of a channel is fixed when it is made.
    private async Task ZoneAsync(string zone)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await connection.RunAsync("UPDATE channel SET zone = $1 WHERE channel_id = $2", default, zone, Key("BROKEN").Id.Value);
    }

    private async Task<long> EventsAsync()
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return (await connection.RowsAsync("SELECT count(*) FROM finding_event WHERE channel_id = $1", r => r.GetInt64(0), default, Key("BROKEN").Id.Value))[0];
    }

    private async Task ImportAsync(string point, string zone)
    {
        var text = new StringBuilder("start,kwh\n");
        for (var hour = 0; hour < Hours; hour++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{new DateTime(2026, 11, 1).AddHours(hour):yyyy-MM-ddTHH:mm:ss}+10:00,{Watthours(hour) / 1000}.{Watthours(hour) % 1000:000}\n");
        }

        var file = Path.Combine(_folder, point + ".csv");
        await File.WriteAllTextAsync(file, text.ToString());
        var outcome = await new ImportRun(database.Source, _time).RunAsync(RawFile.At(file), new ImportFormat("csv", Path.GetFileName(file), zone, point), "test", null, default);
        Assert.Equal("done", outcome.Record.State);
    }

    private static long Watthours(int hour) => 1_001 + (hour % 24) + (hour / 24 % 5);

    // A channel made by an import counts in thousandths of a watt-hour.
    private static long Total() => 1_000 * Enumerable.Range(0, Hours).Sum(Watthours);

    private ValidationRun Run() => new(database.Source, new RuleSets(database.Source, _time), _time);

    private async Task ValidateAsync()
    {
        using var run = Run();
        while (await run.TakeDueAsync(400, default) is not null)
        {
        }
    }

    private Task<List<FindingRow>> NotValidatedAsync(string point) =>
        FindingWorklist.FindAsync(database.Source, new FindingQuery(RuleNames.NotValidated, State: "open", Channel: Key(point).Id.Value), _time.GetCurrentInstant(), null, 500, default);

    private async Task<List<StoredDay>> DaysAsync(string point)
    {
        var days = new List<StoredDay>();
        await foreach (var day in ChannelDays.ReadAsync(database.Source, Key(point).Id, new LocalDate(2026, 10, 30), new LocalDate(2026, 11, 15), default))
        {
            days.Add(new StoredDay(day.Day, day.Intervals));
        }

        return days;
    }

    private static ChannelKey Key(string point) => new(point, new Measurand(Quantity.ActiveEnergy, Direction.Import));

    private sealed record StoredDay(LocalDate Day, IntervalDay Intervals);
}
