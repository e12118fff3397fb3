using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>A meter in Berlin with five weeks of readings that no rule minds, on a database of its own, and everything that validates it.</summary>
internal sealed class ValidatedSite
{
    public static readonly Instant Start = MeteringSite.At("2026-10-11T22:00:00Z");
    
    /// <summary>To midnight of 14 November: 34 days, one of them of 25 hours.</summary>
    public const int Slots = (34 * 96) + 4;


    public ValidatedSite(NpgsqlDataSource database)
    {
        Database = database;
        Metering = new MeteringSite(database, "2026-11-15T12:00:00Z");
        RuleSets = new RuleSets(database, Metering.Time);
        Run = new ValidationRun(database, RuleSets, Metering.Time);
        Decisions = new FindingDecisions(database, RuleSets, Metering.Time);
    }

    public NpgsqlDataSource Database { get; }

    public MeteringSite Metering { get; }

    public RuleSets RuleSets { get; }

    public ValidationRun Run { get; }

    public FindingDecisions Decisions { get; }

    public ChannelId Channel => Metering.Channel.Id;

    /// <summary>Wh of an interval: 200 to 295 by the time of day, a little more on later days.</summary>
    public static long Used(int slot)
    {
        // The clocks went back at 01:00 UTC on 25 October.
        var local = slot < 1_260 ? slot : slot - 4;
        return 200 + (local % 96) + (local / 96 % 7);
    }

    public static long Register(int boundary)
    {
        var sum = 0L;
        for (var i = 0; i < boundary; i++)
        {
            sum += Used(i);
        }

        return sum;
    }

    /// <summary>Boundary of a local time on a date: the clocks went back on 25 October.</summary>
    public static int Boundary(string utc) => (int)((MeteringSite.At(utc) - Start).TotalMinutes / 15);

    /// <summary>Wh that one interval has on top: a spike.</summary>
    public (int Slot, long By)? Spike { get; init; }

    /// <summary>Installs the meter and reads it, but for boundaries [from, to).</summary>
    public async Task ReadAsync(params (int From, int To)[] lost)
    {
        await Metering.InstallAsync(Start, 0);
        await TakeAsync(Readings().Where((_, i) => !lost.Any(l => i >= l.From && i < l.To)));
    }

    /// <summary>The boundaries [from, to) come late.</summary>
    public async Task ReadLateAsync(int from, int to)
    {
        await TakeAsync(Readings().Skip(from).Take(to - from));
    }

    private async Task TakeAsync(IEnumerable<Reading> readings)
    {
        foreach (var batch in readings.Chunk(1_000))
        {
            await Metering.JournalAsync(batch);
        }

        await Metering.ProjectAsync();
    }

    public async Task<ValidationProgress> ValidateAsync()
    {
        var done = default(ValidationProgress);
        while (await Run.TakeDueAsync(400, default) is { } more)
        {
            done += more;
        }

        return done;
    }

    public Task<List<FindingRow>> FindingsAsync(string state = "open") =>
        FindingWorklist.FindAsync(Database, new FindingQuery(State: state, Channel: Channel.Value), Metering.Time.GetCurrentInstant(), null, 500, default);

    public async Task<(long Sum, IntervalQuality[] Qualities, long[] Quantities)> SliceAsync(int from, int to)
    {
        var read = await Metering.ReadAsync(Start + Duration.FromMinutes(15L * from), Start + Duration.FromMinutes(15L * to));
        var qualities = read.Profile.Qualities.ToArray().Select(q => (IntervalQuality)q).ToArray();
        return (read.Profile.Quantities.ToArray().Sum(), qualities.Length == 0 ? [IntervalQuality.Measured] : qualities, read.Profile.Quantities.ToArray());
    }

    private IEnumerable<Reading> Readings()
    {
        var sum = 0L;
        for (var i = 0; i <= Slots; i++)
        {
            yield return new Reading(Metering.Register, Start + Duration.FromMinutes(15L * i), sum, 0, ReadingQuality.Good);
            sum += Used(i) + (Spike is { } spike && spike.Slot == i ? spike.By : 0);
        }
    }
}
