using System.Globalization;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// AEMO's numbers for the way a value was substituted (Metrology Procedure Part B; substitution types 11 to 24), for the methods of this system's
/// estimation. A method that names its AEMO number keeps it.
/// </summary>
public static class AemoMethods
{
    /// <summary>Calculated: from what is known of the meter otherwise. Reported too where a value's method is not known.</summary>
    public const int Calculated = 12;

    /// <summary>True for a quality flag with its number, such as F14: it is reported as it is.</summary>
    public static bool IsFlag(string? method) => method is { Length: 3 } && method[0] is ('S' or 'F' or 'E') && char.IsAsciiDigit(method[1]) && char.IsAsciiDigit(method[2]);

    /// <summary>The number of a method's name: 11 check meter, 12 calculated, 13 SCADA, 14 like day, 15 average like day, 17 linear, 18 alternate, 19 zero, 20 prospective like day, 23 previous year, 24 scaling.</summary>
    public static int NumberOf(string? method)
    {
        if (int.TryParse(IsFlag(method) ? method![1..] : method, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 11 and <= 79)
        {
            return number;
        }

        var name = (method ?? string.Empty).ToLowerInvariant().Replace('_', '-').Replace(' ', '-');
        return name switch
        {
            _ when name.Contains("check", StringComparison.Ordinal) => 11,
            _ when name.Contains("scada", StringComparison.Ordinal) => 13,
            _ when name.Contains("linear", StringComparison.Ordinal) || name.Contains("flat", StringComparison.Ordinal) => 17,
            _ when name.Contains("average", StringComparison.Ordinal) || name.Contains("nearest", StringComparison.Ordinal) => 15,
            _ when name.Contains("prospective", StringComparison.Ordinal) => 20,
            _ when name.Contains("like-day", StringComparison.Ordinal) || name.Contains("likeday", StringComparison.Ordinal) || name.Contains("two-week", StringComparison.Ordinal) || name.Contains("week", StringComparison.Ordinal) => 14,
            _ when name.Contains("alternate", StringComparison.Ordinal) => 18,
            _ when name.Contains("zero", StringComparison.Ordinal) => 19,
            _ when name.Contains("year", StringComparison.Ordinal) => 23,
            _ when name.Contains("scal", StringComparison.Ordinal) => 24,
            _ => Calculated,
        };
    }
}
