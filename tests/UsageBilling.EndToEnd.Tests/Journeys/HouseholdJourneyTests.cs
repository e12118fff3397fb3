using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using NodaTime;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Modbus;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.EndToEnd.Tests.Journeys;

/// <summary>
/// 22,521 half hours of a real household, made into a register: a Modbus server shows what had been used by then, and the road must carry it to the Wh.
/// </summary>
public sealed class HouseholdJourneyTests
{
    private const byte Unit = 31;
    private const long Start = 864_229_310; // the register does not begin at zero
    private static readonly RegisterKey Register = new("schneider", "319250442", ObisCode.ActiveImport);
    private static readonly Duration HalfHour = Duration.FromMinutes(30);

    [Fact]
    public async Task Half_hours_of_a_real_household_come_out_as_the_same_sum()
    {
        var file = SharedCases.Path("data", "profiles", "uk-halfhourly-2012-2014-LCL-like.csv.gz");
        Assert.SkipWhen(file is null, SharedCases.Absent);
        var token = TestContext.Current.CancellationToken;
        var household = Household.Read(file!, Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow()));
        Assert.Equal((22_521, 5_554_874), (household.Used.Count, household.Total));

        await using var journey = Journey.Create("", road => $$"""
            buses: [ { id: hall, modbus-tcp: 127.0.0.1:{{road.ModbusPort}}, timeout-ms: 5000 } ]
            meters:
              - { id: house, template: schneider-iem3155, bus: hall, unit: {{Unit}}, serial: "319250442", registers: "1-0:1.8.0" }
            """, intervalMinutes: 30);
        await journey.OpenAsync(Utility.Document(new ASupply("house", "household-flat", "2025-01-01", "2025-02-01",
            new AMeter("schneider", "319250442", "1-0:1.8.0", 0, 12, household.First.ToString()) { IntervalMinutes = 30 })), token);
        await using var time = new SimulatedTime(journey.Road.Control);
        await using var meter = new ModbusTcpServer(new IPEndPoint(IPAddress.Loopback, journey.Road.ModbusPort), (unit, _, address, count) => household.Answer(unit, address, count, time.Now));
        var watch = Stopwatch.StartNew();
        await journey.TravelAsync(household.First.ToString(), household.Last.ToString(), token);
        TestContext.Current.TestOutputHelper?.WriteLine($"{household.Used.Count} half hours from meter to interval day in {watch.Elapsed.TotalSeconds:0.0} s");

        var channel = new ChannelKey("house", new Measurand(Quantity.ActiveEnergy, Direction.Import)).Id;
        var store = new IntervalStore(await journey.Road.DatabaseAsync(token), TimeProvider.System);
        var profile = (await store.ReadAsync([channel], household.First, household.Last, token))[channel].Profile;
        await journey.Road.UntilAsync(
            "the holes are estimated",
            async () => !(profile = (await store.ReadAsync([channel], household.First, household.Last, token))[channel].Profile).Qualities.Span.Contains((byte)IntervalQuality.Interpolated), token, TimeSpan.FromMinutes(3));
        Assert.Equal(30, profile.IntervalMinutes);
        Assert.Equal(household.Total, profile.Quantities.ToArray().Sum());

        // Not only the sum: each half hour is what the register moved by, and where the file has nothing, it is estimated, which leaves the sum as it was.
        var (quantities, qualities) = (profile.Quantities.ToArray(), profile.Qualities.ToArray());
        var gaps = 0;
        for (var i = 0; i < quantities.Length; i++)
        {
            var end = household.First + ((i + 1) * HalfHour);
            if (household.Used.ContainsKey(end) && household.Shows(end - HalfHour))
            {
                Assert.Equal(household.RegisterAt(end) - household.RegisterAt(end - HalfHour), quantities[i]);
                Assert.Equal((byte)IntervalQuality.Measured, qualities[i]);
            }
            else
            {
                gaps++;
                Assert.Equal((byte)IntervalQuality.Estimated, qualities[i]);
            }
        }

        Assert.Equal(52 + 5, gaps); // 4 single half hours and one hole of 48, and the half hour after each, whose beginning nobody read
    }

    /// <summary>What the household had used by the end of each half hour, in Wh, moved by whole weeks so that it ends before now.</summary>
    private sealed record Household(SortedDictionary<Instant, long> Used)
    {
        public Instant First => Used.Keys.First() - HalfHour;

        public Instant Last { get; } = Used.Keys.Last();

        public long Total { get; } = Used.Values.Last();

        public static Household Read(string file, Instant now)
        {
            using var text = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
            var rows = new SortedDictionary<Instant, decimal>();
            text.ReadLine();
            while (text.ReadLine() is { } line)
            {
                // Stamps are ends of half hours in UTC; a stamp that comes twice says the same twice.
                var end = Instant.FromDateTimeOffset(DateTimeOffset.Parse(line[..19] + "Z", CultureInfo.InvariantCulture));
                var used = decimal.Parse(line[20..], CultureInfo.InvariantCulture);
                Assert.True(rows.TryAdd(end, used) || rows[end] == used, line);
            }

            var shift = Duration.FromDays(7 * (long)((now - rows.Keys.Last()).TotalDays / 7));
            var (sum, cumulated) = (0m, new SortedDictionary<Instant, long>());
            foreach (var (end, used) in rows)
            {
                sum += used;
                cumulated.Add(end + shift, (long)decimal.Round(sum * 1_000, MidpointRounding.AwayFromZero));
            }

            return new Household(cumulated);
        }

        public bool Shows(Instant at) => at == First || Used.ContainsKey(at);

        public long RegisterAt(Instant at) => Start + (at == First ? 0 : Used[at]);

        // An iEM3155: its model, its serial number, and Wh as 64 bits. In the gaps of the file it says that it is busy.
        public RegisterReply Answer(byte unit, ushort address, ushort count, Instant at) => (unit, address, count) switch
        {
            (Unit, 0x0031, 20) => RegisterReply.Of([.. Encoding.ASCII.GetBytes("iEM3155".PadRight(40, '\0')).Chunk(2).Select(pair => (ushort)((pair[0] << 8) | pair[1]))]),
            (Unit, 0x0081, 2) => RegisterReply.Of(Words(319_250_442, 2)),
            (Unit, 0x0C83, 4) => Shows(at) ? RegisterReply.Of(Words(RegisterAt(at), 4)) : RegisterReply.Exception(6),
            _ => RegisterReply.IllegalAddress,
        };

        private static ushort[] Words(long value, int count) => [.. Enumerable.Range(1, count).Select(word => (ushort)((value >> (16 * (count - word))) & 0xFFFF))];
    }
}
