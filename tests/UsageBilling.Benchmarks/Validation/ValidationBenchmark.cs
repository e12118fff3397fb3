using System.Diagnostics;
using System.Globalization;
using NodaTime;
using UsageBilling.Cloud;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Edge.Simulator.Loads;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using ChannelDay = UsageBilling.Metering.Validation.ChannelDay;
using Gap = UsageBilling.Metering.Estimation.Gap;

namespace UsageBilling.Benchmarks.Validation;

/// <summary>
/// Channel-days validated and estimated in a second: by the pure functions alone, and with everything that they need read from PostgreSQL and what they find written back.
/// Households of the simulator, quarter-hours, thirteen weeks; one gap of six hours a channel and week in the last four.
/// </summary>
internal static class ValidationBenchmark
{
    private const int Channels = 200;
    private const int Days = 91;
    private const int Validated = 28;
    private static readonly LocalDate First = new(2026, 3, 2);
    private static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    public static async Task RunAsync()
    {
        Environment.SetEnvironmentVariable("Logging__LogLevel__Default", "Warning");
        Console.WriteLine($"""
            # Validation

            {Machine.Date()}; {Machine.Describe()}; load average at the start: {Machine.Load()}

            {Channels} channels × {Validated} local days, all {RuleNames.All.Length} rules; {Channels * Validated / 7} gaps of 24 intervals, filled from like days. Floor: the plain sum of the same days' arrays. Median of 5 rounds after 3 s of warming up, one thread.

            | what | channel-days/s | gaps/s | ratio to the floor |
            |---|---|---|---|
            """);
        var profiles = Enumerable.Range(0, Channels).Select(Profile).ToArray();
        Pure(profiles);
        await StoredAsync(profiles);
        Console.WriteLine($"\nload average at the end: {Machine.Load()}");
    }

    private static void Pure(LoadProfile[] profiles)
    {
        var floor = Median(() => profiles.Sum(p => p.Quantities.Slice(p.Length - (96 * Validated)).Span.ToArray().Sum()));
        var channel = RuleSet.Default.ClassOf(Key(0));
        var validate = Median(() => profiles.Select((p, i) => Validate(p, Key(i), channel.Thresholds)).Sum());
        var estimate = Median(() => profiles.Sum(p => Estimate(p, channel.Estimation)));
        Row("the plain sum of the days", Channels * Validated / floor, null, 1);
        Row("validate", Channels * Validated / validate, null, validate / floor);
        Row("estimate", null, Channels * Validated / 7 / estimate, estimate / floor);
    }

    private static long Validate(LoadProfile profile, ChannelKey key, Thresholds limits)
    {
        var history = new Dictionary<LocalDate, DaySummary>();
        var found = 0L;
        for (var i = 1; i < Days - 1; i++)
        {
            var date = First.PlusDays(i);
            var span = LocalDay.Of(date, Zone);
            var (from, count) = ((int)((span.Start - profile.Start).TotalMinutes / 15), (int)(span.Duration.TotalMinutes / 15));
            var day = new ChannelDay(
                key.Id, date, new LoadProfile(profile.Measurand, 0, span.Start, 15, profile.Quantities.Slice(from, count), profile.Qualities.Slice(from, count)), DayEvidence.None, history);
            found += i >= Days - Validated ? Validator.Run(day, limits).Length : 0;
            history[date] = day.Summarise();
        }

        return found;
    }

    private static long Estimate(LoadProfile profile, EstimationLimits limits)
    {
        var window = new EstimationWindow(profile, Zone);
        return Gap.Find(profile, null).Sum(g => Estimator.Fill(g, window, limits)!.Quantities.Sum());
    }

    private static async Task StoredAsync(LoadProfile[] profiles)
    {
        var state = Directory.CreateTempSubdirectory("usage-benchmark-").FullName;
        try
        {
            await using var database = await CloudDatabase.OpenAsync(new CloudSettings { State = state, HttpPort = 0, MqttPort = 0 }, default);
            await DeliverAsync(database, profiles);
            var sets = new RuleSets(database.Source, TimeProvider.System);
            var run = new ValidationRun(database.Source, sets, TimeProvider.System);
            var clock = Stopwatch.StartNew();
            var done = default(ValidationProgress);
            while (await run.TakeDueAsync(400, default) is { } more)
            {
                done += more;
            }

            var seconds = clock.Elapsed.TotalSeconds;
            Row("validate and estimate what is stored, findings and estimates written", done.Days / seconds, done.Estimates / seconds, null);
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static async Task DeliverAsync(CloudDatabase database, LoadProfile[] profiles)
    {
        var administration = new RegisterAdministration(database.Source, TimeProvider.System);
        var now = Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow());
        for (var i = 0; i < profiles.Length; i++)
        {
            await administration.RegisterAsync(new ChannelRegistration(Key(i), 0, Zone.Id, ChannelFeed.Deliveries), default);
            await using var connection = await database.Source.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            var days = Enumerable.Range(0, Days).Select(d => new DeliveredDay(Key(i).Id, First.PlusDays(d), Day(profiles[i], d), now)).ToArray();
            await ChannelDeliveries.DeliverAsync(connection, Guid.NewGuid(), days, now, default);
            await transaction.CommitAsync();
        }
    }

    private static IntervalDay Day(LoadProfile profile, int day)
    {
        var (quantities, qualities) = (profile.Quantities.Slice(96 * day, 96).ToArray(), profile.Qualities.Slice(96 * day, 96).ToArray());
        for (var i = 0; i < 96; i++)
        {
            // A slot that was not delivered has no quantity.
            (quantities[i], qualities[i]) = qualities[i] == (byte)IntervalQuality.Measured ? (quantities[i], qualities[i]) : (0, (byte)IntervalQuality.Missing);
        }

        return new IntervalDay(15, quantities, qualities);
    }

    private static ChannelKey Key(int channel) => new($"bench-{channel}", new Measurand(Quantity.ActiveEnergy, Direction.Import));

    private static LoadProfile Profile(int channel)
    {
        var start = UtcDay.StartOf(First);
        var flow = new CumulativeLoad(Load.Of("household", 3_500_000_000, 0), Noise.Of(7, $"bench-{channel}"), Offset.FromHours(1), start);
        var (quantities, qualities) = (new long[96 * Days], new byte[96 * Days]);
        var before = 0L;
        for (var i = 0; i < quantities.Length; i++)
        {
            var at = flow.At(start + Duration.FromMinutes(15L * (i + 1))).Import / 1_000;
            (quantities[i], before) = (at - before, at);
            var day = i / 96;
            qualities[i] = (byte)(day >= Days - Validated && day % 7 == channel % 7 && i % 96 is >= 40 and < 64 ? IntervalQuality.Interpolated : IntervalQuality.Measured);
        }

        return new LoadProfile(Key(channel).Measurand, 0, start, 15, quantities, qualities);
    }

    private static double Median(Func<long> work)
    {
        // A service runs for days: what is measured is the code it ends up with, not the one that counts its own branches before that.
        for (var warm = Stopwatch.StartNew(); warm.Elapsed.TotalSeconds < 3;)
        {
            GC.KeepAlive(work());
        }

        var seconds = new List<double>();
        for (var round = 0; round < 5; round++)
        {
            var clock = Stopwatch.StartNew();
            GC.KeepAlive(work());
            seconds.Add(clock.Elapsed.TotalSeconds);
        }

        return seconds.Order().ElementAt(2);
    }

    private static void Row(string what, double? days, double? gaps, double? ratio) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {days:#,0} | {gaps:#,0} | {ratio:0.0} |"));
}
