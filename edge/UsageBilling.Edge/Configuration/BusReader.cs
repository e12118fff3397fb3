using System.Globalization;
using System.IO.Ports;

namespace UsageBilling.Edge.Configuration;

/// <summary>Reads <c>buses:</c>.</summary>
internal sealed class BusReader
{
    private static readonly string[] Parities = ["none", "odd", "even"];
    private static readonly string[] SerialKeys = ["baud", "parity", "stop-bits"];
    private readonly Dictionary<string, long> _endpoints = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Buses by name, in order; a bus with mistakes is there with null, so that its meters are not called homeless.</summary>
    public IReadOnlyDictionary<string, BusSettings?> Read(YamlSection root)
    {
        var buses = new OrderedDictionary<string, BusSettings?>(StringComparer.Ordinal);
        foreach (var section in root.List("buses"))
        {
            var id = GatewayConfigurationFile.ReadName(section, "id");
            var bus = ReadBus(section, id);
            section.Done();
            if (id is not null && !buses.TryAdd(id, bus))
            {
                section.Problem("id", $"there is already a bus '{id}'; give each bus its own id");
            }
        }

        return buses;
    }

    private BusSettings? ReadBus(YamlSection section, string? id)
    {
        var timeout = TimeSpan.FromMilliseconds(section.Number("timeout-ms", 10, 60_000) ?? 1_000);
        var tcp = section.Text("modbus-tcp");
        var rtu = section.Text("modbus-rtu");
        var baud = section.Number("baud", 300, 921_600);
        var parity = section.OneOf("parity", Parities) ?? 2;
        var stopBits = section.Number("stop-bits", 1, 2) ?? (parity == 0 ? 2 : 1);
        if (tcp is null == rtu is null)
        {
            section.Problem(tcp is null ? "" : "modbus-rtu", "a bus is either 'modbus-tcp: host:port' or 'modbus-rtu: /dev/ttyUSB0'; give exactly one of them");
            return null;
        }

        if (tcp is not null)
        {
            foreach (var key in SerialKeys.Where(section.Has))
            {
                section.Problem(key, $"'{key}' belongs to serial lines; remove it");
            }
        }

        var endpoint = (tcp ?? rtu)!;
        if (!_endpoints.TryAdd(endpoint, section.Line("id")))
        {
            section.Problem(tcp is null ? "modbus-rtu" : "modbus-tcp", $"{endpoint} is already the bus of line {_endpoints[endpoint]}; put its meters on that bus");
        }

        if (rtu is not null)
        {
            return id is null ? null : new ModbusRtuBus(id, timeout, rtu, (int)(baud ?? 9_600), (Parity)parity, stopBits == 2 ? StopBits.Two : StopBits.One);
        }

        var colon = endpoint.LastIndexOf(':');
        var host = colon < 0 ? endpoint : endpoint[..colon].Trim('[', ']');
        var port = 502;
        if (host.Length == 0 || (colon >= 0 && (!int.TryParse(endpoint.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is < 1 or > 65_535)))
        {
            section.Problem("modbus-tcp", $"'{endpoint}' must be a host and a port from 1 to 65535, like 192.168.1.20:502");
            return null;
        }

        return id is null ? null : new ModbusTcpBus(id, timeout, host, port);
    }
}
