using NodaTime;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.Edge.Tests.Simulator;

/// <summary>Sites to test with.</summary>
internal static class ASite
{
    public static readonly Instant Epoch = Instant.FromUtc(2024, 1, 1, 0, 0);
    public static readonly RegisterKey Water = new("diehl", "8DME7100231", ObisCode.WaterVolume);
    public static readonly RegisterKey Factory = new("schneider", "319250442", ObisCode.ActiveImport);

    public static string DemoFile { get; } = Path.Combine(SharedCases.RepositoryRoot, "deploy", "demo-site", "site.yaml");

    public static SimulatedSite Demo(long? seed = null) => Of(File.ReadAllText(DemoFile), seed);

    public static SimulatedSite Of(string text, long? seed = null)
    {
        var (site, problems) = SiteFile.Parse(text, seed);
        Assert.True(problems.IsEmpty, string.Join('\n', problems));
        return new SimulatedSite(site!);
    }

    /// <summary>One Modbus meter, with more lines for it.</summary>
    public static SimulatedSite With(params string[] lines) => Of($$"""
        site: test
        hoursAheadOfUtc: 1
        epoch: 2024-01-01T00:00:00Z
        meters:
          - id: m
            model: iEM3155
            unit: 1
            serial: "1001"
            load: household
            yearly: 3500
            registers: { "1-0:1.8.0": 500, "1-0:2.8.0": 7 }
        {{string.Join("\n", lines.Select(l => "    " + l))}}
        """);
}
