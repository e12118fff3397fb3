using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Edge.Meters;
using UsageBilling.Edge.Meters.Pulses;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Configuration;

/// <summary>Reads <c>meters:</c> and looks for what two meters must not share: id, unit on a bus, register, pin.</summary>
internal sealed class MeterReader(MeterTemplates templates, IReadOnlyDictionary<string, BusSettings?> buses)
{
    private const int MaxPin = 511;
    private static readonly string[] Sources = ["gpio-cdev", "gpio-controller"];
    private static readonly string[] Edges = ["falling", "rising"];
    private static readonly string[] Biases = ["pull-up", "pull-down", "none"];

    private readonly Dictionary<string, long> _ids = [];
    private readonly Dictionary<(string Bus, long Unit), (string Meter, long Line)> _units = [];
    private readonly Dictionary<RegisterKey, (string Meter, long Line)> _registers = [];
    private readonly Dictionary<(string Chip, long Pin), (string Meter, long Line)> _pins = [];

    public ImmutableArray<MeterSettings> Read(YamlSection root)
    {
        var meters = ImmutableArray.CreateBuilder<MeterSettings>();
        foreach (var section in root.List("meters"))
        {
            var id = GatewayConfigurationFile.ReadName(section, "id");
            if (id is not null && !_ids.TryAdd(id, section.Line("id")))
            {
                section.Problem("id", $"there is already a meter '{id}' in line {_ids[id]}; give each meter its own id");
            }

            if (section.Has("pulse") == section.Has("template"))
            {
                section.Problem("", "a meter has either 'template', 'bus' and 'unit' (Modbus) or a section 'pulse'; give exactly one of them");
            }

            MeterSettings? meter = section.Has("pulse") ? ReadPulse(section, id) : ReadModbus(section, id);
            section.Done();
            if (meter is not null)
            {
                meters.Add(meter);
            }
        }

        return meters.ToImmutable();
    }

    private ModbusMeterSettings? ReadModbus(YamlSection section, string? id)
    {
        var templateId = section.Text("template");
        var template = templateId is null ? null : templates.Find(templateId);
        if (templateId is not null && template is null)
        {
            section.Problem("template", $"there is no template '{templateId}'{Spelling.Suggest(templateId, templates.Ids)}");
        }

        template = Choose(section, template);
        var bus = section.RequiredText("bus");
        if (bus is not null && !buses.ContainsKey(bus))
        {
            section.Problem("bus", buses.Count == 0 ? $"there is no bus '{bus}'; add 'buses:' with it" : $"there is no bus '{bus}'{Spelling.Suggest(bus, buses.Keys)}");
        }

        var serialLine = bus is not null && buses.GetValueOrDefault(bus) is ModbusRtuBus;
        var unit = section.RequiredNumber("unit", serialLine ? 1 : 0, serialLine ? 247 : 255);
        if (bus is not null && unit is { } number && !_units.TryAdd((bus, number), (id ?? "?", section.Line("unit"))))
        {
            var (other, line) = _units[(bus, number)];
            section.Problem("unit", $"unit {number} on bus '{bus}' is already meter '{other}' in line {line}; each meter on a bus has its own unit id");
        }

        var serial = GatewayConfigurationFile.ReadName(section, "serial");
        var manufacturer = section.Has("manufacturer") ? GatewayConfigurationFile.ReadName(section, "manufacturer") : template?.Manufacturer;
        var verify = section.Flag("verify") ?? true;
        if (template is null || serial is null || manufacturer is null)
        {
            return null;
        }

        if (serial == MeterIdentity.Auto && template.Serial is null)
        {
            section.Problem("serial", $"meters of template '{template.Id}' do not tell their serial number; write it here instead of 'auto'");
        }

        // One clash says it all; the meter's other registers would repeat it.
        _ = serial == MeterIdentity.Auto || template.Registers.All(r => Claim(section, new RegisterKey(manufacturer, serial, r.Obis), id));

        return id is null || bus is null || unit is null ? null : new ModbusMeterSettings(id, manufacturer, serial, bus, (byte)unit, template, verify);
    }

    private PulseMeterSettings? ReadPulse(YamlSection section, string? id)
    {
        var serial = GatewayConfigurationFile.ReadName(section, "serial");
        var manufacturer = GatewayConfigurationFile.ReadName(section, "manufacturer");
        if (section.Child("pulse") is not { } pulse)
        {
            section.Problem("pulse", "'pulse' is empty; add at least 'source', 'pin', 'obis' and 'value' below it");
            return null;
        }

        var pin = ReadPin(pulse, id);
        var obis = ReadObis(pulse);
        var value = ReadValue(pulse, obis);
        var start = ReadStart(pulse, obis, value);
        var startAt = ReadInstant(pulse, "start-at");
        pulse.Done();
        if (serial is not null && manufacturer is not null && obis is { } code)
        {
            Claim(section, new RegisterKey(manufacturer, serial, code), id);
        }

        return id is null || serial is null || manufacturer is null || pin is null || obis is null || value is null
            ? null
            : new PulseMeterSettings(id, manufacturer, serial, obis.Value, pin, value.Value, start, startAt);
    }

    private PulsePin? ReadPin(YamlSection pulse, string? id)
    {
        var source = pulse.RequiredText("source") is null ? null : pulse.OneOf("source", Sources);
        var chip = pulse.Text("chip") ?? "gpiochip0";
        var pin = pulse.RequiredNumber("pin", 0, MaxPin);
        var edge = pulse.OneOf("edge", Edges) ?? 0;
        var bias = pulse.OneOf("bias", Biases) ?? 0;
        var debounce = pulse.Number("debounce-ms", 0, 1_000) ?? 10;
        if (pin is { } number && !_pins.TryAdd((chip, number), (id ?? "?", pulse.Line("pin"))))
        {
            var (other, line) = _pins[(chip, number)];
            pulse.Problem("pin", $"{chip} pin {number} already counts meter '{other}' in line {line}; each pulse meter has its own pin");
        }

        return source is null || pin is null
            ? null
            : new PulsePin((PulseSourceKind)source, chip, (int)pin, (PulseEdge)edge, (PulseBias)bias, TimeSpan.FromMilliseconds(debounce));
    }

    private static ObisCode? ReadObis(YamlSection pulse)
    {
        var text = pulse.RequiredText("obis");
        if (text is null)
        {
            return null;
        }

        if (ObisCode.TryParse(text, out var obis) && obis.Measurand is not null)
        {
            return obis;
        }

        pulse.Problem("obis", $"'{text}' is not the OBIS code of a quantity that is billed, like 1-0:1.8.0 (active energy), 7-0:3.0.0 (gas) or 8-0:1.0.0 (water)");
        return null;
    }

    private static PulseValue? ReadValue(YamlSection pulse, ObisCode? obis)
    {
        var text = pulse.RequiredText("value");
        if (text is null || obis is null)
        {
            return null;
        }

        if (PulseValue.TryParse(text, obis.Value, out var value))
        {
            return value;
        }

        pulse.Problem("value", $"'{text}' must be what one pulse is worth, a fraction and a unit ({string.Join(", ", MeasuringUnit.For(obis.Value))}), like '1/100 {MeasuringUnit.For(obis.Value).Last()}'");
        return null;
    }

    private static long ReadStart(YamlSection pulse, ObisCode? obis, PulseValue? value)
    {
        var text = pulse.Text("start");
        if (text is null || obis is null || value is null)
        {
            return 0;
        }

        var zero = text.Split(' ')[0].All(c => c is '0' or '.');
        if (zero)
        {
            return 0;
        }

        if (PulseValue.TryParse(text, obis.Value, out var start) && start.Denominator == 1 && start.Scale >= value.Value.Scale && start.Scale - value.Value.Scale <= 18)
        {
            var raw = (Int128)start.Numerator;
            for (var i = value.Value.Scale; i < start.Scale; i++)
            {
                raw *= 10;
            }

            if (raw <= long.MaxValue / 2)
            {
                return (long)raw;
            }
        }

        pulse.Problem("start", $"'{text}' must be the register when counting begins, in steps of the pulse value, with its unit, like '1234.56 {MeasuringUnit.For(obis.Value).Last()}'");
        return 0;
    }

    private static Instant? ReadInstant(YamlSection section, string key)
    {
        if (section.Text(key) is not { } text)
        {
            return null;
        }

        var parsed = InstantPattern.General.Parse(text);
        if (!parsed.Success)
        {
            section.Problem(key, $"'{text}' must be an instant in UTC, like 2026-01-31T09:30:00Z");
        }

        return parsed.Success ? parsed.Value : null;
    }

    // Registers that nobody bills would wait at the cloud for somebody to take them in, for ever.
    private static MeterTemplate? Choose(YamlSection section, MeterTemplate? template)
    {
        if (section.Text("registers") is not { } text || template is null)
        {
            return template;
        }

        var chosen = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var known = template.Registers.Select(r => r.Obis.ToString()).ToList();
        foreach (var unknown in chosen.Except(known))
        {
            section.Problem("registers", $"template '{template.Id}' has no register '{unknown}'{Spelling.Suggest(unknown, known)}");
        }

        return template with { Registers = [.. template.Registers.Where(r => chosen.Contains(r.Obis.ToString()))] };
    }

    private bool Claim(YamlSection section, RegisterKey key, string? id)
    {
        if (_registers.TryAdd(key, (id ?? "?", section.Line("serial"))))
        {
            return true;
        }

        var (other, line) = _registers[key];
        section.Problem("serial", $"register {key} already belongs to meter '{other}' in line {line}; check the serial numbers on the meters");
        return false;
    }
}
