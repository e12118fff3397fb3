using System.Globalization;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Demo;
using UsageBilling.Testing;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>A Mosquitto of this road's own, with the deployment's access list and the password file that <c>usage-cloud enroll</c> writes.</summary>
internal sealed class Mosquitto
{
    public const string CloudUser = "usage-cloud";
    public const string CloudPassword = "the cloud's own";
    private const string Program = "/usr/sbin/mosquitto";

    private readonly Road _road;
    private readonly string _configuration;
    private readonly string _passwords;

    private Mosquitto(Road road)
    {
        _road = road;
        _configuration = Path.Combine(road.Folder, "mosquitto.conf");
        _passwords = Path.Combine(road.Folder, "mosquitto.passwd");
        Port = Road.FreePort();
    }

    public int Port { get; }

    /// <summary>Starts the broker and tells the road's cloud, which is yet to be started, to use it.</summary>
    /// <param name="road">Where it belongs.</param>
    /// <param name="settings">More lines of its configuration.</param>
    public static Mosquitto Start(Road road, params string[] settings)
    {
        Assert.SkipUnless(File.Exists(Program), "Mosquitto is not installed (apt-get install mosquitto)");
        var broker = new Mosquitto(road);
        var password = Path.Combine(road.Folder, "cloud.password");
        File.WriteAllText(password, CloudPassword);
        File.WriteAllText(broker._passwords, $"{CloudUser}:{GatewayPasswords.Hash(CloudPassword)}\n");
        File.WriteAllLines(broker._configuration,
        [
            $"user {Environment.UserName}",
            $"listener {broker.Port.ToString(CultureInfo.InvariantCulture)} 127.0.0.1",
            "allow_anonymous false",
            $"password_file {broker._passwords}",
            $"acl_file {Path.Combine(SharedCases.RepositoryRoot, "deploy", "mosquitto", "acl")}",
            .. settings,
        ]);
        road.CloudArguments.AddRange(["--broker", $"mqtt://127.0.0.1:{broker.Port}", "--broker-user", CloudUser, "--broker-password-file", password]);
        broker.Start();
        return broker;
    }

    /// <summary>Starts it again.</summary>
    public void Start() => _road.Start("broker", Program, ["-c", _configuration]);

    /// <summary>Lets in the gateways that are enrolled by now.</summary>
    public async Task RefreshPasswordsAsync(CancellationToken token)
    {
        await _road.CloudAsync(["enroll", "--mosquitto-passwd", _passwords], token);
        Signal.Send(Signal.HangUp, _road.Piece("broker").Id);
    }
}

/// <summary>Signals to processes that this road started.</summary>
internal static class Signal
{
    public const int HangUp = 1;
    public const int Kill = 9;
    public const int Continue = 18;
    public const int Stop = 19;

    public static void Send(int signal, params IEnumerable<int> processes)
    {
        foreach (var process in processes)
        {
            Assert.Equal(0, Child.Kill(process, signal));
        }
    }
}
