using System.Globalization;
using System.Text;

namespace UsageBilling.Cloud.Tests.Imports;

/// <summary>
/// The memory of an import does not grow with the file: peaks of <c>usage-cloud import</c> as the kernel counts them, for a small NEM12 file and one
/// many times its size with the same streams, both with a heap that is limited to the same few megabytes. The long form takes 500 MB.
/// </summary>
public sealed class ImportMemoryTests(MigratedDatabase database, ITestOutputHelper output) : IClassFixture<MigratedDatabase>, IDisposable
{
    private const int Streams = 400;
    private const long Megabyte = 1024 * 1024;

    // What the program may use for objects, whatever the size of the file: it ends with an error where that is not enough.
    private const int HeapMegabytes = 128;

    // Over the small file's peak: how much of its heap the garbage collector makes use of.
    private const long AllowedKilobytes = HeapMegabytes * 1024;

    private static readonly bool Long = Environment.GetEnvironmentVariable("USAGE_BILLING_LONG") == "1";

    private readonly string _folder = Directory.CreateTempSubdirectory("memory").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    [Trait("Form", "long")]
    public void An_import_of_500_MB_takes_the_memory_of_a_small_one()
    {
        using var log = Environment.GetEnvironmentVariable("USAGE_BILLING_RESULTS") is { Length: > 0 } results
            ? new StreamWriter(Path.Combine(results, "import-memory.log")) { AutoFlush = true } : null;
        void Write(string line)
        {
            output.WriteLine(line);
            log?.WriteLine(line);
        }

        // The dry run is bounded by the number of streams; a real import has the database's client besides.
        var (small, large) = Long ? (16, 500) : (2, 12);
        foreach (var (name, real) in new[] { ("dry run", false), ("import", true) })
        {
            var peaks = new List<long>();
            foreach (var megabytes in new[] { small, large })
            {
                var (file, intervals, sum) = Generate(megabytes);
                string[] arguments = ["import", file, "--format", "nem12", "--json", .. real ? ["--database", database.Postgres.ServiceConnectionString] : (string[])["--dry-run"]];
                var begun = TimeProvider.System.GetTimestamp();
                var ran = CloudProgram.Run(_folder, HeapMegabytes, arguments);
                var took = TimeProvider.System.GetElapsedTime(begun);
                Assert.True(ran.Code == 0, ran.Error);
                var channels = System.Text.Json.Nodes.JsonNode.Parse(ran.Output)!["channels"]!.AsArray();
                Assert.Equal(sum, channels.Sum(c => decimal.Parse((string)c!["sum"]!, CultureInfo.InvariantCulture)));
                Assert.Equal(intervals, channels.Sum(c => (long)c!["intervals"]!));
                Write(string.Create(CultureInfo.InvariantCulture,
                    $"{name}: {new FileInfo(file).Length / Megabyte} MB, {intervals} intervals of {Streams} streams: {took.TotalSeconds:0.0} s, {intervals / took.TotalSeconds:0} intervals/s, peak {ran.PeakKilobytes / 1024} MB resident with a heap of at most {HeapMegabytes} MB"));
                peaks.Add(ran.PeakKilobytes);
                File.Delete(file);
            }

            Assert.True(peaks[1] - peaks[0] < AllowedKilobytes, $"{name}: {peaks[0]} kB for {small} MB, {peaks[1]} kB for {large} MB");
        }
    }

    // Five-minute days of the same streams, as many days as the size asks for; values that repeat in a long cycle.
    private (string Path, long Intervals, decimal Sum) Generate(int megabytes)
    {
        var path = System.IO.Path.Combine(_folder, $"{megabytes}-{Guid.NewGuid():N}.csv");
        using var writer = new StreamWriter(path, false, new UTF8Encoding(false), 1024 * 1024);
        writer.WriteLine("100,NEM12,202601020000,MDP,RET");
        var (intervals, sum) = (0L, 0m);
        var line = new StringBuilder(4096);
        var daysEach = Math.Max(1, megabytes * Megabyte / (Streams * 1720L));
        for (var stream = 0; stream < Streams; stream++)
        {
            writer.WriteLine($"200,N{megabytes:0000}{stream / 2:00000},E1B1,1,{(stream % 2 == 0 ? "E1" : "B1")},N1,METER,kWh,5,");
            for (var day = 0; day < daysEach; day++)
            {
                line.Clear().Append("300,").Append(new NodaTime.LocalDate(2023, 1, 1).PlusDays(day).ToString("uuuuMMdd", CultureInfo.InvariantCulture));
                for (var i = 0; i < 288; i++)
                {
                    var value = ((stream * 31) + (day * 17) + (i * 7)) % 9000;
                    line.Append(CultureInfo.InvariantCulture, $",{value / 1000}.{value % 1000:000}");
                    sum += value / 1000m;
                }

                line.Append(",A,,,20260102000000,");
                writer.WriteLine(line);
                intervals += 288;
            }
        }

        writer.WriteLine("900");
        return (path, intervals, sum);
    }
}
