using NodaTime;
using UsageBilling.Edge.Simulator.Loads;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Faults;

/// <summary>
/// A meter whose load is one of the simulator's shapes: counts at each boundary of two months before March 2025, March with its clock change, and two days after; and
/// the daily sums of a year before. Everything is a function of seed and number.
/// </summary>
internal sealed class ShapedMeter
{
    public static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    public static readonly LocalDate MonthStart = new(2025, 3, 1);
    public static readonly LocalDate MonthEnd = new(2025, 4, 1);
    public static readonly LocalDate DataStart = new(2025, 1, 2);
    public static readonly LocalDate DataEnd = new(2025, 4, 3);
    private static readonly Instant Epoch = Instant.FromUtc(2024, 1, 1, 0, 0);

    public ShapedMeter(long seed, int number)
    {
        Random = new Random(HashCode(seed, number));
        var shape = new[] { "household", "household", "household", "shop", "factory", "solar", "water", "gas" }[number / 2 % 8];
        Shape = shape;
        // The shapes flow evenly within a quarter of an hour: shorter intervals would repeat themselves as no load does.
        IntervalMinutes = Random.Next(8) switch { 1 => 30, 2 => 60, _ => 15 };
        var volume = shape is "water" or "gas";
        var (yearly, peak) = shape switch
        {
            "household" => (Random.NextInt64(1_500, 8_000), 0L),
            "solar" => (Random.NextInt64(3_000, 8_000), Random.NextInt64(4_000, 12_000)),
            "shop" => (Random.NextInt64(15_000, 90_000), 0L),
            "factory" => (Random.NextInt64(150_000, 1_500_000), Random.NextInt64(30_000, 200_000)),
            "water" => (Random.NextInt64(80, 400), 0L),
            _ => (Random.NextInt64(900, 4_000), 0L),
        };
        Key = new ChannelKey($"{shape}-{number}", new Measurand(shape == "water" ? Quantity.WaterVolume : shape == "gas" ? Quantity.GasVolume : Quantity.ActiveEnergy, Direction.Import));
        Exponent = volume ? -3 : 0;

        // A count is 1 or 10 Wh, or 1 or 10 litres; the channel counts single ones. A large site's meter stands behind transformers of 40 to 1.
        var ratio = shape == "factory" ? 40 : 1;
        UnitsPerCount = (Random.Next(2) == 0 ? 1 : 10) * ratio;
        Digits = 8;
        var flow = new CumulativeLoad(Load.Of(shape, yearly * 1_000_000, peak), Noise.Of(seed, Key.Point), Offset.FromHours(1), Epoch);
        Boundaries = (int)((UtcDay.StartOf(DataEnd) - Start).TotalMinutes / IntervalMinutes) + 1;
        Counts = new long[Boundaries];
        for (var i = 0; i < Boundaries; i++)
        {
            Counts[i] = flow.At(At(i)).Import / 1_000 / UnitsPerCount;
        }

        LastYear = [];
        for (var day = MonthStart.PlusDays(-364 - 30); day < MonthEnd.PlusDays(-363); day = day.PlusDays(1))
        {
            var span = LocalDay.Of(day, Zone);
            var sum = (flow.At(span.End).Import - flow.At(span.Start).Import) / 1_000 / UnitsPerCount * UnitsPerCount;
            LastYear.Add(day, new DaySummary(sum, 0, IntervalMinutes, true, 0));
        }
    }

    public static Instant Start { get; } = UtcDay.StartOf(DataStart);

    public Random Random { get; }

    public string Shape { get; }

    public ChannelKey Key { get; }

    public int Exponent { get; }

    public int IntervalMinutes { get; }

    public int UnitsPerCount { get; }

    public int Digits { get; set; }

    /// <summary>The register at each boundary, never rolling over: the truth, which a fault of the meter itself changes.</summary>
    public long[] Counts { get; }

    public int Boundaries { get; }

    public Dictionary<LocalDate, DaySummary> LastYear { get; }

    public bool IsElectricity => Key.Measurand.Quantity == Quantity.ActiveEnergy;

    public Fraction Factor => new(UnitsPerCount, 1);

    public int PerDay => 1440 / IntervalMinutes;

    public Instant At(int boundary) => Start + Duration.FromMinutes((long)boundary * IntervalMinutes);

    /// <summary>The boundary at which a local day begins.</summary>
    public int BoundaryOf(LocalDate day) => (int)((LocalPeriod.StartOfDay(day, Zone) - Start).TotalMinutes / IntervalMinutes);

    public LocalDate DayOf(int slot) => At(slot).InZone(Zone).Date;

    /// <summary>Counts of an interval.</summary>
    public long Used(int slot) => Counts[slot + 1] - Counts[slot];

    /// <summary>More or less flows in one interval; everything after stands on it.</summary>
    public void Add(int slot, long counts)
    {
        for (var i = slot + 1; i < Boundaries; i++)
        {
            Counts[i] += counts;
        }
    }

    private static int HashCode(long seed, int number) => (int)((ulong)unchecked((seed * 1_000_003) + (number * 7_919)) % int.MaxValue);
}
