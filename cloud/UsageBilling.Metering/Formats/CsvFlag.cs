using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>Qualities and channels as words in CSV.</summary>
internal static class CsvFlag
{
    private static readonly SourceFlag Measured = new(0, 1, IntervalQuality.Measured, "measured");

    public static SourceFlag Missing { get; } = new(0, 1, IntervalQuality.Missing, "missing");

    /// <summary>The row's quality, measured where there is no such column; null where the word is not known.</summary>
    public static SourceFlag? Read(CsvColumns columns, string[] fields)
    {
        if (columns.Quality < 0 || columns.Quality >= fields.Length)
        {
            return Measured;
        }

        var method = columns.Method >= 0 && columns.Method < fields.Length && fields[columns.Method].Trim() is { Length: > 0 } text ? text : null;
        return QualityOf(fields[columns.Quality]) is not { } known ? null
            : known == IntervalQuality.Measured && method is null ? Measured : new SourceFlag(0, 1, known, Word(known), method);
    }

    /// <summary>What a word says of quality; null where it is not known.</summary>
    public static IntervalQuality? QualityOf(string word) => CsvNames.Words(word) switch
    {
        "" or "measured" or "actual" or "a" or "ok" or "valid" or "validated" or "good" or "gemessen" or "malt" => IntervalQuality.Measured,
        "interpolated" => IntervalQuality.Interpolated,
        "edited" => IntervalQuality.Edited,
        "estimated" or "estimate" or "e" or "s" or "f" or "ersatzwert" or "geschatzt" or "estimeret" => IntervalQuality.Estimated,
        "missing" or "null" or "n" => IntervalQuality.Missing,
        _ => null,
    };

    /// <summary>The word of a quality.</summary>
    public static string Word(IntervalQuality quality) => quality switch
    {
        IntervalQuality.Missing => "missing",
        IntervalQuality.Estimated => "estimated",
        IntervalQuality.Edited => "edited",
        IntervalQuality.Interpolated => "interpolated",
        _ => "measured",
    };

    /// <summary><c>point/ActiveEnergy/Import</c>, or without the point the file's own.</summary>
    public static (string Point, Measurand? Measurand) Channel(string text, string id)
    {
        var parts = text.Split('/');
        return parts.Length >= 2 && Enum.TryParse<Quantity>(parts[^2], out var quantity) && Enum.IsDefined(quantity) && Enum.TryParse<Direction>(parts[^1], out var direction) && Enum.IsDefined(direction)
            ? (parts.Length == 2 ? id : string.Join('/', parts[..^2]), new Measurand(quantity, direction))
            : (id, null);
    }

    /// <summary>Power of ten from a written unit to the measurand's base unit.</summary>
    public static int ExponentOf(string unit, Measurand measurand) => SourceUnit.Find(unit) is { } known && known.Quantity == measurand.Quantity ? known.Exponent : unit switch
    {
        "kWh" => 3,
        "MWh" => 6,
        "GB" => 9,
        _ => 0,
    };
}
