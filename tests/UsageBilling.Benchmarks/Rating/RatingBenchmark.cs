using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Benchmarks;

/// <summary>
/// Rates a customer-year and its months by a tariff with time of use, demand, tiers and tax, against a plain loop that sums
/// the same array in the same run. The general engine, through its public door, with its lines.
/// </summary>
internal static class RatingBenchmark
{
    private const int Rounds = 1_000;

    /// <summary>A batch is shorter than a scheduler's slice, so that among many rounds some ran undisturbed.</summary>
    private const double BatchMicroseconds = 200;

    /// <summary>Long enough for the compiler to have seen what is hot, on a machine that is busy too.</summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(700);

    private static readonly string Document = """
        {"format":"usage-billing/tariff.v1","code":"bench","version":"1","name":"Benchmark","currency":"EUR","effective":{"from":"2000-01-01"},
         "calendar":{"holidays":["01-01","easter-2","easter+1","05-01","12-25","12-26"],
           "dayTypes":[{"name":"workday","days":["mon","tue","wed","thu","fri"]},{"name":"restday","days":["sat","sun","holiday"]}],
           "schedules":[{"name":"tou","windows":[
             {"period":"peak","dayTypes":["workday"],"from":"08:00","to":"20:00"},
             {"period":"shoulder","dayTypes":["workday"],"from":"06:00","to":"08:00"},
             {"period":"shoulder","dayTypes":["workday"],"from":"20:00","to":"22:00"}],"otherwise":"night"}]},
         "tax":{"name":"VAT","classes":{"standard":{"category":"S","rate":19}}},
         "components":[
          {"kind":"standing","id":"standing","description":"Standing charge","price":12.5,"per":"month"},
          {"kind":"usage","id":"energy","description":"Energy","schedule":"tou","prices":{
             "peak":[{"upTo":200,"price":0.31},{"upTo":600,"price":0.34},{"price":0.37}],
             "shoulder":[{"upTo":200,"price":0.27},{"upTo":600,"price":0.30},{"price":0.33}],
             "night":[{"upTo":200,"price":0.21},{"upTo":600,"price":0.24},{"price":0.27}]}},
          {"kind":"demand","id":"demand","description":"Demand","window":15,"price":4.15}]}
        """;

    public static void Run()
    {
        var tariff = Read();
        var zone = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
        var year = new LocalPeriod(new LocalDate(2025, 1, 1), new LocalDate(2026, 1, 1), zone);
        var first = Once(() => new RatePlans().Compile(tariff, year, 15));
        var profile = Load(year);
        var months = Enumerable.Range(1, 12).Select(month => new LocalPeriod(new LocalDate(2025, month, 1), new LocalDate(2025, month, 1).PlusMonths(1), zone)).ToArray();
        var march = new LocalPeriod(new LocalDate(2025, 3, 1), new LocalDate(2025, 4, 1), zone);
        var plans = new RatePlans();
        var whole = Input(tariff, year, profile);
        var one = Input(tariff, march, profile);
        var each = Array.ConvertAll(months, month => Input(tariff, month, profile));
        var quantities = profile.Quantities;
        var marchQuantities = quantities.Slice((int)((march.Start - profile.Start).TotalMinutes / 15), (int)((march.End - march.Start).TotalMinutes / 15));

        // The compiler works beside the program: everything runs for a while before anything is measured.
        for (var warming = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(warming) < TimeSpan.FromSeconds(8);)
        {
            _ = Plain(quantities.Span) + Plain(marchQuantities.Span) + RatingEngine.Rate(whole, plans).Lines.Count + each.Sum(month => RatingEngine.Rate(month, plans).Lines.Sum(line => line.Formula.Length));
        }

        var sumYear = Best(() => Plain(quantities.Span));
        var sumMonth = Best(() => Plain(marchQuantities.Span));
        var rateYear = Best(() => RatingEngine.Rate(whole, plans).Lines.Count);
        var rateMonth = Best(() => RatingEngine.Rate(one, plans).Lines.Count);
        var rateTwelve = Best(() => each.Sum(month => RatingEngine.Rate(month, plans).Lines.Count));
        var compileYear = Best(() => new RatePlans().Compile(tariff, year, 15));
        var compileMonth = Best(() => new RatePlans().Compile(tariff, march, 15));
        var words = Best(() => RatingEngine.Rate(one, plans).Lines.Sum(line => line.Formula.Length + line.Determinants.Count));

        var report = new StringBuilder();
        void Say(FormattableString text) => report.AppendLine(text.ToString(CultureInfo.InvariantCulture));
        Say($"Rating benchmark");
        Say($"machine: {Cpu()}, {Environment.ProcessorCount} cores, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSArchitecture}");
        Say($"tariff: standing charge, 3 time-of-use periods × 3 shared tiers, monthly demand peak, VAT; {quantities.Length} quarter-hours; best of {Rounds} short rounds, load average {Machine.Load()}");
        Say($"");
        Say($"{"what",-58} {"µs",10} {"ratio",8}  bar");
        Say($"{"plain sum of the year's array",-58} {sumYear,10:0.00} {1,8:0.00}  floor");
        Say($"{$"rate the year as one period, {RatingEngine.Rate(whole, plans).Lines.Count} lines",-58} {rateYear,10:0.00} {rateYear / sumYear,8:0.00}  ≤ 2.5");
        Say($"{"plain sum of March's array",-58} {sumMonth,10:0.00} {1,8:0.00}  floor");
        Say($"{$"rate March, {RatingEngine.Rate(one, plans).Lines.Count} lines",-58} {rateMonth,10:0.00} {rateMonth / sumMonth,8:0.00}  ≤ 6");
        Say($"{"rate the year as twelve monthly bills",-58} {rateTwelve,10:0.00} {rateTwelve / sumYear,8:0.00}  (to the year's sum)");
        Say($"{"rate March and write every formula and determinant",-58} {words,10:0.00} {words / sumMonth,8:0.00}  –");
        Say($"{"compile the year's runs alone, nothing kept from before",-58} {compileYear,10:0.00} {compileYear / sumYear,8:0.00}  –");
        Say($"{"compile March's runs alone, nothing kept from before",-58} {compileMonth,10:0.00} {compileMonth / sumMonth,8:0.00}  –");
        Say($"{"the same for the year, first call of the process",-58} {first,10:0.00} {first / sumYear,8:0.00}  –");
        Say($"");
        Say($"allocated: {Allocated(() => RatingEngine.Rate(one, plans))} bytes for March's bill, {Allocated(() => RatingEngine.Rate(whole, plans))} bytes for the year's");
        Console.Write(report);
    }

    private static RatingInput Input(Tariff tariff, LocalPeriod period, LoadProfile profile) => new()
    {
        Period = period,
        Tariffs = [new TariffSpan(tariff, period.From, period.To)],
        Profiles = [profile],
    };

    private static LoadProfile Load(LocalPeriod year)
    {
        var quantities = new long[(int)((year.End - year.Start).TotalMinutes / 15)];
        var seed = 12_345u;
        for (var i = 0; i < quantities.Length; i++)
        {
            seed = unchecked((seed * 1_664_525u) + 1_013_904_223u);
            quantities[i] = 60 + (i % 96 is > 28 and < 84 ? 140 : 0) + (seed >> 25);
        }

        return new LoadProfile(Measure.Find("import")!.Value, 0, year.Start, 15, quantities, ReadOnlyMemory<byte>.Empty);
    }

    /// <summary>The floor: what a loop over the array costs.</summary>
    private static long Plain(ReadOnlySpan<long> quantities)
    {
        var sum = 0L;
        foreach (var quantity in quantities)
        {
            sum = unchecked(sum + quantity);
        }

        return sum;
    }

    /// <summary>Microseconds of one run: the best of many short batches, after warming up.</summary>
    private static double Best(Func<long> work)
    {
        long sink = 0;
        var runs = 0;
        var warming = Stopwatch.GetTimestamp();
        for (; Stopwatch.GetElapsedTime(warming) < WarmUp; runs++)
        {
            sink ^= work();
        }

        var times = Math.Max(1, (int)(BatchMicroseconds * runs / WarmUp.TotalMicroseconds));
        var best = double.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < times; i++)
            {
                sink ^= work();
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMicroseconds / times);
        }

        GC.KeepAlive(sink);
        return best;
    }

    /// <summary>Microseconds of one call, machine code and zone data still to be made: what the first bill of a process waits for.</summary>
    private static double Once(Func<long> work)
    {
        var started = Stopwatch.GetTimestamp();
        GC.KeepAlive(work());
        return Stopwatch.GetElapsedTime(started).TotalMicroseconds;
    }

    private static Tariff Read() => TariffDocument.Parse(Encoding.UTF8.GetBytes(Document)).Tariff ?? throw new InvalidOperationException("the benchmark's tariff is wrong");

    private static long Allocated(Func<RatedPeriod> work)
    {
        work();
        var before = GC.GetAllocatedBytesForCurrentThread();
        GC.KeepAlive(work());
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static string Cpu()
    {
        const string file = "/proc/cpuinfo";
        var model = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) : null;
        return model?.Split(':', 2)[1].Trim() ?? "unknown processor";
    }
}
