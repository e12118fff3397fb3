namespace UsageBilling.Cloud.Tests.Database;

public sealed class CloudSettingsTests
{
    [Fact]
    public void Nothing_given_means_the_defaults()
    {
        var settings = CloudSettings.Read(_ => null);
        Assert.Equal((8080, 1883, "127.0.0.1"), (settings.HttpPort, settings.MqttPort, settings.Bind.ToString()));
        Assert.EndsWith("/.usage-cloud", settings.State, StringComparison.Ordinal);
        Assert.Equal(CloudRoles.Ingest | CloudRoles.Billing | CloudRoles.Web, settings.Roles);
        Assert.Null(settings.Broker);
    }

    [Fact]
    public void Everything_wrong_is_listed_with_what_to_do()
    {
        var given = new Dictionary<string, string>
        {
            ["http-port"] = "http", ["bind"] = "localhost!", ["broker"] = "tcp://x", ["roles"] = "ingest,cooking", ["broker-password-file"] = "/no/such/file", ["mqtt-tls-port"] = "8883",
        };
        var problems = Assert.Throws<SettingsException>(() => CloudSettings.Read(name => given.GetValueOrDefault(name))).Message.Split(Environment.NewLine);
        Assert.Contains(problems, p => p.StartsWith("--http-port 'http' must be a port", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("0.0.0.0 for all", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("must be mqtt://host:port", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("out of ingest,billing,web", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("there is no such file", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("--mqtt-tls-port and --mqtt-certificate belong together", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("mqtt://broker", 1883, false)]
    [InlineData("mqtts://broker", 8883, true)]
    [InlineData("mqtts://broker:9000", 9000, true)]
    public void A_broker_is_named_by_scheme_host_and_port(string text, int port, bool tls) =>
        Assert.Equal(new BrokerAddress("broker", port, tls), CloudSettings.Read(name => name == "broker" ? text : null).Broker);
}
