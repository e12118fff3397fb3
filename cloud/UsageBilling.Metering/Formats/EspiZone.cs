using System.Globalization;
using NodaTime;
using NodaTime.TimeZones;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Local time as an ESPI <c>LocalTimeParameters</c> describes it: an offset from UTC, and a rule each for the beginning and the end of daylight saving time
/// (32 bits: seconds 12, hours 5, day of week 3, day of month 5, operator 3, month 4). A file's days are counted by it and its defects explained.
/// </summary>
internal sealed class EspiZone : DateTimeZone
{
    private readonly Offset _standard;
    private readonly Offset _saving;
    private readonly uint _begins;
    private readonly uint _ends;

    private EspiZone(Offset standard, Offset saving, uint begins, uint ends)
        : base($"espi{standard}", saving == Offset.Zero, Offset.Min(standard, standard + saving), Offset.Max(standard, standard + saving))
    {
        _standard = standard;
        _saving = saving;
        _begins = begins;
        _ends = ends;
    }

    /// <summary>The zone of the four values as they stand in a file; without rules that can be read, its standard time.</summary>
    public static DateTimeZone Of(string? tzOffset, string? dstOffset, string? dstStart, string? dstEnd)
    {
        var standard = OffsetOf(tzOffset);
        var saving = OffsetOf(dstOffset);
        return saving != Offset.Zero && Rule(dstStart) is { } begins && Rule(dstEnd) is { } ends
            ? new EspiZone(standard, saving, begins, ends)
            : ForOffset(standard);
    }

    /// <inheritdoc/>
    public override ZoneInterval GetZoneInterval(Instant instant)
    {
        if (_saving == Offset.Zero)
        {
            return new ZoneInterval(Id, null, null, _standard, Offset.Zero);
        }

        var year = instant.WithOffset(_standard).Year;
        Instant? before = null;
        var savingBefore = false;
        foreach (var (at, saving) in Changes(year - 1).Concat(Changes(year)).Concat(Changes(year + 1)).OrderBy(c => c.At))
        {
            if (at > instant)
            {
                return new ZoneInterval(Id, before, at, savingBefore ? _standard + _saving : _standard, savingBefore ? _saving : Offset.Zero);
            }

            (before, savingBefore) = (at, saving);
        }

        throw new InvalidOperationException("the year after always has a later change");
    }

    /// <summary>By value: each reading of a file makes its zone anew, and its streams are the same ones.</summary>
    public override bool Equals(object? obj) =>
        obj is EspiZone other && (_standard, _saving, _begins, _ends) == (other._standard, other._saving, other._begins, other._ends);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_standard, _saving, _begins, _ends);

    private IEnumerable<(Instant At, bool Saving)> Changes(int year)
    {
        yield return (At(_begins, year).WithOffset(_standard).ToInstant(), true);
        yield return (At(_ends, year).WithOffset(_standard + _saving).ToInstant(), false);
    }

    private static LocalDateTime At(uint rule, int year)
    {
        var (seconds, hours, weekday, dayOfMonth, how, month) =
            ((int)(rule & 0xFFF), (int)((rule >> 12) & 31), (int)((rule >> 17) & 7), (int)((rule >> 20) & 31), (int)((rule >> 25) & 7), (int)(rule >> 28));
        var length = CalendarSystem.Iso.GetDaysInMonth(year, month);
        var date = new LocalDate(year, month, how is 0 or 1 ? Math.Clamp(dayOfMonth, 1, length) : how == 7 ? length - 6 : Math.Min(1 + (7 * (how - 2)), length - 6));
        while (how != 0 && (int)date.DayOfWeek != weekday)
        {
            date = date.PlusDays(1);
        }

        return date.AtMidnight().PlusHours(hours).PlusSeconds(seconds);
    }

    private static uint? Rule(string? text) =>
        uint.TryParse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var rule) && rule >> 28 is >= 1 and <= 12
            && ((rule >> 25) & 7) is var how && (how == 0 || ((rule >> 17) & 7) != 0) && ((rule >> 12) & 31) <= 24
            ? rule
            : null;

    private static Offset OffsetOf(string? text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds) && Math.Abs(seconds) <= 18 * 3600 ? Offset.FromSeconds(seconds) : Offset.Zero;
}
