using System.Text.Json;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Protocols;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>The site of the fault tests, as its simulator, its gateway and the cloud each are told of it, and as the function that knows every register.</summary>
internal static class FaultSite
{
    public const string Gateway = "faults-1";
    public const int IntervalMinutes = 5;

    /// <summary>First boundary that is sampled.</summary>
    public static readonly Instant From = Instant.FromUtc(2021, 2, 1, 0, 0);

    /// <summary>Far enough that a gateway samples for as long as a test wants.</summary>
    public static readonly Instant Far = Instant.FromUtc(2026, 10, 1, 0, 0);

    public static readonly Duration Interval = Duration.FromMinutes(IntervalMinutes);

    public const string Yaml = """
        site: faults
        hoursAheadOfUtc: 1
        epoch: 2021-01-01T00:00:00Z
        seed: 20250201
        meters:
          - id: home
            model: SDM630
            unit: 11
            serial: "21340117"
            load: household
            yearly: 3150
            registers: { "1-0:1.8.0": 1204511 }
          - id: roof
            model: B23
            unit: 14
            serial: "60418901"
            load: solar
            yearly: 3900
            peakKilowatts: 6
            registers: { "1-0:1.8.0": 412077, "1-0:2.8.0": 655310 }
          - id: water
            manufacturer: diehl
            serial: "8DME7100231"
            pulse: { pin: 17, obis: "8-0:1.0.0", scale: -2, widthMs: 120 }
            load: water
            yearly: 124
            registers: { "8-0:1.0.0": 40218 }
        """;

    /// <summary>The oracle.</summary>
    public static SimulatedSite Oracle { get; } = new(SiteFile.Parse(Yaml).Site ?? throw new InvalidOperationException("the site of the fault tests does not parse"));

    /// <summary>The gateway's configuration.</summary>
    public static string GatewayYaml(int modbusPort, string state) => $"""
        gateway: {Gateway}
        state: {state}
        sampling: {'{'} interval: {IntervalMinutes}, live: 0 {'}'}
        cloud: {'{'} resend-after: 1 {'}'}
        buses:
          - id: panel
            modbus-tcp: 127.0.0.1:{modbusPort}
            timeout-ms: 2000
        meters:
          - id: home
            template: eastron-sdm630
            bus: panel
            unit: 11
            serial: "21340117"
            registers: "1-0:1.8.0"
          - id: roof
            template: abb-b23
            bus: panel
            unit: 14
            serial: "60418901"
          - id: water
            manufacturer: diehl
            serial: 8DME7100231
            pulse:
              source: gpio-controller
              pin: 17
              obis: "8-0:1.0.0"
              value: 1/100 m3
              debounce-ms: 20
              start: 402.18 m3
              start-at: 2021-01-01T00:00:00Z
        """;

    /// <summary>What <c>usage-cloud provision</c> is told: a service point for each meter.</summary>
    public static string Provisioning(Func<RegisterKey, bool>? which = null)
    {
        var registers = Oracle.At(From).Where(r => which?.Invoke(r.Register) ?? true).ToList();
        var address = new { street = "Kai 1", postalCode = "27568", city = "Bremerhaven", country = "DE" };
        return JsonSerializer.Serialize(new
        {
            servicePoints = registers.Select(r => r.Meter).Distinct().Select(m => new { id = m, meteringPoint = "DE-" + m, zone = "Europe/Berlin", address }),
            meters = registers.GroupBy(r => (r.Meter, r.Register.Manufacturer, r.Register.Serial)).Select(m => new
            {
                servicePoint = m.Key.Meter,
                manufacturer = m.Key.Manufacturer,
                serial = m.Key.Serial,
                installedAt = InstantPattern.General.Format(From),
                intervalMinutes = IntervalMinutes,
                registers = m.Select(r => new { obis = r.Register.Obis.ToString(), scale = r.Scale, digits = 9 }),
            }),
        });
    }
}
