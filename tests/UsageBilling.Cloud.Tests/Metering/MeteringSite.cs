using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Tests.Metering;

/// <summary>A site with registers of its own on a shared database: writes journal rows as Ingest does, and projects them.</summary>
internal sealed class MeteringSite
{
    private readonly NpgsqlDataSource database;
    private readonly Dictionary<Guid, (long Sequence, byte[] Hash)> streams = [];

    public MeteringSite(NpgsqlDataSource database, string now = "2026-11-20T12:00:00Z")
    {
        this.database = database;
        Time = new FakeTimeProvider(DateTimeOffset.Parse(now));
        Serial = Guid.NewGuid().ToString("n")[..12];
        Administration = new RegisterAdministration(database, Time);
        Store = new IntervalStore(database, Time);
        Register = Key("A");
        Channel = new ChannelKey($"point-{Serial}", new Measurand(Quantity.ActiveEnergy, Direction.Import));
    }

    public FakeTimeProvider Time { get; }

    public string Serial { get; }

    public RegisterAdministration Administration { get; }

    public IntervalStore Store { get; }

    public RegisterKey Register { get; }

    public ChannelKey Channel { get; }

    public Guid Stream { get; } = Guid.NewGuid();

    public string Gateway => $"gw-{Serial}";

    public RegisterKey Key(string letter) => new("acme", $"{letter}-{Serial}", ObisCode.ActiveImport);

    public static Instant At(string text) => NodaTime.Text.InstantPattern.ExtendedIso.Parse(text).Value;

    public async Task RegisterAsync(params RegisterKey[] registers)
    {
        foreach (var register in registers)
        {
            await Administration.RegisterAsync(new RegisterRegistration(register, 0, 15), default);
        }
    }

    public async Task InstallAsync(Instant from, long? start = null, int digits = 9)
    {
        await RegisterAsync(Register);
        await Administration.RegisterAsync(new ChannelRegistration(Channel, 0, "Europe/Berlin"), default);
        await Administration.InstallAsync(new RegisterInstallation(Channel, Register, from, start, digits, Fraction.One), default);
    }

    public static IEnumerable<Reading> Grid(RegisterKey register, Instant from, int count, Func<int, long> value, int minutes = 15) =>
        Enumerable.Range(0, count).Select(i => new Reading(register, from + Duration.FromMinutes((long)i * minutes), value(i), 0, ReadingQuality.Good));

    /// <summary>Journals readings as the next batch of a stream.</summary>
    public async Task JournalAsync(IEnumerable<Reading> readings, Guid? stream = null, byte[]? body = null, Duration? clockOffset = null, params EventNote[] events)
    {
        List<Reading> carried = [.. readings];
        var id = stream ?? Stream;
        var (sequence, previous) = streams.GetValueOrDefault(id, (0, []));
        sequence++;
        body ??= BatchCodec.Encode(new ReadingBatch(
            Gateway, id, (ulong)sequence, [.. previous], null, Time.GetCurrentInstant(), [.. carried], null, [.. events])
        {
            ClockOffset = clockOffset,
        });
        var hash = BatchSignature.Hash(body);
        streams[id] = (sequence, hash);
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.RunAsync("INSERT INTO stream (gateway, stream, opened_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", default, Gateway, id, Time.GetCurrentInstant());
        await connection.RunAsync("INSERT INTO stream_projection (gateway, stream) VALUES ($1, $2) ON CONFLICT DO NOTHING", default, Gateway, id);
        await connection.RunAsync("""
            INSERT INTO reading_batch (gateway, stream, sequence, received_at, kind, hash, chain_hash, previous_hash, key_id, signature, body, reading_count, first_at, last_at, register_ids)
            VALUES ($1, $2, $3, $4, 0, $5, $5, $6, 'test', '\x', $7, $8, $9, $10, $11)
            """, default, Gateway, id, sequence, Time.GetCurrentInstant(), hash, previous, body,
            carried.Count, carried.Count == 0 ? DBNull.Value : carried.Min(r => r.At), carried.Count == 0 ? DBNull.Value : carried.Max(r => r.At),
            carried.Select(r => r.Register.Id.Value).Concat(events.Where(e => e.Register is not null).Select(e => e.Register!.Value.Id.Value)).Distinct().ToArray());
        await connection.RunAsync(
            "UPDATE stream SET committed_through = $3, last_hash = $4, last_received_at = $5 WHERE gateway = $1 AND stream = $2", default, Gateway, id, sequence, hash, Time.GetCurrentInstant());
        await transaction.CommitAsync();
    }

    public async Task<int> ProjectAsync()
    {
        using var signal = new CommitSignal();
        using var projector = new MeteringProjector(database, signal, Time, NullLogger<MeteringProjector>.Instance);
        return await projector.DrainAsync(default);
    }

    public async Task<ChannelProfile> ReadAsync(Instant from, Instant to) => (await Store.ReadAsync([Channel.Id], from, to, default))[Channel.Id];

    public async Task<long> SumAsync(Instant from, Instant to) => (await ReadAsync(from, to)).Profile.Quantities.ToArray().Sum();

    public async Task<List<(string Register, string Reason, int Readings, bool Open)>> ParkedAsync()
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.RowsAsync("SELECT register, reason, readings, resolved_at IS NULL FROM parked WHERE gateway = $1 ORDER BY sequence, register, reason", r =>
            (r.GetString(0), r.GetString(1), r.GetInt32(2), r.GetBoolean(3)), default, Gateway);
    }

    /// <summary>Every metering byte of the site's register and channel, without versions and times.</summary>
    public async Task<string> BytesAsync(RegisterKey? register = null)
    {
        await using var connection = await database.OpenConnectionAsync();
        var rows = await connection.RowsAsync("""
            SELECT day::text || ' ' || md5(slot_values || qualities || distances) FROM register_day WHERE register_id = $1
            UNION ALL SELECT day::text || ' ' || encode(hash, 'hex') FROM interval_day WHERE channel_id = $2
            UNION ALL SELECT from_at::text || ' ' || cause || ' ' || raw_start || ' ' || unwrapped_base FROM register_segment WHERE register_id = $1
            UNION ALL SELECT at::text || ' ' || value || ' ' || quality FROM register_read WHERE register_id = $1
            ORDER BY 1
            """, r => r.GetString(0), default, (register ?? Register).Id.Value, Channel.Id.Value);
        return string.Join('\n', rows);
    }

    public async Task<ImmutableArray<MeteringDifference>> VerifyAsync() => await new MeteringVerification(database).RunAsync(default);
}
