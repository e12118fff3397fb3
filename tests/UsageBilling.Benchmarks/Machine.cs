using System.Globalization;
using System.Runtime.InteropServices;

namespace UsageBilling.Benchmarks;

/// <summary>What a figure was measured on, for the head of a results file.</summary>
internal static class Machine
{
    /// <summary>CPU, cores, memory, system and runtime in one line.</summary>
    public static string Describe()
    {
        var cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
        var memory = long.Parse(File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) >> 20;
        return $"{cpu}, {Environment.ProcessorCount} cores, {memory} GiB; {RuntimeInformation.OSDescription}; {RuntimeInformation.FrameworkDescription}";
    }

    /// <summary>The load averages over 1, 5 and 15 minutes: what else the machine was doing.</summary>
    public static string Load() => string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]);

    /// <summary>Now, to the minute.</summary>
    public static string Date() => TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
}
