namespace UsageBilling.Protocols;

/// <summary>
/// A unit of measure: its symbol for people and its code for documents
/// (UN/ECE Recommendation 20, the list EN 16931 invoices must use).
/// </summary>
public sealed record Unit
{
    private static readonly Dictionary<string, Unit> All = [];

    private Unit(string symbol, string code)
    {
        Symbol = symbol;
        Code = code;
        All.Add(symbol, this);
    }

    /// <summary>Watt-hour, WHR.</summary>
    public static Unit WattHour { get; } = new("Wh", "WHR");

    /// <summary>Kilowatt-hour, KWH.</summary>
    public static Unit KilowattHour { get; } = new("kWh", "KWH");

    /// <summary>Megawatt-hour, MWH.</summary>
    public static Unit MegawattHour { get; } = new("MWh", "MWH");

    /// <summary>Kilowatt, KWT (KW is another unit).</summary>
    public static Unit Kilowatt { get; } = new("kW", "KWT");

    /// <summary>Kilovolt-ampere, KVA.</summary>
    public static Unit KilovoltAmpere { get; } = new("kVA", "KVA");

    /// <summary>Volt-ampere-hour; Recommendation 20 has no code of its own, so C62 (one).</summary>
    public static Unit VoltAmpereHour { get; } = new("VAh", "C62");

    /// <summary>Kilovar, KVR.</summary>
    public static Unit Kilovar { get; } = new("kvar", "KVR");

    /// <summary>Var-hour; documents bill kvarh (K3), this is the counting unit.</summary>
    public static Unit VarHour { get; } = new("varh", "C62");

    /// <summary>Kilovar-hour, K3.</summary>
    public static Unit KilovarHour { get; } = new("kvarh", "K3");

    /// <summary>Cubic metre, MTQ.</summary>
    public static Unit CubicMetre { get; } = new("m³", "MTQ");

    /// <summary>Day, DAY.</summary>
    public static Unit Day { get; } = new("day", "DAY");

    /// <summary>Month, MON.</summary>
    public static Unit Month { get; } = new("month", "MON");

    /// <summary>Quarter of a year, QAN.</summary>
    public static Unit Quarter { get; } = new("quarter", "QAN");

    /// <summary>Year, ANN.</summary>
    public static Unit Year { get; } = new("year", "ANN");

    /// <summary>One: a piece, a call, a request; C62.</summary>
    public static Unit One { get; } = new("1", "C62");

    /// <summary>Percent, P1.</summary>
    public static Unit Percent { get; } = new("%", "P1");

    /// <summary>Second, SEC.</summary>
    public static Unit Second { get; } = new("s", "SEC");

    /// <summary>Minute, MIN.</summary>
    public static Unit Minute { get; } = new("min", "MIN");

    /// <summary>Hour, HUR.</summary>
    public static Unit Hour { get; } = new("h", "HUR");

    /// <summary>Byte, AD.</summary>
    public static Unit Byte { get; } = new("B", "AD");

    /// <summary>Gigabyte (10⁹ bytes), E34.</summary>
    public static Unit Gigabyte { get; } = new("GB", "E34");

    /// <summary>As people write it: kWh, m³.</summary>
    public string Symbol { get; }

    /// <summary>UN/ECE Recommendation 20 code: KWH, MTQ.</summary>
    public string Code { get; }

    /// <summary>The unit with this symbol, or null.</summary>
    public static Unit? Find(string symbol) => All.GetValueOrDefault(symbol);

    /// <summary>The base unit in which integers of a quantity are counted.</summary>
    public static Unit BaseOf(Quantity quantity) => quantity switch
    {
        Quantity.ActiveEnergy or Quantity.HeatEnergy => WattHour,
        Quantity.ReactiveEnergy => VarHour,
        Quantity.ApparentEnergy => VoltAmpereHour,
        Quantity.GasVolume or Quantity.WaterVolume => CubicMetre,
        Quantity.Count => One,
        Quantity.Duration => Second,
        Quantity.Data => Byte,
        _ => throw new ArgumentOutOfRangeException(nameof(quantity), quantity, "no such quantity"),
    };

    /// <summary>The symbol.</summary>
    public override string ToString() => Symbol;
}
