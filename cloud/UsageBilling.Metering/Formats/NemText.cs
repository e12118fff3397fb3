using System.Globalization;
using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// What NEM12 and NEM13 records have in common (AEMO, Meter Data File Format Specification): market time is UTC+10 all year, dates are
/// <c>yyyyMMdd</c>, times <c>yyyyMMddHHmmss</c>, quality is a letter with a two-digit method where one was used.
/// </summary>
internal static class NemText
{
    /// <summary>Market time.</summary>
    public static readonly DateTimeZone Zone = DateTimeZone.ForOffset(Offset.FromHours(10));

    /// <summary>00:00 of a market day.</summary>
    public static Instant StartOf(LocalDate day) => day.AtMidnight().InZoneStrictly(Zone).ToInstant();

    public static bool TryDate(ReadOnlySpan<char> text, out LocalDate date)
    {
        date = default;
        if (text.Length != 8 || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        var (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        if (year < 1900 || month is < 1 or > 12 || day < 1 || day > CalendarSystem.Iso.GetDaysInMonth(year, month))
        {
            return false;
        }

        date = new LocalDate(year, month, day);
        return true;
    }

    /// <summary>A time of 14 digits, or 12 where the seconds are left out.</summary>
    public static bool TryInstant(ReadOnlySpan<char> text, out Instant instant)
    {
        instant = default;
        text = text.Trim();
        if (text.Length is not (12 or 14) || !TryDate(text[..8], out var date)
            || !int.TryParse(text[8..], NumberStyles.None, CultureInfo.InvariantCulture, out var time))
        {
            return false;
        }

        var seconds = text.Length == 14 ? time : time * 100;
        var (hour, minute, second) = (seconds / 10_000, seconds / 100 % 100, seconds % 100);
        if (hour > 23 || minute > 59 || second > 59)
        {
            return false;
        }

        instant = StartOf(date) + Duration.FromHours(hour) + Duration.FromMinutes(minute) + Duration.FromSeconds(second);
        return true;
    }

    /// <summary>A quality such as A, S14, E52, N: what it means, its letter and its method. Null where it is none; V is not one here.</summary>
    public static (IntervalQuality Quality, string Letter, string? Method)? Quality(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        if (text.Length is not (1 or 3) || (text.Length == 3 && !(char.IsAsciiDigit(text[1]) && char.IsAsciiDigit(text[2]))))
        {
            return null;
        }

        var method = text.Length == 3 ? text[1..].ToString() : null;
        return char.ToUpperInvariant(text[0]) switch
        {
            'A' when method is null => (IntervalQuality.Measured, "A", null),
            'N' when method is null => (IntervalQuality.Missing, "N", null),
            'S' => (IntervalQuality.Estimated, "S", method),
            'F' => (IntervalQuality.Estimated, "F", method),
            'E' => (IntervalQuality.Estimated, "E", method),
            _ => null,
        };
    }
}
