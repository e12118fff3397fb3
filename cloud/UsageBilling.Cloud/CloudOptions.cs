using System.CommandLine;

namespace UsageBilling.Cloud;

/// <summary>The options that verbs share. A value comes from the command line, else from <c>USAGE_CLOUD_NAME</c>, else it is the default.</summary>
internal static class CloudOptions
{
    private static readonly (string Name, string Help)[] Store =
    [
        ("state", "Folder of what this instance keeps (default ./.usage-cloud)."),
        ("database", "PostgreSQL connection string (default: a private cluster in the state folder)."),
    ];

    private static readonly (string Name, string Help)[] Serving =
    [
        ("http-port", "Port of API and pages (default 8080)."),
        ("mqtt-port", "Port of the embedded broker (default 1883)."),
        ("mqtt-tls-port", "Port of the embedded broker's TLS listener (default: none)."),
        ("mqtt-certificate", "PEM file with certificate and key of the TLS listener."),
        ("bind", "Address to listen on (default 127.0.0.1)."),
        ("broker", "External MQTT 5 broker, mqtt://host:port or mqtts://host:port (default: the embedded one)."),
        ("broker-user", "User at the external broker."),
        ("broker-password-file", "File with that user's password."),
        ("broker-ca", "PEM file of the authority behind the external broker's certificate."),
        ("gateway-broker", "The broker as gateways reach it, told to them when they enrol."),
        ("mail-server", "Mail server for alerts, smtp://host:port (STARTTLS) or smtps://host:port (default: none)."),
        ("mail-from", "Sender of alerts by e-mail."),
        ("mail-user", "User at the mail server."),
        ("mail-password-file", "File with that user's password."),
        ("mail-ca", "PEM file of the authority behind the mail server's certificate (default: the system's authorities)."),
        ("webhook-networks", "Networks that are not public and that webhooks may go to, like 10.20.0.0/16 (default: none)."),
        ("roles", "What this instance does, out of ingest,billing,web (default: all)."),
    ];

    /// <summary>Adds <c>--state</c> and <c>--database</c>, which every verb with a database takes.</summary>
    public static Command WithDatabase(this Command command) => With(command, Store);

    /// <summary>Adds the options of <c>serve</c> that stand beside the database's.</summary>
    public static Command WithServing(this Command command) => With(command, Serving);

    /// <summary>The settings of a parsed command line.</summary>
    /// <exception cref="SettingsException">Something is wrong.</exception>
    public static CloudSettings Settings(this ParseResult parsed) => CloudSettings.Read(name =>
    {
        var option = parsed.CommandResult.Command.Options.OfType<Option<string?>>().FirstOrDefault(o => o.Name == "--" + name);
        var given = option is null ? null : parsed.GetValue(option);
        given ??= Environment.GetEnvironmentVariable("USAGE_CLOUD_" + name.Replace('-', '_').ToUpperInvariant());
        return string.IsNullOrWhiteSpace(given) ? null : given;
    });

    private static Command With(Command command, (string Name, string Help)[] options)
    {
        foreach (var (name, help) in options)
        {
            command.Add(new Option<string?>("--" + name) { Description = $"{help} [USAGE_CLOUD_{name.Replace('-', '_').ToUpperInvariant()}]" });
        }

        return command;
    }
}
