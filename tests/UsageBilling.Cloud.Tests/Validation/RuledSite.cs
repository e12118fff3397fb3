using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>A meter in Berlin of its own on a shared database, with readings that no rule minds, until a test changes them.</summary>
internal sealed class RuledSite
{
    private const int Quarter = 900;

    /// <summary>The first reading.</summary>
    public static readonly Instant Start = MeteringSite.At("2026-10-25T23:00:00Z");

    /// <summary>The day under test, a quiet Thursday in Berlin, begins.</summary>
    public static readonly Instant Midnight = MeteringSite.At("2026-11-11T23:00:00Z");

    /// <summary>It ends.</summary>
    public static readonly Instant NextMidnight = Midnight + Duration.FromDays(1);

    public static readonly LocalDate Day = new(2026, 11, 12);
    private int _days = 21;
    private Func<int, int, long?> _changed = (_, _) => null;

    public RuledSite(NpgsqlDataSource database)
    {
        Database = database;
        Metering = new MeteringSite(database, "2026-11-16T12:00:00Z");
        var rules = new RuleSets(database, Metering.Time);
        Run = new ValidationRun(database, rules, Metering.Time);
        Decisions = new FindingDecisions(database, rules, Metering.Time);
    }

    public NpgsqlDataSource Database { get; }

    public MeteringSite Metering { get; }

    public ValidationRun Run { get; }

    public FindingDecisions Decisions { get; }

    public ChannelId Channel => Metering.Channel.Id;

    /// <summary>Whether a reading ends an interval of the day under test.</summary>
    public bool IsOn(Reading reading) => Slot(reading) >= 0;

    /// <summary>Which interval of the day under test a reading ends; −1: none.</summary>
    public int Slot(Reading reading) => (int)(reading.At - Midnight).TotalSeconds is > 0 and <= 96 * Quarter and var seconds ? (seconds / Quarter) - 1 : -1;

    /// <summary>What the register shows at an instant.</summary>
    public long Total(Instant at) => Readings().First(r => r.At == at).Value;

    /// <summary>Uses something else in some intervals of the day under test.</summary>
    public Task UseAsync(Func<int, long?> changed)
    {
        var day = (int)(Midnight - Start).TotalDays;
        return UseAsync((d, slot) => d == day ? changed(slot) : null, _days);
    }

    /// <summary>The same over sixty days, each counted from the first.</summary>
    public Task UseAsync(Func<int, int, long?> changed) => UseAsync(changed, 60);

    /// <summary>Journals the readings for which something holds, dated by a clock that was off.</summary>
    public Task ReadOffAsync(Func<Reading, bool> which, Duration offset) => Metering.JournalAsync(Readings().Where(which), clockOffset: offset);

    /// <summary>Installs the meter and reads it; a reading may come otherwise, or not at all.</summary>
    public async Task ReadAsync(Func<Reading, Reading?>? change = null, int digits = 9, int scale = 0)
    {
        await Metering.Administration.RegisterAsync(new RegisterRegistration(Metering.Register, scale, 15), default);
        await Metering.Administration.RegisterAsync(new ChannelRegistration(Metering.Channel, 0, "Europe/Berlin"), default);
        await Metering.Administration.InstallAsync(new RegisterInstallation(Metering.Channel, Metering.Register, Start, null, digits, Fraction.One), default);
        foreach (var batch in Readings().Select(r => change is null ? r : change(r)).OfType<Reading>().Chunk(1_000))
        {
            await Metering.JournalAsync(batch);
        }
    }

    /// <summary>The meter counts export too, which nobody registered.</summary>
    public async Task ExportAsync(int advance = 7)
    {
        var export = new RegisterKey(Metering.Register.Manufacturer, Metering.Register.Serial, ObisCode.ActiveExport);
        foreach (var batch in MeteringSite.Grid(export, Midnight, 20, i => 100 + (advance * i)).Chunk(3))
        {
            await Metering.JournalAsync(batch);
        }
    }

    /// <summary>The point has a reactive channel whose register stands still.</summary>
    public async Task ReactiveAsync()
    {
        var register = new RegisterKey(Metering.Register.Manufacturer, Metering.Register.Serial, ObisCode.ReactiveImport);
        var channel = new ChannelKey(Metering.Channel.Point, new Measurand(Quantity.ReactiveEnergy, Direction.Import));
        await Metering.RegisterAsync(register);
        await Metering.Administration.RegisterAsync(new ChannelRegistration(channel, 0, "Europe/Berlin"), default);
        await Metering.Administration.InstallAsync(new RegisterInstallation(channel, register, Midnight, null, 9, Fraction.One), default);
        await Metering.JournalAsync(MeteringSite.Grid(register, Midnight, 97, _ => 500));
    }

    /// <summary>The point is a service point at which nobody is supplied.</summary>
    public async Task EmptyPointAsync()
    {
        await using var command = Database.CreateCommand("INSERT INTO service_point VALUES ($1, $1, 'Europe/Berlin', 'Street 1', '10115', 'Berlin', 'DE')");
        command.Parameters.Add(new() { Value = Metering.Channel.Point });
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Projects and validates all that is due, and returns what was found of the meter's channel.</summary>
    public async Task<List<FindingRow>> FindAsync()
    {
        await Metering.ProjectAsync();
        while (await Run.TakeDueAsync(400, default) is not null)
        {
        }

        return await FindingWorklist.FindAsync(Database, new FindingQuery(State: "any", Channel: Channel.Value), Metering.Time.GetCurrentInstant(), null, 500, default);
    }

    public IEnumerable<Reading> Readings()
    {
        var sum = 100L;
        for (var i = 0; i <= _days * 96; i++)
        {
            yield return new Reading(Metering.Register, Start + Duration.FromMinutes(15L * i), sum, 0, ReadingQuality.Good);
            sum += _changed(i / 96, i % 96) ?? 200 + (i % 96) + (i / 96 % 7);
        }
    }

    private Task UseAsync(Func<int, int, long?> changed, int days)
    {
        Metering.Time.Advance(TimeSpan.FromDays(days - _days));
        (_changed, _days) = (changed, days);
        return ReadAsync();
    }
}
