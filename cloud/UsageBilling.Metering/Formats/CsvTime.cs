using System.Globalization;
using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>A time of day as it is written: 14:30, 2:30 PM, 24:00, 14:30:00.000+01:00.</summary>
/// <param name="Seconds">From midnight, up to 86,400.</param>
/// <param name="Offset">The offset behind it, or null.</param>
internal readonly record struct CsvTime(int Seconds, Offset? Offset)
{
    /// <summary>Reads a text that is a time and nothing else; null where it is none.</summary>
    public static CsvTime? Read(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        if (text.Length == 4 && !text.ContainsAnyExceptInRange('0', '9'))
        {
            return Of(Parse(text[..2]), Parse(text[2..]), 0, null, []);
        }

        var colon = text.IndexOf(':');
        if (colon is not (1 or 2) || text.Length < colon + 3 || !Digits(text[..colon], out var hour) || !Digits(text.Slice(colon + 1, 2), out var minute))
        {
            return null;
        }

        var rest = text[(colon + 3)..];
        var second = 0;
        if (rest.Length >= 3 && rest[0] == ':')
        {
            if (!Digits(rest[1..3], out second))
            {
                return null;
            }

            rest = rest[3..];
            if (rest.Length > 1 && rest[0] == '.')
            {
                // Fractions of a second are zeros in every file of intervals.
                var digits = rest[1..].IndexOfAnyExcept('0');
                rest = digits < 0 ? [] : rest[(digits + 1)..];
            }
        }

        rest = rest.TrimStart();
        bool? afternoon = null;
        if (rest.StartsWith("AM", StringComparison.OrdinalIgnoreCase) || rest.StartsWith("PM", StringComparison.OrdinalIgnoreCase))
        {
            afternoon = rest[0] is 'P' or 'p';
            rest = rest[2..];
        }

        return Of(hour, minute, second, afternoon, rest.Trim());
    }

    private static CsvTime? Of(int hour, int minute, int second, bool? afternoon, ReadOnlySpan<char> rest)
    {
        if (afternoon is { } pm)
        {
            if (hour is < 1 or > 12)
            {
                return null;
            }

            hour = (hour % 12) + (pm ? 12 : 0);
        }

        if (hour > 24 || minute > 59 || second > 59 || (hour == 24 && (minute != 0 || second != 0)))
        {
            return null;
        }

        var seconds = (hour * 3600) + (minute * 60) + second;
        return rest.IsEmpty ? new CsvTime(seconds, null) : OffsetOf(rest) is { } offset ? new CsvTime(seconds, offset) : null;
    }

    private static Offset? OffsetOf(ReadOnlySpan<char> text)
    {
        if (text is "Z" or "z" or "UTC" or "GMT")
        {
            return NodaTime.Offset.Zero;
        }

        if (text.Length is not (3 or 5 or 6) || text[0] is not ('+' or '-') || (text.Length == 6 && text[3] != ':') || !Digits(text[1..3], out var hours) || hours > 18)
        {
            return null;
        }

        var minutes = 0;
        return text.Length == 3 || (Digits(text[^2..], out minutes) && minutes < 60)
            ? NodaTime.Offset.FromSeconds((text[0] == '-' ? -1 : 1) * ((hours * 3600) + (minutes * 60)))
            : null;
    }

    private static bool Digits(ReadOnlySpan<char> text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static int Parse(ReadOnlySpan<char> digits) => int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
}
