using System.Diagnostics;
using System.Globalization;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Tests.Database;

/// <summary>The cluster that <c>serve</c> starts for itself, with fsync on, killed the hard way.</summary>
public sealed class PrivateClusterTests : IDisposable
{
    private readonly string state = Directory.CreateTempSubdirectory("usage-cloud-cluster-").FullName;

    private string Data => Path.Combine(state, "postgres", "data");

    public void Dispose() => Directory.Delete(state, recursive: true);

    [Fact]
    public async Task Cluster_survives_kill_9_is_adopted_and_stops_with_its_last_user()
    {
        var settings = new CloudSettings { State = state };
        var nothing = await Assert.ThrowsAsync<DatabaseUnavailableException>(async () => await CloudDatabase.OpenExistingAsync(settings, default));
        Assert.Contains($"no database in {state}", nothing.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Data));
        await using (var first = await CloudDatabase.OpenAsync(settings, default))
        {
            Assert.Equal("on on usage_service", await AskAsync(first, "SELECT current_setting('fsync') || ' ' || current_setting('synchronous_commit') || ' ' || current_user"));
            await AskAsync(first, "INSERT INTO gateway VALUES ('kept', now())");

            // A second process (a verb beside serve) shares the cluster and leaves it running.
            await using (var second = await CloudDatabase.OpenExistingAsync(settings, default))
            {
                Assert.Equal("kept", await AskAsync(second, "SELECT gateway FROM gateway"));
            }

            Assert.True(first.Cluster!.IsRunning());

            // kill -9 of the postmaster: what was committed is there after the next start.
            await KillAsync(Postmaster());
            await first.Cluster.EnsureRunningAsync(default);
            first.Source.Clear();
            Assert.Equal("kept", await AskAsync(first, "SELECT gateway FROM gateway"));
        }

        Assert.False(File.Exists(Path.Combine(Data, "postmaster.pid")));

        // A pid file that names a process which is no PostgreSQL does not keep it from starting.
        await File.WriteAllTextAsync(Path.Combine(Data, "postmaster.pid"), $"{Environment.ProcessId}\n{Data}\n");
        await using var again = await CloudDatabase.OpenAsync(settings, default);
        Assert.Equal("kept", await AskAsync(again, "SELECT gateway FROM gateway"));
    }

    [Fact]
    public async Task A_folder_may_have_a_name_that_a_shell_or_a_list_would_take_apart()
    {
        var settings = new CloudSettings { State = Path.Combine(state, "of my site, 'quay' for 5 $HOME \"a\" `b`") };
        string socket;
        await using (var opened = await CloudDatabase.OpenAsync(settings, default))
        {
            Assert.Equal("usage_service", await AskAsync(opened, "SELECT current_user"));
            socket = new Npgsql.NpgsqlConnectionStringBuilder(opened.Cluster!.ConnectionString("usage_service")).Host!;
            Assert.True(File.Exists(Path.Combine(socket, ".s.PGSQL.5432")));
            Assert.False(socket.StartsWith(state, StringComparison.Ordinal), "a socket's path cannot hold such names");
        }

        Assert.False(Directory.Exists(socket), "nothing is left behind among temporary files");
        await using var again = await CloudDatabase.OpenExistingAsync(settings, default);
        Assert.Equal("usage_service", await AskAsync(again, "SELECT current_user"));
    }

    private int Postmaster() => int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    private static async Task KillAsync(int pid)
    {
        using var postmaster = Process.GetProcessById(pid);
        postmaster.Kill();
        await postmaster.WaitForExitAsync();
    }

    private static async Task<object?> AskAsync(CloudDatabase database, string sql)
    {
        await using var command = database.Source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
