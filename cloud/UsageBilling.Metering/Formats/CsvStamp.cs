using System.Globalization;
using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Stamps of a CSV file: <c>2026-10-25T02:30:00Z</c>, with an offset, or without one and then UTC or local time of a zone. The hour that local time
/// repeats in autumn is told apart by the order of the rows.
/// </summary>
internal sealed class CsvStamp(DateTimeZone? zone)
{
    private Instant? _last;

    /// <summary>True where the file runs from its newest row to its oldest.</summary>
    public bool Descending { get; set; }

    /// <summary>The stamp's instant, or what is wrong with it.</summary>
    public (Instant At, string? Problem) Read(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        if (Parse(text) is not { } stamp)
        {
            return (default, $"\"{(text.Length > 40 ? text[..40] : text)}\" is no time; write 2026-01-31T14:30:00Z, or 2026-01-31 14:30 with --zone for local time");
        }

        var (at, problem) = stamp.Offset is { } offset ? (stamp.Local.WithOffset(offset).ToInstant(), null) : Resolve(stamp.Local);
        if (problem is null)
        {
            _last = at;
        }

        return (at, problem);
    }

    /// <summary>True where the text looks like a stamp.</summary>
    public static bool IsStamp(ReadOnlySpan<char> text) => Parse(text.Trim()) is not null;

    /// <summary>The local reading of a stamp, for finding out which way a file runs.</summary>
    public static LocalDateTime? LocalOf(ReadOnlySpan<char> text) => Parse(text.Trim())?.Local;

    private (Instant At, string? Problem) Resolve(LocalDateTime local)
    {
        if (zone is null)
        {
            return (local.InUtc().ToInstant(), null);
        }

        var mapping = zone.MapLocal(local);
        if (mapping.Count == 0)
        {
            return (default, $"{local:uuuu-MM-dd HH:mm} does not exist in {zone.Id}: the clocks were put forward; are the stamps UTC, or of another zone?");
        }

        if (mapping.Count == 1)
        {
            return (mapping.Single().ToInstant(), null);
        }

        var (early, late) = (mapping.First().ToInstant(), mapping.Last().ToInstant());
        var second = Descending ? _last is not { } newer || late < newer : _last is { } older && early <= older && late > older;
        return (second ? late : early, null);
    }

    private static (LocalDateTime Local, Offset? Offset)? Parse(ReadOnlySpan<char> text)
    {
        // yyyy-MM-dd, '-' or '/'
        if (text.Length < 10 || text[4] is not ('-' or '/') || text[7] != text[4]
            || !Digits(text[..4], out var year) || !Digits(text[5..7], out var month) || !Digits(text[8..10], out var day)
            || year < 1900 || month is < 1 or > 12 || day < 1 || day > CalendarSystem.Iso.GetDaysInMonth(year, month))
        {
            return null;
        }

        var date = new LocalDate(year, month, day);
        if (text.Length == 10)
        {
            return (date.AtMidnight(), null);
        }

        if (text[10] is not ('T' or 't' or ' ') || text.Length < 16 || text[13] != ':' || !Digits(text[11..13], out var hour) || !Digits(text[14..16], out var minute) || hour > 24 || minute > 59)
        {
            return null;
        }

        var rest = text[16..];
        var second = 0;
        if (rest.Length >= 3 && rest[0] == ':')
        {
            if (!Digits(rest[1..3], out second) || second > 59)
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

        if (hour == 24 && (minute != 0 || second != 0))
        {
            return null;
        }

        var local = hour == 24 ? date.PlusDays(1).AtMidnight() : date + new LocalTime(hour, minute, second);
        rest = rest.Trim();
        return rest.IsEmpty ? (local, null) : OffsetOf(rest) is { } offset ? (local, offset) : null;
    }

    private static Offset? OffsetOf(ReadOnlySpan<char> text)
    {
        if (text is "Z" or "z")
        {
            return Offset.Zero;
        }

        if (text.Length is not (3 or 5 or 6) || text[0] is not ('+' or '-') || (text.Length == 6 && text[3] != ':')
            || !Digits(text[1..3], out var hours) || hours > 18)
        {
            return null;
        }

        var minutes = 0;
        return text.Length == 3 || (Digits(text[^2..], out minutes) && minutes < 60)
            ? Offset.FromSeconds((text[0] == '-' ? -1 : 1) * ((hours * 3600) + (minutes * 60)))
            : null;
    }

    private static bool Digits(ReadOnlySpan<char> text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
