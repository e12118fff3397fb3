using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>A stamp as it is written.</summary>
/// <param name="Date">Its date.</param>
/// <param name="Time">Its time of day; null for a date alone.</param>
internal readonly record struct CsvWritten(CsvDate Date, CsvTime? Time)
{
    /// <summary>The local time; null where there is no such day.</summary>
    public LocalDateTime? Local(CsvDateOrder? order) => Date.In(order) is { } date ? date.AtMidnight().PlusSeconds(Time?.Seconds ?? 0) : null;
}

/// <summary>
/// Stamps of a CSV file: <c>2026-10-25T02:30:00Z</c>, with an offset, or without one and then UTC or local time of a zone. The hour that local time
/// repeats in autumn is told apart by the order of the rows.
/// </summary>
internal sealed class CsvStamp(DateTimeZone? zone, CsvDateOrder? order = null)
{
    private Instant? _last;

    /// <summary>True where the file runs from its newest row to its oldest.</summary>
    public bool Descending { get; set; }

    /// <summary>Stamps end their intervals: 02:00 also where the clocks are put forward at 02:00.</summary>
    public bool AreEnds { get; init; }

    /// <summary>The last stamp names a local time that the clocks left out.</summary>
    public bool WasLeftOut { get; private set; }

    /// <summary>How all dates of the file are written; null: not checked.</summary>
    public CsvDateShape? Shape { get; init; }

    /// <summary>The stamp's instant, or what is wrong with it.</summary>
    public (Instant At, string? Problem) Read(CsvWritten? written, ReadOnlySpan<char> text)
    {
        if (written is not { } stamp || stamp.Local(order) is not { } local)
        {
            return (default, $"\"{(text.Length > 40 ? text[..40] : text)}\" is no time; write 2026-01-31T14:30:00Z, or 2026-01-31 14:30 with --zone for local time");
        }

        if (Shape is { } shape && stamp.Date.Shape != shape)
        {
            return (default, $"\"{(text.Length > 40 ? text[..40] : text)}\" is written in another way than the dates before it: write all alike");
        }

        WasLeftOut = false;
        var (at, problem) = stamp.Time?.Offset is { } offset ? (local.WithOffset(offset).ToInstant(), null) : Resolve(local);
        if (problem is null)
        {
            _last = at;
        }

        return (at, problem);
    }

    /// <summary>The end of an interval that begins at an instant: of the two readings of a repeated hour the one right behind it.</summary>
    public (Instant At, string? Problem) ReadEnd(CsvWritten? written, ReadOnlySpan<char> text, Instant start)
    {
        var (at, problem) = Read(written, text);
        if (problem is null && zone is not null && written!.Value.Time?.Offset is null)
        {
            var mapping = zone.MapLocal(written.Value.Local(order)!.Value);
            at = mapping.Count < 2 ? at : mapping.First().ToInstant() > start ? mapping.First().ToInstant() : mapping.Last().ToInstant();

            // From 02:00 to 03:00 is an hour also where 02:00 came twice and this is the first.
            var shown = Period.Between(start.InZone(zone).LocalDateTime, written.Value.Local(order)!.Value, PeriodUnits.Minutes).Minutes;
            at = shown is > 0 and <= 60 && at - start > Duration.FromHours(1) ? start + Duration.FromMinutes(shown) : at;
        }

        return (at, problem);
    }

    /// <summary>A stamp out of its text; null where it is none.</summary>
    public static CsvWritten? Parse(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        if (CsvDate.Read(text) is not { } found)
        {
            return null;
        }

        var rest = text[found.Length..];
        if (rest.IsEmpty)
        {
            return new CsvWritten(found.Date, null);
        }

        return rest[0] is 'T' or 't' or ' ' or ',' && CsvTime.Read(rest.TrimStart(",Tt ")) is { } time ? new CsvWritten(found.Date, time) : null;
    }

    private (Instant At, string? Problem) Resolve(LocalDateTime local)
    {
        if (zone is null)
        {
            return (local.InUtc().ToInstant(), null);
        }

        var mapping = zone.MapLocal(local);
        WasLeftOut = mapping.Count == 0;
        if (WasLeftOut && AreEnds && mapping.EarlyInterval.IsoLocalEnd == local)
        {
            return (mapping.EarlyInterval.End, null);
        }

        if (WasLeftOut)
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
}
