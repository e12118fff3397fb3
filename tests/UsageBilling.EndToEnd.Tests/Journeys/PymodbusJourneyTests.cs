using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using NodaTime;
using UsageBilling.Demo;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.EndToEnd.Tests.Journeys;

/// <summary>Meters served by python3-pymodbus, read by the gateway by templates that a site adds itself, to the exact value in the cloud's register day.</summary>
public sealed class PymodbusJourneyTests
{
    private const string Backwards = """
        template: backwards
        manufacturer: acme
        model: Backwards 64
        function: 3
        order: DCBA
        registers:
          - { obis: "1-0:1.8.0", address: 200, type: u64, resolution: 1 Wh, digits: 15 }
          - { obis: "1-0:2.8.0", address: 204, type: u64, resolution: 1 Wh, digits: 15 }
        serial: { address: 300, type: u32 }
        """;

    private const string Swapped = """
        template: swapped
        manufacturer: bolt
        model: Swapped double
        function: 4
        order: BADC
        registers:
          - { obis: "1-0:1.8.0", address: 40, type: f64, resolution: 0.01 kWh, digits: 12 }
          - { obis: "1-0:2.8.0", address: 50, type: f32, resolution: 0.01 kWh, digits: 9 }
        """;

    // The double nearest to 7654321.005 lies below it, so it rounds down; single precision carries 20330.76 as 20330.759765625.
    private static readonly (RegisterKey Register, long Value, int Scale)[] Expected =
    [
        (new RegisterKey("acme", "4711", ObisCode.ActiveImport), 123_456_789_012, 0),
        (new RegisterKey("acme", "4711", ObisCode.ActiveExport), 98_765_432, 0),
        (new RegisterKey("bolt", "B-9", ObisCode.ActiveImport), 765_432_100, 1),
        (new RegisterKey("bolt", "B-9", ObisCode.ActiveExport), 2_033_076, 1),
    ];

    [Fact]
    public async Task Meters_by_another_hand_reach_the_register_day_to_the_exact_value()
    {
        Assert.SkipUnless(Directory.Exists("/usr/lib/python3/dist-packages/pymodbus"), "pymodbus is not installed (apt-get install python3-pymodbus)");
        var token = TestContext.Current.CancellationToken;
        await using var journey = Journey.Create("", road => $$"""
            templates: templates
            buses: [ { id: wall, modbus-tcp: 127.0.0.1:{{road.ModbusPort}}, timeout-ms: 5000 } ]
            meters:
              - { id: one, template: backwards, bus: wall, unit: 3, serial: "4711" }
              - { id: two, template: swapped, bus: wall, unit: 9, serial: B-9 }
            """);
        var templates = Directory.CreateDirectory(Path.Combine(journey.Road.Folder, "templates")).FullName;
        await File.WriteAllTextAsync(Path.Combine(templates, "backwards.yaml"), Backwards, token);
        await File.WriteAllTextAsync(Path.Combine(templates, "swapped.yaml"), Swapped, token);
        using var site = await StartSiteAsync(journey.Road.ModbusPort, token);
        try
        {
            var shown = JsonSerializer.Deserialize<JsonElement>(await Child.RunAsync(
                "usage-gateway read", Road.Program("UsageBilling.Edge", "usage-gateway"), ["read", "--config", journey.Road.GatewayFile, "--json"], null, null, token));
            Assert.Equal(
                Expected.Select(e => (e.Register.ToString(), e.Value, e.Scale)),
                shown.GetProperty("registers").EnumerateArray().Select(r => (r.GetProperty("register").GetString()!, r.GetProperty("value").GetInt64(), r.GetProperty("scale").GetInt32())));

            await journey.OpenAsync(Utility.Document(
                new ASupply("wall-one", "household-flat", "2026-01-01", "2026-02-01", new AMeter("acme", "4711", "1-0:1.8.0", 0, 15, "2025-12-31T00:00:00Z")),
                new ASupply("wall-one-out", "household-flat", "2026-01-01", "2026-02-01", new AMeter("acme", "4711", "1-0:2.8.0", 0, 15, "2025-12-31T00:00:00Z")),
                new ASupply("wall-two", "household-flat", "2026-01-01", "2026-02-01", new AMeter("bolt", "B-9", "1-0:1.8.0", 1, 12, "2025-12-31T00:00:00Z")),
                new ASupply("wall-two-out", "household-flat", "2026-01-01", "2026-02-01", new AMeter("bolt", "B-9", "1-0:2.8.0", 1, 9, "2025-12-31T00:00:00Z"))), token);
            await using var time = new SimulatedTime(journey.Road.Control);
            await journey.TravelAsync("2026-01-05T10:00:00Z", "2026-01-05T11:30:00Z", token);
            foreach (var (register, value, _) in Expected)
            {
                var day = await journey.RegisterDayAsync(register, new LocalDate(2026, 1, 5), token);
                Assert.Equal(Enumerable.Range(0, 96).Select(slot => slot is >= 40 and <= 46 ? value : (long?)null), Enumerable.Range(0, 96).Select(slot => day[slot]?.Value));
            }
        }
        finally
        {
            site.StandardInput.Close();
            await site.WaitForExitAsync(token);
        }
    }

    private static async Task<Process> StartSiteAsync(int port, CancellationToken token)
    {
        // Debian's own Python: another one on the path does not see Debian's packages.
        var script = Path.Combine(SharedCases.RepositoryRoot, "tests", "UsageBilling.EndToEnd.Tests", "Journeys", "pymodbus_site.py");
        var site = Process.Start(new ProcessStartInfo("/usr/bin/python3", [script, $"{port}"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Assert.Equal("READY", await site.StandardOutput.ReadLineAsync(token));
        using var probe = new TcpClient();
        while (true)
        {
            try
            {
                await probe.ConnectAsync(IPAddress.Loopback, port, token);
                return site;
            }
            catch (SocketException) when (!site.HasExited)
            {
                await Task.Delay(20, token);
            }
        }
    }
}
