using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using UsageBilling.Edge.Buffer;

namespace UsageBilling.Edge.Tests.Buffer;

/// <summary>
/// This test program started as another process that stores cycles, seals and acknowledges until it is killed, and prints each
/// value once the buffer has reported it stored.
/// </summary>
internal static class BufferChild
{
    private const string FolderVariable = "USAGE_BILLING_TEST_BUFFER";
    private const string Mark = "stored ";
    private const string FirstVariable = "USAGE_BILLING_TEST_FIRST";

    public static Process Start(string folder, long first)
    {
        var program = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "UsageBilling.Edge.Tests"), "-?") { RedirectStandardOutput = true };
        program.Environment[FolderVariable] = folder;
        program.Environment[FirstVariable] = first.ToString(CultureInfo.InvariantCulture);
        return Process.Start(program)!;
    }

#pragma warning disable CA2255 // the runner owns the entry point; a module initializer is the way to be another program
    [ModuleInitializer]
    public static void RunIfChild()
#pragma warning restore CA2255
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { } folder)
        {
            // On a thread of its own, which keeps the process alive: nobody else can enter this module before its initializer has returned.
            var first = long.Parse(Environment.GetEnvironmentVariable(FirstVariable)!, CultureInfo.InvariantCulture);
            new Thread(() => Store(folder, first).GetAwaiter().GetResult()).Start();
        }
    }

    /// <summary>The next value that the child reports stored; null when it has ended.</summary>
    public static async Task<long?> NextStored(Process child)
    {
        while (await child.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(Mark, StringComparison.Ordinal))
            {
                return long.Parse(line.AsSpan(Mark.Length), CultureInfo.InvariantCulture);
            }
        }

        return null;
    }

    private static async Task Store(string folder, long first)
    {
        using var fixture = new BufferFixture();
        using var buffer = ReadingBuffer.Open(folder, fixture.Options, fixture.Clock);
        for (var value = first; ; value++)
        {
            fixture.Time.Advance(TimeSpan.FromMinutes(15));
            buffer.OfferLiveRoom(value % 3 == 0 ? new LiveRoom(fixture.Terms, 1) : null);
            await buffer.Store(DurabilityTests.CycleOf(fixture, value));
            Console.Out.WriteLine($"{Mark}{value}");
            if (value % 5 == 0 && await buffer.SealNext(fixture.Terms) is { } batch)
            {
                await buffer.Acknowledge(batch.Stream, batch.Sequence, batch.ChainHash);
            }
        }
    }
}
