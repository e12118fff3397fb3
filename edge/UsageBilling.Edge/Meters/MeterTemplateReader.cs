using System.Collections.Immutable;
using System.Globalization;
using UsageBilling.Edge.Configuration;
using UsageBilling.Modbus;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Meters;

/// <summary>Reads one template file; every mistake becomes a problem with its line.</summary>
internal sealed class MeterTemplateReader(ProblemList problems)
{
    private static readonly string[] Types = [.. Enum.GetNames<RegisterType>().Select(n => n.ToLowerInvariant())];
    private static readonly string[] Orders = Enum.GetNames<WordOrder>();

    private ModbusTable? _table;
    private WordOrder _order;

    /// <summary>The template, or null when there are problems.</summary>
    public MeterTemplate? Read(TextReader text)
    {
        if (YamlSection.Read(text, problems, static _ => null) is not { } root)
        {
            return null;
        }

        var id = ReadName(root, "template");
        var manufacturer = ReadName(root, "manufacturer");
        var model = root.RequiredText("model");
        _table = Function(root);
        _order = Order(root) ?? WordOrder.ABCD;
        var maxGap = (int)(root.Number("max-gap", 0, RegisterPlan.MaxCount) ?? 0);
        var maxCount = (int)(root.Number("max-registers", 1, RegisterPlan.MaxCount) ?? RegisterPlan.MaxCount);
        var pause = root.Number("pause-ms", 0, 10_000) ?? 0;
        var registers = root.List("registers").Select(ReadRegister).ToImmutableArray();
        var power = root.Child("power") is { } p ? ReadPower(p) : null;
        var probe = root.Child("probe") is { } b ? ReadProbe(b) : null;
        var serial = root.Child("serial") is { } s ? ReadSerial(s) : null;
        var faults = root.List("faults").Select(ReadFault).ToImmutableArray();
        if (registers.IsEmpty)
        {
            root.Problem("registers", "a template needs at least one register; add 'registers:' with a list");
        }

        root.Done();
        return problems.InOrder.Count > 0
            ? null
            : new MeterTemplate(
                id!, manufacturer!, model!, [.. registers.Select(r => r!)], power, probe, serial, maxGap, maxCount, TimeSpan.FromMilliseconds(pause))
            {
                Faults = [.. faults.Select(f => f!)],
            };
    }

    private static string? ReadName(YamlSection section, string key)
    {
        var text = section.RequiredText(key);
        if (text is not null && !Name.IsValid(text))
        {
            section.Problem(key, $"'{text}' must be 1 to {Name.MaxLength} letters, digits, '-', '_' or '.'");
        }

        return text;
    }

    private TemplateRegister? ReadRegister(YamlSection section)
    {
        var obisText = section.RequiredText("obis");
        if (!ObisCode.TryParse(obisText, out var obis) || obis.Measurand is null)
        {
            if (obisText is not null)
            {
                section.Problem("obis", $"'{obisText}' is not the OBIS code of a quantity that is billed, like 1-0:1.8.0");
            }

            ReadFormat(section, null, out _);
            section.Done();
            return null;
        }

        var format = ReadFormat(section, obis.Measurand.Value.Unit.Symbol, out var scale);
        var span = ReadSpan(section, format?.Count);
        var digits = section.RequiredNumber("digits", 1, 18);
        section.Done();
        return format is null || span is null || digits is null ? null : new TemplateRegister(obis, span.Value, format, scale, (int)digits);
    }

    private TemplatePower? ReadPower(YamlSection section)
    {
        var format = ReadFormat(section, "W", out var scale);
        var span = ReadSpan(section, format?.Count);
        section.Done();
        return format is null || span is null ? null : new TemplatePower(span.Value, format, scale);
    }

    private TemplateFault? ReadFault(YamlSection section)
    {
        var span = ReadSpan(section, 1);
        var mask = section.RequiredNumber("mask", 1, ushort.MaxValue);
        var means = section.RequiredText("means");
        section.Done();
        return span is null || mask is null || means is null ? null : new TemplateFault(span.Value, (ushort)mask, means);
    }

    private TemplateProbe? ReadProbe(YamlSection section)
    {
        var where = ReadText(section);
        var expected = section.Text("expect")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        section.Done();
        return where is null ? null : new TemplateProbe(where, [.. expected]);
    }

    private TemplateText? ReadSerial(YamlSection section)
    {
        var where = ReadText(section);
        section.Done();
        return where;
    }

    private TemplateText? ReadText(YamlSection section)
    {
        if (section.Text("type") == "text")
        {
            var count = section.RequiredNumber("registers", 1, 32);
            return ReadSpan(section, (ushort?)count) is { } text ? new TemplateText(text, null) : null;
        }

        var type = section.OneOf("type", [.. Types, "text"]);
        var order = Order(section) ?? _order;
        var format = type is { } t ? new RegisterFormat((RegisterType)t, order) : null;
        return format is not null && ReadSpan(section, format.Count) is { } number ? new TemplateText(number, format) : null;
    }

    private RegisterSpan? ReadSpan(YamlSection section, ushort? count)
    {
        var table = Function(section) ?? _table;
        var address = section.RequiredNumber("address", 0, 65_535);
        if (table is null)
        {
            section.Problem("function", "no function code; add 'function: 3' (holding registers) or 'function: 4' (input registers) here or at the top");
        }

        if (address is { } first && count is { } length && first + length > 65_536)
        {
            section.Problem("address", $"{length} registers from {first} on pass the last address 65535");
            return null;
        }

        return table is null || address is null || count is null ? null : new RegisterSpan(table.Value, (ushort)address, count.Value);
    }

    private RegisterFormat? ReadFormat(YamlSection section, string? counts, out int scale)
    {
        scale = 0;
        var type = section.RequiredText("type") is null ? null : section.OneOf("type", Types);
        var order = Order(section) ?? _order;
        var resolution = section.RequiredText("resolution");
        var decimals = 0;
        if (counts is not null && resolution is not null && !MeasuringUnit.TryResolution(resolution, counts, out decimals, out scale))
        {
            section.Problem("resolution", $"'{resolution}' must be a power of ten and a unit of {counts}, like '0.01 k{counts}'");
            return null;
        }

        var sentinel = Sentinel(section);
        if (type is null || resolution is null || counts is null)
        {
            return null;
        }

        var format = new RegisterFormat((RegisterType)type.Value, order);
        return format with
        {
            Decimals = format.IsFloat ? decimals : 0,
            NotAvailable = sentinel is { AllOnes: true } ? format.AllOnes : sentinel?.Bits,
        };
    }

    private static (bool AllOnes, ulong Bits)? Sentinel(YamlSection section)
    {
        var text = section.Text("not-available");
        if (text is null or "all-ones")
        {
            return text is null ? null : (true, 0);
        }

        if (text.StartsWith("0x", StringComparison.Ordinal)
            && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bits))
        {
            return (false, bits);
        }

        section.Problem("not-available", $"'{text}' must be 'all-ones' or a bit pattern like 0x80000000");
        return null;
    }

    private static ModbusTable? Function(YamlSection section) => (ModbusTable?)section.Number("function", 3, 4);

    private static WordOrder? Order(YamlSection section) => (WordOrder?)section.OneOf("order", Orders);
}
