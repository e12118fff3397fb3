using System.Collections.Frozen;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>Which way a quantity flows, by words (Einspeisung), by signs (A+, A-) or by code (2.8.0, IEC 62056-61).</summary>
internal static class CsvFlow
{
    private static readonly FrozenSet<string> Exports = """
        export exported exports exportacion generation generated received surplus surplusgeneration injection injected injectie injecte inyeccion inyectada production energyproduction feedin feed
        excedente excedentes vertido immissione immessa teruglevering teruggeleverd ruckspeisung rueckspeisung rckspeisung rucklieferung ruecklieferung rcklieferung uberschuss ueberschuss produktion reverse b1 b
        """.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries).ToFrozenSet();

    /// <summary>From the customer, by any word of a name; to the customer where none says so.</summary>
    public static Direction Of(string words) => words.Split('_').Any(w => Exports.Contains(w) || w.EndsWith("einspeisung", StringComparison.Ordinal)) ? Direction.Export : Direction.Import;

    /// <summary>Words of a text, in front of them import or export where a sign or a code in it says it.</summary>
    public static string Words(string written, string words) => IsExport(written) is { } export ? $"{(export ? "export" : "import")}_{words}" : words;

    private static bool? IsExport(string written)
    {
        for (var i = 0; i < written.Length; i++)
        {
            // A letter that stands alone with its sign before or behind it: A+, R-, +P.
            if (written[i] is 'A' or 'P' or 'R' or 'Q' or 'S' or 'a' or 'p' or 'r' or 'q' or 's')
            {
                var (before, after) = (SignAt(written, i - 1), SignAt(written, i + 1));
                if (before is null != after is null && Ends(written, before is null ? i - 1 : i - 2) && Ends(written, after is null ? i + 1 : i + 2))
                {
                    return (before ?? after) == '-';
                }
            }
        }

        // 1-0:2.8.0: active energy from the customer; 29 is an interval's, 8 and 9 stand over the same columns in files of intervals.
        var words = CsvNames.Words(written).Split('_');
        for (var i = 0; i + 2 < words.Length; i++)
        {
            if (words[i] is "1" or "2" or "3" or "4" && words[i + 1] is "8" or "9" or "29" && words[i + 2].Length <= 2 && words[i + 2].All(char.IsAsciiDigit))
            {
                return words[i] is "2" or "4";
            }
        }

        return null;
    }

    private static char? SignAt(string text, int at) => at < 0 || at >= text.Length ? null : text[at] switch { '+' => '+', '-' or '\u2212' or '\u2013' => '-', _ => null };

    private static bool Ends(string text, int at) => at < 0 || at >= text.Length || !char.IsLetterOrDigit(text[at]);
}
