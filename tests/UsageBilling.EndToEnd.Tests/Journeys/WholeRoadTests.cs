using System.Text.Json.Nodes;
using UsageBilling.Demo;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;

namespace UsageBilling.EndToEnd.Tests.Journeys;

/// <summary>
/// Simulated meters → gateway → broker → cloud → bill → invoice, over each kind of broker: four days of October 2025 with the one of 100 quarter-hours.
/// </summary>
public sealed class WholeRoadTests
{
    private const string From = "2025-10-23T22:00:00Z";
    private const string To = "2025-10-27T23:00:00Z"; // four days and the repeated hour
    private static readonly RegisterKey House = new("abb", "60418873", ObisCode.ActiveImport);
    private static readonly RegisterKey Water = new("diehl", "8DME7100231", ObisCode.WaterVolume);

    private const string Site = """
        site: quay
        hoursAheadOfUtc: 1
        epoch: 2025-01-01T00:00:00Z
        seed: 7
        meters:
          - { id: house, model: B23, unit: 13, serial: "60418873", load: household, yearly: 4300, registers: { "1-0:1.8.0": 1733090 } }
          - { id: water, manufacturer: diehl, serial: 8DME7100231, pulse: { pin: 17, obis: "8-0:1.0.0", scale: -2, widthMs: 120 }, load: water, yearly: 900, registers: { "8-0:1.0.0": 40218 } }
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static JsonObject Provisioning => Utility.Document(
        new ASupply("quay-5", "household-time-of-use", "2025-10-24", "2025-10-28", new AMeter("abb", "60418873", "1-0:1.8.0", 1, 9, "2025-01-01T00:00:00Z")),
        new ASupply("quay-5-water", "water-tiered", "2025-10-24", "2025-10-28", new AMeter("diehl", "8DME7100231", "8-0:1.0.0", -2, 8, "2025-01-01T00:00:00Z")));

    [Fact]
    public async Task Through_the_embedded_broker()
    {
        await using var journey = Journey.Create(Site, Meters);
        await journey.OpenAsync(Provisioning, Token);
        await TravelAndBillAsync(journey);
    }

    [Fact]
    public async Task Through_the_embedded_broker_with_TLS()
    {
        await using var journey = Journey.Create(Site, Meters, more: "cloud: { tls: true, ca: broker.pem }");
        var pem = Path.Combine(journey.Road.Folder, "broker.pem");
        await MakeCertificateAsync(pem);
        var port = Road.FreePort();
        journey.Road.CloudArguments.AddRange(["--mqtt-tls-port", $"{port}", "--mqtt-certificate", pem]);
        await journey.OpenAsync(Provisioning, Token);
        var enrolment = await File.ReadAllTextAsync(Path.Combine(journey.Road.GatewayState, "enrolment.json"), Token);
        Assert.Contains($"\"port\": {port}", enrolment, StringComparison.Ordinal);
        await TravelAndBillAsync(journey);
    }

    [Fact]
    public async Task Through_Mosquitto_as_deployed_with_TLS_and_access_list()
    {
        await using var journey = Journey.Create(Site, Meters, more: "cloud: { tls: true, ca: deploy/secrets/ca.crt }");
        var broker = await DeployedMosquitto.StartAsync(journey.Road, Token);
        await journey.OpenAsync(Provisioning, Token);
        await broker.TakeUpEnrolmentsAsync(Token);
        await TravelAndBillAsync(journey);
    }

    [Fact]
    public async Task A_meter_exchanged_at_seven_past_ten_bills_both_parts()
    {
        // 2025-10-15 10:07 in Bremen. What both meters show then is in the installer's protocol.
        const string Exchange = "2025-10-15T08:07:00Z";
        const string Site = $$"""
            site: quay
            hoursAheadOfUtc: 1
            epoch: 2025-01-01T00:00:00Z
            seed: 11
            meters:
              - id: house
                model: B23
                unit: 13
                serial: "60418873"
                load: household
                yearly: 4300
                registers: { "1-0:1.8.0": 0 }
                rollsOverAt: 2025-10-14T20:00:00Z
                exchanged: [ { at: {{Exchange}}, serial: "70550012", registers: { "1-0:1.8.0": 17 } } ]
            """;
        var (old, fresh) = (House, new RegisterKey("abb", "70550012", ObisCode.ActiveImport));
        var oracle = Oracle(Site);
        var at = Journey.At(Exchange);
        var provisioning = Utility.Document(new ASupply("quay-5", "household-flat", "2025-10-14", "2025-11-03",
            new AMeter("abb", old.Serial, "1-0:1.8.0", 1, 9, "2025-01-01T00:00:00Z") { RemovedAt = Exchange, End = oracle.RegisterAt(old, at) },
            new AMeter("abb", fresh.Serial, "1-0:1.8.0", 1, 9, Exchange) { Start = 17 }));
        await using var journey = Journey.Create(Site, road => Bus(road) + """
            meters:
              - { id: house, template: abb-b23, bus: panel, unit: 13, serial: auto, registers: "1-0:1.8.0" }
            """);
        await journey.OpenAsync(provisioning, Token);
        await journey.Road.StartSiteAsync(Token);
        await journey.TravelAsync("2025-10-13T22:00:00Z", "2025-11-02T23:00:00Z", Token);
        var october = (await journey.BillAsync("2025-10", 1, Token))["quay-5 2025-10"];
        var november = (await journey.BillAsync("2025-11", 1, Token))["quay-5 2025-11"];

        var (start, turn, end) = (Journey.At("2025-10-13T22:00:00Z"), Journey.At("2025-10-31T23:00:00Z"), Journey.At("2025-11-02T23:00:00Z"));
        const long Turns = 1_000_000_000; // the old meter passes its highest value on the way
        var first = oracle.RegisterAt(old, at) + Turns - oracle.RegisterAt(old, start);
        var second = oracle.RegisterAt(fresh, turn) - 17;
        Assert.Equal(
            [(old.Serial, Kwh(oracle.RegisterAt(old, start)), Kwh(oracle.RegisterAt(old, at)), Kwh(first)), (fresh.Serial, 0.17m, Kwh(oracle.RegisterAt(fresh, turn)), Kwh(second))],
            october.Supply.Meters.Select(m => (m.Register.Serial, m.Start.Value, m.End.Value, m.Consumption)));
        Assert.Equal((at, ReadKind.Exchange, at, ReadKind.Exchange), (
            october.Supply.Meters[0].End.At, october.Supply.Meters[0].End.Kind, october.Supply.Meters[1].Start.At, october.Supply.Meters[1].Start.Kind));
        Assert.Equal(Kwh(first + second), october.Usage[0].Quantity);
        Assert.Equal(Kwh(first + second), october.Charges.Lines.Single(l => l.Component == "energy").Quantity);

        // Bill N's end is bill N+1's start, and over both bills what was billed is what the registers moved by.
        Assert.Equal(october.Supply.Meters[1].End.Value, Assert.Single(november.Supply.Meters).Start.Value);
        Assert.Equal(Kwh(first + oracle.RegisterAt(fresh, end) - 17), october.Usage[0].Quantity + november.Usage[0].Quantity);
    }

    private static async Task TravelAndBillAsync(Journey journey)
    {
        await journey.Road.StartSiteAsync(Token);
        await journey.TravelAsync(From, To, Token);
        var bills = await journey.BillAsync("2025-10", 2, Token);
        var oracle = Oracle(Site);
        foreach (var (point, register, unit) in new[] { ("quay-5", House, 100m), ("quay-5-water", Water, 100m) })
        {
            var bill = bills[point + " 2025-10"];
            var meter = Assert.Single(bill.Supply.Meters);
            var (start, end) = (oracle.RegisterAt(register, Journey.At(From)), oracle.RegisterAt(register, Journey.At(To)));
            Assert.True(end > start, $"{register} stood still");
            Assert.Equal((start / unit, end / unit), (meter.Start.Value, meter.End.Value));
            Assert.Equal((end - start) / unit, bill.Usage[0].Quantity);
            Assert.Equal([96, 96, 100, 96], bill.Usage[0].Days.Select(d => d.Intervals));
            Assert.All(bill.Usage[0].Days, d => Assert.Equal((0, 0), (d.Estimated, d.Missing)));
        }
    }

    private static string Bus(Road road) => $"buses: [ {{ id: panel, modbus-tcp: 127.0.0.1:{road.ModbusPort}, timeout-ms: 2000 }} ]\n";

    private static string Meters(Road road) => Bus(road) + """
        meters:
          - { id: house, template: abb-b23, bus: panel, unit: 13, serial: "60418873", registers: "1-0:1.8.0" }
          - id: water
            manufacturer: diehl
            serial: 8DME7100231
            pulse: { source: gpio-controller, pin: 17, obis: "8-0:1.0.0", value: 1/100 m3, debounce-ms: 20, start: 402.18 m3, start-at: 2025-01-01T00:00:00Z }
        """;

    private static decimal Kwh(long counts) => counts / 100m;

    private static SimulatedSite Oracle(string site)
    {
        var (parsed, problems) = SiteFile.Parse(site, null);
        Assert.True(problems.IsEmpty, string.Join('\n', problems));
        return new SimulatedSite(parsed!);
    }

    // One file with key and certificate, which is its own authority.
    private static async Task MakeCertificateAsync(string pem)
    {
        var (key, certificate) = (pem + ".key", pem + ".crt");
        await Child.RunAsync("openssl", "/usr/bin/openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
            null, null, Token);
        await File.WriteAllTextAsync(pem, await File.ReadAllTextAsync(certificate, Token) + await File.ReadAllTextAsync(key, Token), Token);
    }
}
