using System.Collections.Frozen;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Names of columns whose numbers are readings of a register: a reading is what a meter has counted since it was made, and taking it as the consumption of an interval would
/// bill megawatt-hours for hours.
/// </summary>
internal static class CsvRegister
{
    // Words that mean nothing else.
    private static readonly FrozenSet<string> Certain = Set("""
        cumulative cumulated cumul cumule cumulee kumuliert kumulativ kumulert kumulerad register registers registerread totalizer totaliser odometer counter index indice indices lifetime
        totalenergy energytotal zahlwerk zaehlwerk teller matarstallning mittarilukema lukema lectura lettura releve
        """);

    // Reading is also said of what an interval's reading is: Active Import Interval.
    private static readonly FrozenSet<string> Likely = Set("read reads reading readings meterread meterreads meterreading meterreadings aflaesning maleraflaesning avlasning maleravlesning avlesning");

    private static readonly FrozenSet<string> Interval = Set("interval intervals per");

    /// <summary>True where a name (<see cref="CsvNames.Words"/>) speaks of a register's reading and of nothing else.</summary>
    public static bool IsCertain(string words)
    {
        var all = words.Split('_');
        return all.Any(w => Certain.Contains(w) || w.EndsWith("stand", StringComparison.Ordinal) || w.EndsWith("stande", StringComparison.Ordinal) || w.StartsWith("zahlerstand", StringComparison.Ordinal))
            || words.Contains("total_energy", StringComparison.Ordinal) || words.Contains("energy_total", StringComparison.Ordinal) || words.Contains("total_increasing", StringComparison.Ordinal);
    }

    /// <summary>True where a name speaks of a reading, and not of an interval's.</summary>
    public static bool IsLikely(string words) => words.Split('_') is var all && all.Any(Likely.Contains) && !all.Any(Interval.Contains);

    /// <summary>True where what a row says of its kind makes its reading an interval's.</summary>
    public static bool IsInterval(string words) => words.Split('_').Any(Interval.Contains) && !IsCertain(words);

    private static FrozenSet<string> Set(string words) => words.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries).ToFrozenSet();
}
