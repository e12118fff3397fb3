using System.Globalization;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>Code lists of ESPI (NAESB REQ.21, espi.xsd): units, commodities, directions and qualities.</summary>
internal static class EspiCodes
{
    public const int Gas = 7;
    private const int Water = 9;

    /// <summary>A unit's symbol.</summary>
    public static string Symbol(int uom) => uom switch
    {
        5 => "A",
        29 => "V",
        31 => "J",
        38 => "W",
        42 => "m³",
        61 => "VA",
        63 => "var",
        71 => "VAh",
        72 => "Wh",
        73 => "varh",
        111 => "1",
        119 => "ft³",
        120 => "ft³ (compensated)",
        128 => "US gal",
        130 => "imp gal",
        132 => "Btu",
        134 => "L",
        156 => "L (uncompensated)",
        157 => "L (compensated)",
        166 => "m³ (uncompensated)",
        167 => "m³ (compensated)",
        169 => "therm",
        _ => string.Create(CultureInfo.InvariantCulture, $"uom {uom}"),
    };

    /// <summary>What a reading type measures and the power of ten from its unit to the base unit; null where this system has no channel for it.</summary>
    public static (Measurand Measurand, int Exponent)? Measurand(int uom, int commodity, int flow)
    {
        var direction = flow == 19 ? Direction.Export : Direction.Import;
        return uom switch
        {
            72 => (new Measurand(Quantity.ActiveEnergy, direction), 0),
            73 => (new Measurand(Quantity.ReactiveEnergy, direction), 0),
            71 => (new Measurand(Quantity.ApparentEnergy, direction), 0),
            // Channels count volume as the meter measures it: what was converted to reference conditions is another quantity.
            42 or 166 when Volume(commodity) is { } volume => (new Measurand(volume, direction), 0),
            134 or 156 when Volume(commodity) is { } volume => (new Measurand(volume, direction), -3),
            _ => null,
        };
    }

    /// <summary>What a code of <c>QualityOfReading</c> means here, and its word.</summary>
    public static (IntervalQuality Quality, string Word) Quality(int code) => code switch
    {
        7 => (IntervalQuality.Edited, "edited"),
        8 => (IntervalQuality.Estimated, "estimated, reference day"),
        9 => (IntervalQuality.Estimated, "estimated, linear"),
        10 => (IntervalQuality.Estimated, "questionable"),
        11 => (IntervalQuality.Interpolated, "derived"),
        12 => (IntervalQuality.Estimated, "projected"),
        13 => (IntervalQuality.Estimated, "mixed"),
        14 => (IntervalQuality.Measured, "raw"),
        15 => (IntervalQuality.Estimated, "normalized for weather"),
        17 => (IntervalQuality.Measured, "validated"),
        18 => (IntervalQuality.Measured, "verified"),
        19 => (IntervalQuality.Measured, "revenue"),
        0 => (IntervalQuality.Measured, "valid"),
        _ => (IntervalQuality.Estimated, "other"),
    };

    /// <summary>The commodity of a usage point whose reading types name none: by its service category, 1 gas and 2 water.</summary>
    public static int CommodityOf(int? service) => service switch
    {
        1 => Gas,
        2 => Water,
        _ => 0,
    };

    // 9 is potable water, 11 waste water; steam and heating fluids are no water that a channel counts.
    private static Quantity? Volume(int commodity) => commodity switch
    {
        Gas => Protocols.Quantity.GasVolume,
        Water or 11 => Protocols.Quantity.WaterVolume,
        _ => null,
    };
}
