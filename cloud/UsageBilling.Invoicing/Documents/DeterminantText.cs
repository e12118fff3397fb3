using System.Globalization;
using System.Text.RegularExpressions;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Documents;

/// <summary>What rating names and computes, in the words and numbers of a customer: <c>import.peak.kWh</c> is "Import, peak hours".</summary>
internal static partial class DeterminantText
{
    /// <summary>The determinant's name in words.</summary>
    public static string Name(Determinant determinant)
    {
        var parts = determinant.Name.Split('.');
        if (parts.Length > 1 && parts[^1] == determinant.Unit.Symbol)
        {
            parts = parts[..^1];
        }

        return parts switch
        {
            [.., "coincident"] => "Demand when the whole system peaked",
            ["peak"] => "Highest demand",
            [var period, "peak"] when determinant.At is not null => $"Highest demand, {Hours(period)}",
            [var measure] => Measure(measure),
            [var measure, var period] => $"{Measure(measure)}, {Hours(period)}",
            _ => determinant.Name,
        };
    }

    /// <summary>A formula as rating wrote it, with this document's numbers (13,141.668; −5) and signs that the typeface has.</summary>
    public static string Formula(string formula) => PlainNumber().Replace(
        formula.Replace(" → ", " ≈ ", StringComparison.Ordinal),
        number => (number.Groups["minus"].Length > 0 ? "−" : "") + Grouped(number.Groups["whole"].Value) + number.Groups["rest"].Value);

    /// <summary>A maker as a name: rating and metering know <c>carlo-gavazzi</c> and <c>abb</c>.</summary>
    public static string Maker(string manufacturer) => string.Join(' ', manufacturer.Split('-', StringSplitOptions.RemoveEmptyEntries).Select(word =>
        word.Length <= 3 ? word.ToUpperInvariant() : char.ToUpperInvariant(word[0]) + word[1..]));

    private static string Measure(string name) => name switch
    {
        "reactive-export" => "Reactive energy, export",
        "reactive" => "Reactive energy",
        "apparent" => "Apparent energy",
        "" => "Usage",
        _ => char.ToUpperInvariant(name[0]) + name[1..],
    };

    private static string Hours(string period)
    {
        var words = period.Replace('-', ' ');
        return period is "off-peak" or "on-peak" ? $"{period} hours" : words.EndsWith("hours", StringComparison.Ordinal) ? words : $"{words} hours";
    }

    private static string Grouped(string digits) =>
        digits.Length > 28 ? digits : decimal.Parse(digits, CultureInfo.InvariantCulture).ToString("N0", CultureInfo.InvariantCulture);

    // Not the year of "5 Oct 2026", not "2026-01-31", not the digits of a name.
    [GeneratedRegex(@"(?<![\w.,:\-−]|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) )(?<minus>-)?(?<whole>\d+)(?<rest>(?:\.\d+)?)(?![\w:\-])", RegexOptions.CultureInvariant)]
    private static partial Regex PlainNumber();
}
