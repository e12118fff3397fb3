using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace UsageBilling.Cloud.Database;

/// <summary>
/// A PostgreSQL cluster of our own in one folder, reached over a Unix socket that only its owner (and root) can open; no password, no TCP.
/// Processes that share the folder share the cluster: each holds a shared lock on it, and the last to leave stops it.
/// A killed process leaves the cluster running; the next one adopts it.
/// </summary>
internal sealed class PrivateCluster : IAsyncDisposable
{
    private const string Database = "usage";

    // The kernel allows 107 bytes for a socket's path.
    private const int LongestSocketPath = 107;

    private readonly PostgresBinaries binaries;
    private readonly string data;
    private readonly string socket;
    private FileStream? use;

    private PrivateCluster(string folder, PostgresBinaries binaries)
    {
        Folder = folder;
        this.binaries = binaries;
        data = Path.Combine(folder, "data");
        socket = SocketFolder(folder);
    }

    /// <summary>Where everything of the cluster lives.</summary>
    public string Folder { get; }

    private string UsersFile => Path.Combine(Folder, "users.lock");

    private string PidFile => Path.Combine(data, "postmaster.pid");

    /// <summary>Makes the cluster if there is none, starts it if it does not run, and keeps it in use until disposed.</summary>
    /// <exception cref="DatabaseUnavailableException">PostgreSQL is not installed or does not start; the message says what to do.</exception>
    public static async Task<PrivateCluster> StartAsync(string folder, CancellationToken cancellation)
    {
        var cluster = new PrivateCluster(Path.GetFullPath(folder), PostgresBinaries.Find());
        Directory.CreateDirectory(cluster.Folder);
        await cluster.EnsureRunningAsync(cancellation);
        return cluster;
    }

    /// <summary>Connects as one of the roles that bootstrap makes.</summary>
    public string ConnectionString(string role, string database = Database) => new NpgsqlConnectionStringBuilder
    {
        Host = socket,
        Username = role,
        Database = database,
        MaxPoolSize = 60,
    }.ConnectionString;

    /// <summary>True while a postmaster lives in the data folder; a stale pid file does not count.</summary>
    public bool IsRunning() => Postmaster() is { } pid && LivesInDataFolder(pid);

    /// <summary>Starts the cluster if it does not run.</summary>
    public async Task EnsureRunningAsync(CancellationToken cancellation)
    {
        await using var turn = await LockAsync(Path.Combine(Folder, "start.lock"), cancellation);
        if (!File.Exists(Path.Combine(data, "PG_VERSION")))
        {
            await CreateAsync(cancellation);
        }

        if (!IsRunning())
        {
            RemoveForeignPid();
            PostgresBinaries.OwnFolder(socket);
            await binaries.StartServerAsync(data, socket, cancellation);
        }

        await BootstrapAsync(cancellation);
        use ??= new FileStream(UsersFile, FileMode.Open, FileAccess.Read, FileShare.Read);
    }

    /// <summary>Leaves the cluster; the last one stops it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (use is null)
        {
            return;
        }

        await using var turn = await LockAsync(Path.Combine(Folder, "start.lock"), CancellationToken.None);
        await use.DisposeAsync();
        use = null;
        try
        {
            await using var alone = new FileStream(UsersFile, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            if (IsRunning())
            {
                await binaries.RunAsync("pg_ctl", ["-D", data, "-m", "fast", "-w", "-t", "120", "stop"], CancellationToken.None);
            }

            if (!socket.StartsWith(Folder + "/", StringComparison.Ordinal) && Directory.Exists(socket))
            {
                Directory.Delete(socket); // what is kept is all in the folder; this one lies among temporary files
            }
        }
        catch (IOException)
        {
            // Somebody else has it open and will stop it.
        }
    }

    private async Task CreateAsync(CancellationToken cancellation)
    {
        // A killed initdb leaves half a cluster: make it beside and rename it when whole.
        var fresh = data + ".new";
        if (Directory.Exists(fresh))
        {
            Directory.Delete(fresh, recursive: true);
        }

        PostgresBinaries.OwnFolder(fresh);
        await binaries.RunAsync("initdb", ["-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"], cancellation);
        await File.AppendAllTextAsync(Path.Combine(fresh, "postgresql.conf"), """

            # Usage Billing: reached over the socket alone; commits are on disk before they are answered.
            listen_addresses = ''
            unix_socket_permissions = 0700
            timezone = 'UTC'
            log_timezone = 'UTC'
            fsync = on
            synchronous_commit = on
            full_page_writes = on
            max_connections = 120
            shared_buffers = 256MB
            max_wal_size = 4GB
            checkpoint_timeout = 15min
            wal_compression = on

            """, cancellation);
        await File.WriteAllTextAsync(UsersFile, "", cancellation);
        Directory.Move(fresh, data);
    }

    private async Task BootstrapAsync(CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ConnectionString("postgres", "postgres")) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellation);
        await using var roles = new NpgsqlCommand("""
            DO $$ BEGIN
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'usage_owner') THEN CREATE ROLE usage_owner LOGIN; END IF;
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'usage_service') THEN CREATE ROLE usage_service LOGIN; END IF;
            END $$;
            """, connection);
        await roles.ExecuteNonQueryAsync(cancellation);
        await using var exists = new NpgsqlCommand($"SELECT 1 FROM pg_database WHERE datname = '{Database}'", connection);
        if (await exists.ExecuteScalarAsync(cancellation) is null)
        {
            await using var create = new NpgsqlCommand($"CREATE DATABASE {Database} OWNER usage_owner", connection);
            await create.ExecuteNonQueryAsync(cancellation);
        }
    }

    private int? Postmaster()
    {
        try
        {
            using var lines = File.OpenText(PidFile);
            return int.TryParse(lines.ReadLine(), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    // A postmaster's working directory is its data folder; a process that got its old pid lives elsewhere.
    private bool LivesInDataFolder(int pid)
    {
        try
        {
            return new DirectoryInfo($"/proc/{pid}/cwd").ResolveLinkTarget(returnFinalTarget: false)?.FullName == RealPath(data);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string RealPath(string path)
    {
        var real = "/";
        foreach (var part in Path.GetFullPath(path).Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var next = new DirectoryInfo(Path.Combine(real, part));
            real = next.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? next.FullName;
        }

        return real;
    }

    // A dead pid is cleared by the postmaster itself, which also checks for orphaned backends; a pid that now belongs to another program would keep it from starting.
    private void RemoveForeignPid()
    {
        if (Postmaster() is { } pid && Directory.Exists($"/proc/{pid}") && !LivesInDataFolder(pid))
        {
            File.Delete(PidFile);
        }
    }

    private static string SocketFolder(string folder)
    {
        var beside = Path.Combine(folder, "socket");
        if (Encoding.UTF8.GetByteCount(Path.Combine(beside, ".s.PGSQL.5432")) <= LongestSocketPath && beside.All(IsPlain))
        {
            return beside;
        }

        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))[..16];
        return Path.Combine(Path.GetTempPath(), $"usage-cloud-{name}");
    }

    // The socket's folder goes through a shell (pg_ctl -o), a list with commas (unix_socket_directories) and another one (Npgsql's Host).
    private static bool IsPlain(char letter) => char.IsAsciiLetterOrDigit(letter) || letter is '/' or '.' or '-' or '_' or '+' or '@';

    private static async Task<FileStream> LockAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                await Task.Delay(50, cancellation); // the holder is starting or stopping the server
            }
        }
    }
}
