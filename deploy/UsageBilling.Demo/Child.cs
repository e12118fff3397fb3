using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace UsageBilling.Demo;

/// <summary>A program that the demo starts, logs to a file, and ends when it ends itself.</summary>
internal sealed partial class Child : IAsyncDisposable
{
    private const int KeptLines = 20;
    private const int Terminate = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly TextWriter _log;
    private readonly ConcurrentQueue<string> _last = new();

    private Child(string name, ProcessStartInfo start, string logFile, IReadOnlyDictionary<string, string>? environment, Action<string>? onLine)
    {
        Name = name;
        Surround(start, environment);
        _log = TextWriter.Synchronized(new StreamWriter(logFile, append: true) { AutoFlush = true });
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Take(e.Data, onLine);
        _process.ErrorDataReceived += (_, e) => Take(e.Data, onLine);
    }

    public string Name { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>The last lines it printed, for when something goes wrong.</summary>
    public string Tail => string.Join('\n', _last);

    public static Child Start(
        string name, string program, IEnumerable<string> arguments, string logFile, IReadOnlyDictionary<string, string>? environment = null, Action<string>? onLine = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        var child = new Child(name, start, logFile, environment, onLine);
        child._process.Start();
        child._process.StandardInput.Close();
        child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Runs a program to its end and returns what it printed to standard output.</summary>
    /// <exception cref="DemoException">It ended with another exit code than 0.</exception>
    public static async Task<string> RunAsync(
        string name, string program, IEnumerable<string> arguments, string? input, IReadOnlyDictionary<string, string>? environment, CancellationToken token)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        Surround(start, environment);
        using var process = Process.Start(start) ?? throw new DemoException($"{name}: {program} could not be started");
        try
        {
            await process.StandardInput.WriteAsync(input.AsMemory(), token);
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(token);
            var error = process.StandardError.ReadToEndAsync(token);
            await process.WaitForExitAsync(token);
            return process.ExitCode == 0
                ? await output
                : throw new DemoException($"{name} ended with exit code {process.ExitCode}\n{await output}{await error}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>Kills the program as a power cut would, and waits until it is gone.</summary>
    public async Task KillAsync(CancellationToken token)
    {
        _process.Kill(entireProcessTree: false);
        await _process.WaitForExitAsync(token);
    }

    /// <summary>Throws with the last lines when the program is gone.</summary>
    public void RequireRunning()
    {
        if (HasExited)
        {
            throw new DemoException($"{Name} ended with exit code {_process.ExitCode}:\n{Tail}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, Terminate);
            using var limit = new CancellationTokenSource(Patience);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
        await _log.DisposeAsync();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int pid, int signal);

    private static void Surround(ProcessStartInfo start, IReadOnlyDictionary<string, string>? environment)
    {
        foreach (var (key, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[key] = value;
        }
    }

    private void Take(string? line, Action<string>? onLine)
    {
        if (line is null)
        {
            return;
        }

        _log.WriteLine(line);
        _last.Enqueue(line);
        while (_last.Count > KeptLines)
        {
            _last.TryDequeue(out _);
        }

        onLine?.Invoke(line);
    }
}

/// <summary>Something the person at the screen has to know; printed without a stack.</summary>
internal sealed class DemoException(string message) : Exception(message);
