using System.Globalization;
using System.Net;
using MailKit.Security;
using MimeKit;

namespace UsageBilling.Cloud;

/// <summary>What an instance does.</summary>
[Flags]
public enum CloudRoles
{
    /// <summary>Nothing but answering health checks.</summary>
    None = 0,

    /// <summary>Takes batches, journals and projects them.</summary>
    Ingest = 1,

    /// <summary>Runs billing workers.</summary>
    Billing = 2,

    /// <summary>Serves API and pages.</summary>
    Web = 4,
}

/// <summary>An MQTT broker's address: <c>mqtt://host:port</c> or <c>mqtts://host:port</c>.</summary>
public sealed record BrokerAddress(string Host, int Port, bool Tls);

/// <summary>The settings of an instance: command line, then <c>USAGE_CLOUD_*</c>, then defaults; checked as a whole before anything starts.</summary>
public sealed record CloudSettings
{
    /// <summary>The folder that holds everything this instance keeps outside PostgreSQL, and the private cluster. The default is <c>./.usage-cloud</c>.</summary>
    public required string State { get; init; }

    /// <summary>Port of API and pages. The default is 8080.</summary>
    public int HttpPort { get; init; } = 8080;

    /// <summary>Port of the embedded broker. The default is 1883.</summary>
    public int MqttPort { get; init; } = 1883;

    /// <summary>Port of the embedded broker's TLS listener; null (the default): none.</summary>
    public int? MqttTlsPort { get; init; }

    /// <summary>PEM file with certificate chain and private key for the TLS listener.</summary>
    public string? MqttCertificate { get; init; }

    /// <summary>The address the listeners bind to. The default is 127.0.0.1.</summary>
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    /// <summary>Connection string; null (the default): a private cluster under <see cref="State"/>.</summary>
    public string? Database { get; init; }

    /// <summary>External broker; null (the default): the embedded one.</summary>
    public BrokerAddress? Broker { get; init; }

    /// <summary>User at the external broker.</summary>
    public string? BrokerUser { get; init; }

    /// <summary>File with the user's password at the external broker.</summary>
    public string? BrokerPasswordFile { get; init; }

    /// <summary>PEM file of the authority that signed the external broker's certificate; null: the system's.</summary>
    public string? BrokerAuthority { get; init; }

    /// <summary>The broker as gateways reach it, told to them when they enrol; null: <see cref="Broker"/>, or this host.</summary>
    public BrokerAddress? GatewayBroker { get; init; }

    /// <summary>The mail server for alerts; null (the default): alerts by e-mail wait, and say so.</summary>
    public MailSettings? Mail { get; init; }

    /// <summary>Networks that are not public and that webhooks may go to all the same. The default is none.</summary>
    public IReadOnlyList<IPNetwork> WebhookNetworks { get; init; } = [];

    /// <summary>What this instance does. The default is everything.</summary>
    public CloudRoles Roles { get; init; } = CloudRoles.Ingest | CloudRoles.Billing | CloudRoles.Web;

    /// <summary>Reads the settings by option name without dashes (<c>http-port</c>).</summary>
    /// <exception cref="SettingsException">Something is wrong; the message lists every problem with its fix.</exception>
    public static CloudSettings Read(Func<string, string?> value)
    {
        var read = new Reader(value);
        var settings = new CloudSettings
        {
            State = Path.GetFullPath(value("state") ?? ".usage-cloud"),
            HttpPort = read.Port("http-port") ?? 8080,
            MqttPort = read.Port("mqtt-port") ?? 1883,
            MqttTlsPort = read.Port("mqtt-tls-port"),
            MqttCertificate = read.File("mqtt-certificate"),
            Bind = read.Address("bind") ?? IPAddress.Loopback,
            Database = value("database"),
            Broker = read.Broker("broker"),
            BrokerUser = value("broker-user"),
            BrokerPasswordFile = read.File("broker-password-file"),
            BrokerAuthority = read.File("broker-ca"),
            GatewayBroker = read.Broker("gateway-broker"),
            Mail = read.Mail(),
            WebhookNetworks = read.Networks("webhook-networks"),
            Roles = read.Roles("roles") ?? CloudRoles.Ingest | CloudRoles.Billing | CloudRoles.Web,
        };
        read.Check(settings.MqttTlsPort is null == (settings.MqttCertificate is null), "--mqtt-tls-port and --mqtt-certificate belong together: give both or neither");
        read.Check(settings.BrokerUser is null == (settings.BrokerPasswordFile is null), "--broker-user and --broker-password-file belong together: give both or neither");
        read.Check(settings.Broker is not null || settings.BrokerUser is null, "--broker-user is for an external broker: give --broker mqtt://host:port too");
        read.Check(!File.Exists(settings.State), $"--state {settings.State} is a file: name a folder");
        read.ThrowIfWrong();
        return settings;
    }

    private sealed class Reader(Func<string, string?> value)
    {
        private readonly List<string> problems = [];

        public void Check(bool holds, string problem)
        {
            if (!holds)
            {
                problems.Add(problem);
            }
        }

        public void ThrowIfWrong()
        {
            if (problems.Count > 0)
            {
                throw new SettingsException(string.Join(Environment.NewLine, problems));
            }
        }

        public int? Port(string name) => Parse<int>(name, "a port between 0 (any free one) and 65535", text =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65535 ? port : null);

        public string? File(string name)
        {
            var path = value(name);
            Check(path is null || System.IO.File.Exists(path), $"--{name} {path}: there is no such file");
            return path is null ? null : Path.GetFullPath(path);
        }

        public IPAddress? Address(string name)
        {
            var text = value(name);
            IPAddress? address = null;
            Check(text is null || IPAddress.TryParse(text, out address), $"--{name} '{text}' must be an IP address such as 127.0.0.1, or 0.0.0.0 for all");
            return address;
        }

        public BrokerAddress? Broker(string name)
        {
            var text = value(name);
            if (text is null)
            {
                return null;
            }

            if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri is { Scheme: "mqtt" or "mqtts", Host.Length: > 0, UserInfo: "", AbsolutePath: "" or "/" })
            {
                var tls = uri.Scheme == "mqtts";
                return new BrokerAddress(uri.Host, uri.Port > 0 ? uri.Port : tls ? 8883 : 1883, tls);
            }

            Check(false, $"--{name} '{text}' must be mqtt://host:port or mqtts://host:port");
            return null;
        }

        public List<IPNetwork> Networks(string name)
        {
            var networks = new List<IPNetwork>();
            foreach (var part in (value(name) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                Check(IPNetwork.TryParse(part, out var network), $"--{name} '{part}' must be a network such as 10.20.0.0/16; several are separated by commas");
                networks.Add(network);
            }

            return networks;
        }

        public MailSettings? Mail()
        {
            var (server, from, user, password, authority) = (value("mail-server"), value("mail-from"), value("mail-user"), File("mail-password-file"), File("mail-ca"));
            Check(server is null == (from is null), "--mail-server and --mail-from belong together: give both or neither");
            Check(user is null == (password is null), "--mail-user and --mail-password-file belong together: give both or neither");
            Check(server is not null || user is null, "--mail-user is for a mail server: give --mail-server smtp://host:port too");
            Check(server is not null || authority is null, "--mail-ca is for a mail server: give --mail-server smtp://host:port too");
            MailboxAddress? sender = null;
            Check(from is null || (MailboxAddress.TryParse(from, out sender) && sender.Domain.Length > 0), $"--mail-from '{from}' must be an address such as alerts@utility.example");
            if (server is null || sender is null)
            {
                return null;
            }

            if (Uri.TryCreate(server, UriKind.Absolute, out var uri) && uri is { Scheme: "smtp" or "smtps", Host.Length: > 0, UserInfo: "", AbsolutePath: "" or "/" })
            {
                var tls = uri.Scheme == "smtps";
                var security = tls ? SecureSocketOptions.SslOnConnect : user is null ? SecureSocketOptions.StartTlsWhenAvailable : SecureSocketOptions.StartTls;
                return new MailSettings(uri.Host, uri.Port > 0 ? uri.Port : tls ? 465 : 587, security, user, password, sender, authority);
            }

            Check(false, $"--mail-server '{server}' must be smtp://host:port or smtps://host:port");
            return null;
        }

        public CloudRoles? Roles(string name) => Parse<CloudRoles>(name, "a list out of ingest,billing,web", text =>
        {
            var roles = CloudRoles.None;
            foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (part is not ("ingest" or "billing" or "web"))
                {
                    return null;
                }

                roles |= Enum.Parse<CloudRoles>(part, ignoreCase: true);
            }

            return roles;
        });

        private T? Parse<T>(string name, string shape, Func<string, T?> parse)
            where T : struct
        {
            if (value(name) is not { } text)
            {
                return null;
            }

            var result = parse(text);
            Check(result is not null, $"--{name} '{text}' must be {shape}");
            return result;
        }
    }
}

/// <summary>Settings that cannot be used; the message says each problem and its fix.</summary>
public sealed class SettingsException(string message) : Exception(message);
