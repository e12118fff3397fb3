using System.Diagnostics;
using System.Globalization;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Imports;

/// <summary><c>usage-cloud</c> as other programs call it: a process of its own.</summary>
internal static class CloudProgram
{
    public sealed record Ran(int Code, string Output, string Error, long PeakKilobytes);

    public static Ran Run(string folder, params string[] arguments) => Run(folder, null, arguments);

    /// <summary>The same with no more than so many megabytes of managed heap: the program ends with an error where it needs more.</summary>
    public static Ran Run(string folder, int? heapMegabytes, string[] arguments)
    {
        var start = Program(folder, arguments);
        if (heapMegabytes is { } limit)
        {
            start.Environment["DOTNET_GCHeapHardLimit"] = "0x" + ((long)limit * 1024 * 1024).ToString("X", CultureInfo.InvariantCulture);
        }

        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        var peak = 0L;
        do
        {
            peak = Math.Max(peak, Peak(process.Id));
        }
        while (!process.WaitForExit(50));
        process.WaitForExit();
        return new Ran(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult(), peak);
    }

    /// <summary>Starts it, for a test that kills it.</summary>
    public static Process Start(string folder, params string[] arguments) => Process.Start(Program(folder, arguments))!;

    private static ProcessStartInfo Program(string folder, string[] arguments) => new(Path.Combine(SharedCases.RepositoryRoot, "artifacts/bin/UsageBilling.Cloud/release/usage-cloud"), arguments)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        WorkingDirectory = folder,
    };

    // The kernel's own high-water mark of resident memory.
    private static long Peak(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
