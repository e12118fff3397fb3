using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace UsageBilling.Protocols;

/// <summary>
/// Names what a register measures, after IEC 62056-61 (OBIS): <c>A-B:C.D.E</c>.
/// <c>default</c> is <c>0-0:0.0.0</c> and names nothing.
/// </summary>
public readonly record struct ObisCode(byte A, byte B, byte C, byte D, byte E) : IParsable<ObisCode>
{
    /// <summary>Active energy from the grid, Wh: <c>1-0:1.8.0</c>.</summary>
    public static ObisCode ActiveImport { get; } = new(1, 0, 1, 8, 0);

    /// <summary>Active energy to the grid, Wh: <c>1-0:2.8.0</c>.</summary>
    public static ObisCode ActiveExport { get; } = new(1, 0, 2, 8, 0);

    /// <summary>Reactive energy from the grid, varh: <c>1-0:3.8.0</c>.</summary>
    public static ObisCode ReactiveImport { get; } = new(1, 0, 3, 8, 0);

    /// <summary>Gas volume, m³: <c>7-0:3.0.0</c>.</summary>
    public static ObisCode GasVolume { get; } = new(7, 0, 3, 0, 0);

    /// <summary>Water volume, m³: <c>8-0:1.0.0</c>.</summary>
    public static ObisCode WaterVolume { get; } = new(8, 0, 1, 0, 0);

    /// <summary>Heat, Wh: <c>6-0:1.0.0</c>.</summary>
    public static ObisCode HeatEnergy { get; } = new(6, 0, 1, 0, 0);

    /// <summary>Reads <c>A-B:C.D.E</c>, each group 0 to 255.</summary>
    /// <exception cref="FormatException">The text is not an OBIS code.</exception>
    public static ObisCode Parse(string s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var code) ? code : throw new FormatException($"'{s}' is not an OBIS code like 1-0:1.8.0");

    /// <inheritdoc cref="Parse(string, IFormatProvider?)"/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out ObisCode result)
    {
        result = default;
        if (s is null)
        {
            return false;
        }

        ReadOnlySpan<char> separators = "-:..";
        Span<byte> groups = stackalloc byte[5];
        var rest = s.AsSpan();
        for (var i = 0; i < 5; i++)
        {
            var end = i < 4 ? rest.IndexOf(separators[i]) : rest.Length;
            if (end <= 0 || !byte.TryParse(rest[..end], NumberStyles.None, CultureInfo.InvariantCulture, out groups[i]))
            {
                return false;
            }

            rest = i < 4 ? rest[(end + 1)..] : [];
        }

        result = new ObisCode(groups[0], groups[1], groups[2], groups[3], groups[4]);
        return true;
    }

    /// <inheritdoc cref="Parse(string, IFormatProvider?)"/>
    public static bool TryParse([NotNullWhen(true)] string? s, out ObisCode result) => TryParse(s, null, out result);

    /// <summary>What the code measures, or null where this system has no use for it.</summary>
    public Measurand? Measurand => (A, C, D) switch
    {
        (1, 1, 8) => new Measurand(Quantity.ActiveEnergy, Direction.Import),
        (1, 2, 8) => new Measurand(Quantity.ActiveEnergy, Direction.Export),
        (1, 3, 8) => new Measurand(Quantity.ReactiveEnergy, Direction.Import),
        (1, 4, 8) => new Measurand(Quantity.ReactiveEnergy, Direction.Export),
        (1, 9, 8) => new Measurand(Quantity.ApparentEnergy, Direction.Import),
        (6, 1, 0) => new Measurand(Quantity.HeatEnergy, Direction.Import),
        (7, 3, 0) => new Measurand(Quantity.GasVolume, Direction.Import),
        (8, 1, 0) => new Measurand(Quantity.WaterVolume, Direction.Import),
        _ => null,
    };

    /// <summary><c>A-B:C.D.E</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{A}-{B}:{C}.{D}.{E}");
}
