using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Testing;

namespace UsageBilling.Edge.Tests.Sampling;

/// <summary>The demo's site and the gateway that reads it.</summary>
internal static class DemoSite
{
    private static string Folder => Path.Combine(SharedCases.RepositoryRoot, "deploy", "demo-site");

    public static SimulatedSite Load() => new(SiteFile.Parse(File.ReadAllText(Path.Combine(Folder, "site.yaml"))).Site!);

    /// <summary>The demo's gateway with another state folder and Modbus port.</summary>
    public static GatewayConfiguration Gateway(string state, int port)
    {
        var file = Path.Combine(Folder, "gateway.yaml");
        using var text = new StreamReader(file);
        var loaded = GatewayConfigurationFile.Load(text, file, name => name switch { "GATEWAY_STATE" => state, "MODBUS_PORT" => $"{port}", _ => null });
        Assert.Empty(loaded.Problems);
        return loaded.Configuration!;
    }
}
