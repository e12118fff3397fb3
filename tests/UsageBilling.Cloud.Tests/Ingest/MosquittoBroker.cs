using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Ingest;

/// <summary>A real Mosquitto with the deployment's access list and a password file that <c>usage-cloud enroll</c> wrote.</summary>
internal sealed class MosquittoBroker : IAsyncDisposable
{
    private const string Program = "/usr/sbin/mosquitto";
    private const string CloudPassword = "the cloud's own";

    private readonly string folder;
    private readonly Process process;

    private MosquittoBroker(string folder, Process process, int port) => (this.folder, this.process, Port) = (folder, process, port);

    public int Port { get; }

    private string PasswordFile => Path.Combine(folder, "cloud-password");

    /// <summary>Starts a broker on a free port; <paramref name="settings"/> are lines of its configuration.</summary>
    public static async Task<MosquittoBroker> StartAsync(MigratedDatabase database, params string[] settings)
    {
        Assert.SkipUnless(File.Exists(Program), "Mosquitto is not installed (apt-get install mosquitto)");
        var folder = Directory.CreateTempSubdirectory("usage-cloud-mosquitto-").FullName;
        var passwords = Path.Combine(folder, "passwd");
        await File.WriteAllTextAsync(passwords, $"usage-cloud:{GatewayPasswords.Hash(CloudPassword)}\n");
        Assert.Equal(0, await EnrollCommand.Build().Parse(["--mosquitto-passwd", passwords, "--database", database.Postgres.ServiceConnectionString]).InvokeAsync());
        await File.WriteAllTextAsync(Path.Combine(folder, "cloud-password"), CloudPassword);
        var port = FreePort();
        var configuration = Path.Combine(folder, "mosquitto.conf");
        await File.WriteAllLinesAsync(configuration,
        [
            $"user {Environment.UserName}",
            $"listener {port} 127.0.0.1",
            "allow_anonymous false",
            $"password_file {passwords}",
            $"acl_file {Path.Combine(SharedCases.RepositoryRoot, "deploy", "mosquitto", "acl")}",
            .. settings,
        ]);
        var process = Process.Start(new ProcessStartInfo(Program, ["-c", configuration]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        await UntilListeningAsync(process, port);
        return new MosquittoBroker(folder, process, port);
    }

    /// <summary>Settings of a cloud that uses this broker.</summary>
    public CloudSettings For(CloudSettings settings) => settings with
    {
        Broker = new BrokerAddress("127.0.0.1", Port, false),
        BrokerUser = "usage-cloud",
        BrokerPasswordFile = PasswordFile,
    };

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task UntilListeningAsync(Process process, int port)
    {
        while (true)
        {
            Assert.False(process.HasExited, "Mosquitto ended at once");
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                await Task.Yield();
            }
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
