using System.Diagnostics;

namespace UsageBilling.Cloud.Database;

/// <summary>PostgreSQL's programs on this machine, run as a user that PostgreSQL accepts: it refuses root, so root becomes user postgres.</summary>
internal sealed class PostgresBinaries
{
    // The capabilities let user postgres pass through a private home on the way to the data folder.
    private static readonly string[] AsPostgres =
    [
        "--reuid=postgres", "--regid=postgres", "--init-groups",
        "--inh-caps=+dac_read_search,+dac_override", "--ambient-caps=+dac_read_search,+dac_override", "--",
    ];

    private readonly string folder;

    private PostgresBinaries(string folder) => this.folder = folder;

    private static bool IsRoot => Environment.IsPrivilegedProcess;

    /// <summary>The newest installed server, 15 or later.</summary>
    /// <exception cref="DatabaseUnavailableException">None is installed.</exception>
    public static PostgresBinaries Find()
    {
        var candidates = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql")
                .Select(d => (Version: int.TryParse(Path.GetFileName(d), out var version) ? version : 0, Path: Path.Combine(d, "bin")))
                .Where(c => c.Version >= 15)
                .OrderByDescending(c => c.Version)
                .Select(c => c.Path)
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        var found = candidates.Concat(path).FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")) && File.Exists(Path.Combine(d, "pg_ctl")));
        return found is null
            ? throw new DatabaseUnavailableException("No PostgreSQL server (15 or later) is installed: install it (Debian: apt-get install postgresql), or name a running one with --database.")
            : new PostgresBinaries(found);
    }

    /// <summary>Makes a folder that only the server's user (and root) can enter.</summary>
    public static void OwnFolder(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new DatabaseUnavailableException("The private PostgreSQL needs Linux: name a running PostgreSQL with --database.");
        }

        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (IsRoot)
        {
            Run("chown", ["postgres:", path]);
        }
    }

    /// <summary>Runs one of the programs to its end.</summary>
    /// <exception cref="DatabaseUnavailableException">It failed; the message holds what it said.</exception>
    public Task RunAsync(string program, string[] arguments, CancellationToken cancellation) => RunAsync(program, arguments, null, cancellation);

    /// <summary>Starts a server. pg_ctl puts its paths between double quotes into a shell's command line, so the data folder, which may hold a $, is told to it in other ways.</summary>
    public Task StartServerAsync(string data, string socket, CancellationToken cancellation) =>
        RunAsync("pg_ctl", ["-l", "server.log", "-w", "-t", "120", "-o", $"-k {socket}", "start"], data, cancellation);

    private async Task RunAsync(string program, string[] arguments, string? data, CancellationToken cancellation)
    {
        using var process = Start(program, arguments, data);

        // The server that pg_ctl leaves behind writes to its log file, not to these pipes.
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode != 0)
        {
            throw new DatabaseUnavailableException($"{program} {string.Join(' ', arguments)} failed with {process.ExitCode}: {(await error).Trim()} {(await output).Trim()}");
        }
    }

    private Process Start(string program, string[] arguments, string? data)
    {
        var path = Path.Combine(folder, program);
        var start = IsRoot
            ? new ProcessStartInfo("setpriv", [.. AsPostgres, path, .. arguments])
            : new ProcessStartInfo(path, arguments);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.WorkingDirectory = data ?? "/";
        if (data is not null)
        {
            start.Environment["PGDATA"] = data;
        }

        return Process.Start(start) ?? throw new DatabaseUnavailableException($"{path} could not be started");
    }

    private static void Run(string program, string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new DatabaseUnavailableException($"{program} {string.Join(' ', arguments)} failed with {process.ExitCode}; is user postgres there (apt-get install postgresql)?");
        }
    }
}
