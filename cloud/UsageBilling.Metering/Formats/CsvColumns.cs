using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>A column of quantities.</summary>
internal sealed record CsvValueColumn(int Index, string Name, string Unit, Measurand? Measurand, int UnitExponent);

/// <summary>
/// Which column of a CSV file says what. One row an interval with a column each for its quantities (<c>start,import_kwh,export_kwh</c>, <c>start,value</c>),
/// or one row an interval and channel as <c>usage-cloud export</c> writes it (<c>from_utc,from_local,minutes,channel,quantity,unit,quality</c>).
/// </summary>
internal sealed class CsvColumns
{
    private static readonly string[] StartNames = ["start", "from", "from_utc", "interval_start", "period_start", "timestamp", "time", "datetime", "date_time", "date"];
    private static readonly string[] EndNames = ["end", "to", "to_utc", "interval_end", "period_end"];
    private static readonly string[] ValueNames = ["value", "quantity", "usage", "consumption", "energy", "reading"];

    public int Start { get; private set; } = -1;

    public int End { get; private set; } = -1;

    public int Minutes { get; private set; } = -1;

    public int Channel { get; private set; } = -1;

    public int Unit { get; private set; } = -1;

    public int Quality { get; private set; } = -1;

    public int Method { get; private set; } = -1;

    public List<CsvValueColumn> Values { get; } = [];

    /// <summary>Columns that say nothing about quantities.</summary>
    public List<string> LeftAside { get; } = [];

    public static CsvColumns Of(string[] header, string defaultUnit)
    {
        var columns = new CsvColumns();
        for (var i = 0; i < header.Length; i++)
        {
            columns.Take(i, header[i].Trim().ToLowerInvariant().Replace(' ', '_'), header[i].Trim(), defaultUnit);
        }

        return columns;
    }

    /// <summary>Stamp and value, where a file has no header.</summary>
    public static CsvColumns WithoutHeader(int fields, string defaultUnit)
    {
        var columns = new CsvColumns { Start = 0 };
        for (var i = 1; i < Math.Min(fields, 2); i++)
        {
            columns.Take(i, "value", "value", defaultUnit);
        }

        return columns;
    }

    private void Take(int index, string name, string written, string defaultUnit)
    {
        if (Start < 0 && StartNames.Contains(name))
        {
            Start = index;
        }
        else if (End < 0 && EndNames.Contains(name))
        {
            End = index;
        }
        else if (name == "minutes")
        {
            Minutes = index;
        }
        else if (name == "channel")
        {
            Channel = index;
        }
        else if (name == "unit")
        {
            Unit = index;
        }
        else if (name == "quality")
        {
            Quality = index;
        }
        else if (name == "method")
        {
            Method = index;
        }
        else if (ValueOf(index, name, written, defaultUnit) is { } value)
        {
            Values.Add(value);
        }
        else if (written.Length > 0 && name is not ("from_local" or "to_local"))
        {
            LeftAside.Add(written);
        }
    }

    private static CsvValueColumn? ValueOf(int index, string name, string written, string defaultUnit)
    {
        if (ValueNames.Contains(name))
        {
            return Column(index, written, defaultUnit, Direction.Import);
        }

        // import_wh, export_kwh, kwh, usage_(kwh)
        var unit = name[(name.LastIndexOf('_') + 1)..].Trim('(', ')', '[', ']');
        var direction = name.StartsWith("export", StringComparison.Ordinal) ? Direction.Export : Direction.Import;
        return unit switch
        {
            "m3" when name.Contains("gas", StringComparison.Ordinal) => new CsvValueColumn(index, written, "m³", new Measurand(Quantity.GasVolume, direction), 0),
            "m3" when name.Contains("water", StringComparison.Ordinal) => new CsvValueColumn(index, written, "m³", new Measurand(Quantity.WaterVolume, direction), 0),
            _ when SourceUnit.Find(unit) is not null => Column(index, written, Spelled(unit), direction),
            _ => null,
        };
    }

    public static CsvValueColumn Column(int index, string written, string unit, Direction direction) => SourceUnit.Find(unit) is { } known
        ? new CsvValueColumn(index, written, unit, new Measurand(known.Quantity, direction), known.Exponent)
        : new CsvValueColumn(index, written, unit, null, 0);

    private static string Spelled(string unit) => unit switch
    {
        "wh" => "Wh",
        "kwh" => "kWh",
        "mwh" => "MWh",
        "vah" => "VAh",
        "kvah" => "kVAh",
        _ => unit,
    };
}
