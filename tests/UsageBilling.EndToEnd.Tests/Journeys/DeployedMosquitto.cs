using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using UsageBilling.Demo;
using UsageBilling.Testing;

namespace UsageBilling.EndToEnd.Tests.Journeys;

/// <summary>
/// A real Mosquitto with the files of <c>deploy/</c>: its configuration (only paths, port and address are other ones here), its access list, certificates and
/// password from <c>make-secrets</c>, and a password file written by <c>usage-cloud enroll</c>.
/// </summary>
internal sealed class DeployedMosquitto
{
    private const string Program = "/usr/sbin/mosquitto";
    private const int HangUp = 1;

    private readonly Road _road;
    private readonly string _folder;

    private DeployedMosquitto(Road road, string folder) => (_road, _folder) = (road, folder);

    public string Authority => Path.Combine(_folder, "secrets", "ca.crt");

    private string Passwords => Path.Combine(_folder, "passwords", "passwd");

    /// <summary>Starts the broker as piece "broker" of the road, and tells the cloud to use it.</summary>
    public static async Task<DeployedMosquitto> StartAsync(Road road, CancellationToken token)
    {
        Assert.SkipUnless(File.Exists(Program), "Mosquitto is not installed (apt-get install mosquitto)");
        var folder = Path.Combine(road.Folder, "deploy");
        var broker = new DeployedMosquitto(road, folder);
        await broker.MakeSecretsAsync(token);
        var port = Road.FreePort();
        road.CloudEnvironment["USAGE_CLOUD_BROKER"] = $"mqtts://localhost:{port}";
        road.CloudEnvironment["USAGE_CLOUD_BROKER_USER"] = "usage-cloud";
        road.CloudEnvironment["USAGE_CLOUD_BROKER_PASSWORD_FILE"] = Path.Combine(folder, "secrets", "mqtt-cloud");
        road.CloudEnvironment["USAGE_CLOUD_BROKER_CA"] = broker.Authority;
        await broker.WritePasswordsAsync(token);
        road.Start("broker", Program, ["-c", broker.WriteConfiguration(port)]);
        await road.UntilAsync("Mosquitto listens", async () =>
        {
            road.Piece("broker").RequireRunning();
            using var probe = new TcpClient();
            try
            {
                await probe.ConnectAsync(IPAddress.Loopback, port, token);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }, token);
        return broker;
    }

    /// <summary>Gives the broker the passwords of all gateways that are enrolled by now.</summary>
    public async Task TakeUpEnrolmentsAsync(CancellationToken token)
    {
        await WritePasswordsAsync(token);
        using var kill = Process.Start("/bin/kill", [$"-{HangUp}", $"{_road.Piece("broker").Id}"]);
        await kill.WaitForExitAsync(token);
    }

    private Task WritePasswordsAsync(CancellationToken token) => _road.CloudAsync(["enroll", "--mosquitto-passwd", Passwords], token);

    // The script works in the folder that it lies in.
    private async Task MakeSecretsAsync(CancellationToken token)
    {
        foreach (var part in new[] { "config", "passwords", "data" })
        {
            Directory.CreateDirectory(Path.Combine(_folder, part));
        }

        var script = Path.Combine(_folder, "make-secrets");
        File.Copy(Path.Combine(SharedCases.RepositoryRoot, "deploy", "make-secrets"), script);
        await Child.RunAsync("make-secrets", "/bin/bash", [script], null, null, token);
    }

    private string WriteConfiguration(int port)
    {
        var deployed = Path.Combine(SharedCases.RepositoryRoot, "deploy", "mosquitto");
        var text = File.ReadAllText(Path.Combine(deployed, "mosquitto.conf"))
            .Replace("/mosquitto/passwords/", Path.Combine(_folder, "passwords") + "/", StringComparison.Ordinal)
            .Replace("/mosquitto/config/acl", Path.Combine(deployed, "acl"), StringComparison.Ordinal)
            .Replace("/mosquitto/certs/", Path.Combine(_folder, "secrets") + "/", StringComparison.Ordinal)
            .Replace("/mosquitto/data/", Path.Combine(_folder, "data") + "/", StringComparison.Ordinal)
            .Replace("listener 8883", $"listener {port} 127.0.0.1", StringComparison.Ordinal);
        var file = Path.Combine(_folder, "config", "mosquitto.conf");

        // In its image the broker starts as its own user; here it must be able to read this folder.
        File.WriteAllText(file, $"user {Environment.UserName}\n{text}");
        return file;
    }
}
