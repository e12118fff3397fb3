using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Edge.Simulator.Loads;
using UsageBilling.Edge.Simulator.Meters;
using UsageBilling.Protocols;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace UsageBilling.Edge.Simulator.Sites;

/// <summary>Reads a site file. All mistakes are listed at once, each with its line.</summary>
public static class SiteFile
{
    private static readonly string[] VolumeLoads = ["water", "gas"];

    /// <summary>The site, or null and what is wrong.</summary>
    /// <param name="text">The file's text.</param>
    /// <param name="seed">Used instead of the file's seed.</param>
    public static (Site? Site, ImmutableArray<SiteProblem> Problems) Parse(string text, long? seed = null)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            return (null, [new SiteProblem((int)e.Start.Line, $"not YAML: {e.Message}")]);
        }
        catch (InvalidOperationException)
        {
            // The parser's way of saying that the text ends inside a flow collection; it tells no place.
            return (null, [new SiteProblem(1, "not YAML: a '[' or '{' is not closed")]);
        }

        if (stream.Documents.Count != 1)
        {
            return (null, [new SiteProblem(1, "a site file holds one document; begin with 'site: NAME'")]);
        }

        var problems = new List<SiteProblem>();
        var root = new YamlFields(stream.Documents[0].RootNode, "a site file", problems);
        var name = Checked(root, "site", "a site");
        var clock = Offset.FromHours((int)root.Number("hoursAheadOfUtc", -12, 14));
        var epoch = root.Instant("epoch");
        if (epoch.InUtc().TimeOfDay != LocalTime.Midnight)
        {
            root.Complain("epoch", "must be a midnight in UTC, like 2025-01-01T00:00:00Z");
        }

        var fileSeed = root.Number("seed", long.MinValue, long.MaxValue, 1);
        var meters = root.Blocks("meters").Select(m => ReadMeter(m, epoch)).ToImmutableArray();
        if (meters.IsEmpty)
        {
            root.Complain("meters", "must list at least one meter");
        }

        root.Close();
        CheckUnique(root, meters);
        return problems.Count > 0
            ? (null, [.. problems.OrderBy(p => p.Line)])
            : (new Site(name, clock, epoch, seed ?? fileSeed, meters), []);
    }

    private static SiteMeter ReadMeter(YamlFields fields, Instant epoch)
    {
        var id = Checked(fields, "id", "a meter's id");
        var (connection, model) = ReadConnection(fields);
        var manufacturer = model is null ? Checked(fields, "manufacturer", "a manufacturer") : fields.Text("manufacturer", model.Manufacturer);
        var load = fields.Text("load");
        if (load.Length > 0 && !Load.Names.Contains(load))
        {
            fields.Complain("load", $"'{load}' must be one of {string.Join(", ", Load.Names)}");
        }

        var isVolume = connection is PulseConnection pulse && pulse.Obis.Measurand?.Unit == Unit.CubicMetre;
        if (VolumeLoads.Contains(load) != isVolume && load is not ("constant" or ""))
        {
            fields.Complain("load", $"'{load}' does not flow through this meter; water and gas go with a pulse meter that counts m³");
        }

        var yearly = fields.Decimal("yearly", 0, 10_000_000);
        var peak = fields.Decimal("peakKilowatts", 0, 100_000, 0);
        var digits = (int)fields.Number("digits", 1, model?.Digits ?? 12, model?.Digits ?? 8);
        var installed = ReadInstalled(fields, connection, model, epoch);
        var falls = fields.Blocks("falls").Select(f => Closed(f, new RegisterFall(f.Instant("at"), f.Number("by", 1, long.MaxValue / 4)))).ToImmutableArray();
        var silences = fields.Blocks("silent").Select(ReadSilence).ToImmutableArray();
        fields.Close();
        return new SiteMeter(id, manufacturer, connection, load, yearly, (long)(peak * 1_000), digits, installed, falls, silences);
    }

    private static (MeterConnection Connection, MeterModel? Model) ReadConnection(YamlFields fields)
    {
        if (fields.Block("pulse") is { } pulse)
        {
            if (fields.Has("model"))
            {
                fields.Complain("model", "a meter has either a model or a pulse block; remove one");
            }

            var obisText = pulse.Text("obis");
            if (!ObisCode.TryParse(obisText, out var obis) && obisText.Length > 0)
            {
                pulse.Complain("obis", $"'{obisText}' is not an OBIS code like 8-0:1.0.0");
            }

            var connection = new PulseConnection(
                (int)pulse.Number("pin", 0, 1_023),
                obis,
                (int)pulse.Number("scale", obis.Measurand?.Unit == Unit.CubicMetre ? -6 : -3, 6),
                (int)pulse.Number("widthMs", 1, 10_000, 100) * 1_000);
            pulse.Close();
            return (connection, null);
        }

        var name = fields.Text("model");
        var model = MeterModel.Find(name);
        if (model is null && name.Length > 0)
        {
            fields.Complain("model", $"'{name}' must be one of {string.Join(", ", MeterModel.All.Select(m => m.Name))}");
        }

        return (new ModbusConnection(name, (byte)fields.Number("unit", 1, 247)), model);
    }

    private static ImmutableArray<InstalledMeter> ReadInstalled(YamlFields fields, MeterConnection connection, MeterModel? model, Instant epoch)
    {
        var rolls = fields.Has("rollsOverAt") ? fields.Instant("rollsOverAt") : (Instant?)null;
        var installed = new List<InstalledMeter> { new(Checked(fields, "serial", "a serial number"), epoch, ReadStart(fields, connection, model), rolls) };
        foreach (var exchange in fields.Blocks("exchanged"))
        {
            var at = exchange.Instant("at");
            if (at <= installed[^1].From)
            {
                exchange.Complain("at", "must be later than the epoch and than the exchange before it");
            }

            installed.Add(Closed(exchange, new InstalledMeter(Checked(exchange, "serial", "a serial number"), at, ReadStart(exchange, connection, model), null)));
        }

        return [.. installed];
    }

    private static ImmutableSortedDictionary<string, long> ReadStart(YamlFields fields, MeterConnection connection, MeterModel? model)
    {
        if (fields.Block("registers") is not { } block)
        {
            fields.Complain("registers", "is missing; list each register with its count at the start, like \"1-0:1.8.0\": 123456");
            return ImmutableSortedDictionary<string, long>.Empty;
        }

        var start = ImmutableSortedDictionary.CreateBuilder<string, long>(StringComparer.Ordinal);
        foreach (var key in block.Keys())
        {
            var has = ObisCode.TryParse(key, out var obis) && (connection is PulseConnection pulse ? pulse.Obis == obis : model is null || model.Energy(obis) is not null);
            if (!has)
            {
                block.Complain(key, "is not a register of this meter");
            }

            start[obis.ToString()] = block.Number(key, 0, 999_999_999_999_999);
        }

        if (start.Count == 0)
        {
            fields.Complain("registers", "must list at least one register");
        }

        return start.ToImmutable();
    }

    private static Interval ReadSilence(YamlFields fields)
    {
        var (from, until) = (fields.Instant("from"), fields.Instant("until"));
        if (until <= from)
        {
            fields.Complain("until", "must be later than from");
            until = from;
        }

        return Closed(fields, new Interval(from, until));
    }

    private static void CheckUnique(YamlFields root, ImmutableArray<SiteMeter> meters)
    {
        Report(meters.Select(m => $"id {m.Id}"));
        Report(meters.Select(m => m.Connection).OfType<ModbusConnection>().Select(c => $"unit {c.Unit}"));
        Report(meters.Select(m => m.Connection).OfType<PulseConnection>().Select(c => $"pin {c.Pin}"));
        Report(meters.SelectMany(m => m.Installed.Select(i => $"serial {m.Manufacturer}/{i.Serial}")));

        void Report(IEnumerable<string> things)
        {
            foreach (var twice in things.GroupBy(t => t).Where(g => g.Count() > 1))
            {
                root.Complain("meters", $"{twice.Key} is used {twice.Count()} times; give each meter its own");
            }
        }
    }

    private static string Checked(YamlFields fields, string key, string what)
    {
        var text = fields.Text(key);
        if (text.Length > 0 && !Name.IsValid(text))
        {
            fields.Complain(key, $"'{text}': {what} is 1 to {Name.MaxLength} letters, digits, '-', '_' or '.'");
        }

        return text;
    }

    private static T Closed<T>(YamlFields fields, T value)
    {
        fields.Close();
        return value;
    }
}
