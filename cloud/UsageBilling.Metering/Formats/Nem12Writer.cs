using System.Globalization;
using System.Text;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Intervals as NEM12. A market day is written whole where any of its intervals is wanted and known: what is missing, or was not asked for, is null (N).
/// Measured is A; what the meter's register proves but not its course in time is S12 (calculated); an estimate is S with AEMO's number of its method;
/// an edit is F (final substitute). Days in which the interval length changes are written at the length that holds both; intervals of 10 and 60 minutes,
/// which NEM12 does not have, are cut to 5 and 30, their sums unchanged: parts of a measured interval are S12, and the reason says of what.
/// Source: AEMO, Meter Data File Format Specification NEM12 &amp; NEM13, chapter 4.
/// </summary>
public static class Nem12Writer
{
    private const int LongestDescription = 240;

    /// <summary>Lines without their ends.</summary>
    /// <param name="channel">An energy channel.</param>
    /// <param name="days">UTC days in order, all that touch [from, to).</param>
    /// <param name="from">First instant.</param>
    /// <param name="to">First instant after.</param>
    /// <param name="writtenAt">Time of the header.</param>
    /// <exception cref="ArgumentException">The channel's quantity has no NEM12 unit, or its intervals a length that NEM12 does not have.</exception>
    public static IEnumerable<string> Write(ExportedChannel channel, IEnumerable<ExportedDay> days, Instant from, Instant to, Instant writtenAt)
    {
        var (unit, suffix) = StreamOf(channel.Key);
        yield return $"100,NEM12,{Stamp(writtenAt)[..12]},USAGEB,";
        var open = 0;
        foreach (var day in MarketDays(days, from, to))
        {
            if (day.Minutes != open)
            {
                open = day.Minutes;
                yield return string.Create(CultureInfo.InvariantCulture, $"200,{Nmi(channel.Key.Point)},{suffix},{suffix},{suffix},,,{unit},{open},");
            }

            foreach (var line in Lines(channel, day))
            {
                yield return line;
            }
        }

        yield return "900";
    }

    /// <summary>The suffix of a channel: E and Q flow to the customer, B and K from the customer; T is apparent energy.</summary>
    public static string Suffix(Measurand measurand) => (measurand.Quantity, measurand.Direction) switch
    {
        (Quantity.ActiveEnergy, Direction.Import) => "E",
        (Quantity.ActiveEnergy, Direction.Export) => "B",
        (Quantity.ReactiveEnergy, Direction.Import) => "Q",
        (Quantity.ReactiveEnergy, Direction.Export) => "K",
        (Quantity.ApparentEnergy, _) => "T",
        _ => throw new ArgumentException($"NEM12 has no stream for {measurand.Quantity}: it carries electric energy", nameof(measurand)),
    };

    // NMI-2 is the stream of the NMI's second meter, as it is read.
    private static (string Unit, string Suffix) StreamOf(ChannelKey key)
    {
        var letter = Suffix(key.Measurand);
        var dash = key.Point.LastIndexOf('-');
        var meter = dash > 0 && dash == key.Point.Length - 2 && char.IsAsciiDigit(key.Point[^1]) && key.Point[^1] is not ('0' or '1') ? key.Point[^1..] : "1";
        return (letter switch { "E" or "B" => "kWh", "T" => "kVAh", _ => "kVArh" }, letter + meter);
    }

    private static string Nmi(string point) =>
        point.Length > 2 && point[^2] == '-' && char.IsAsciiDigit(point[^1]) && point[^1] is not ('0' or '1') ? point[..^2] : point;

    private static IEnumerable<string> Lines(ExportedChannel channel, MarketDay day)
    {
        var factor = DecimalText.PowerOfTen(channel.Exponent - 3);
        var text = new StringBuilder("300,").Append(day.Date.ToString("uuuuMMdd", CultureInfo.InvariantCulture));
        foreach (var slot in day.Slots)
        {
            text.Append(',').Append(slot.Quality == IntervalQuality.Missing ? "0" : DecimalText.Format(slot.Quantity * factor));
        }

        var flags = Flags(day.Slots);
        var whole = flags.Count == 1 ? flags[0] : default;
        text.Append(CultureInfo.InvariantCulture, $",{(flags.Count == 1 ? whole.Code : "V")},{(flags.Count == 1 ? Reason(whole.Reason) : ",")},{Stamp(day.StatedAt)},");
        yield return text.ToString();
        foreach (var (first, count, code, reason) in flags.Count == 1 ? [] : flags)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"400,{first + 1},{first + count},{code},{Reason(reason)}");
        }
    }

    // Reason code and description; 0 is AEMO's code for free text. What was read as code and text is written so again.
    private static string Reason(string? reason)
    {
        if (string.IsNullOrEmpty(reason))
        {
            return ",";
        }

        var space = reason.IndexOf(' ', StringComparison.Ordinal);
        var code = space < 0 ? reason : reason[..space];
        return code.Length <= 3 && code.All(char.IsAsciiDigit) ? $"{code},{Clean(space < 0 ? string.Empty : reason[(space + 1)..])}" : $"0,{Clean(reason)}";
    }

    private static string Clean(string reason)
    {
        var text = reason.Replace(',', ';').Replace('\n', ' ').Replace('\r', ' ');
        return text.Length <= LongestDescription ? text : text[..LongestDescription];
    }

    private static List<(int First, int Count, string Code, string? Reason)> Flags(Slot[] slots)
    {
        var flags = new List<(int First, int Count, string Code, string? Reason)>();
        for (var i = 0; i < slots.Length; i++)
        {
            var (code, reason) = Code(slots[i]);
            if (flags.Count > 0 && flags[^1].Code == code && flags[^1].Reason == reason)
            {
                flags[^1] = flags[^1] with { Count = flags[^1].Count + 1 };
            }
            else
            {
                flags.Add((i, 1, code, reason));
            }
        }

        return flags;
    }

    private static (string Code, string? Reason) Code(Slot slot) => slot.Quality switch
    {
        IntervalQuality.Measured => ("A", null),
        IntervalQuality.Interpolated => (string.Create(CultureInfo.InvariantCulture, $"S{AemoMethods.Calculated}"), slot.PartOf is { } minutes ? $"part of a measured interval of {minutes} minutes" : null),
        IntervalQuality.Estimated or IntervalQuality.Edited when AemoMethods.IsFlag(slot.Method?.Method) => (slot.Method!.Method, slot.Method.Reason),
        IntervalQuality.Estimated => (string.Create(CultureInfo.InvariantCulture, $"S{AemoMethods.NumberOf(slot.Method?.Method)}"), slot.Method?.Reason),
        IntervalQuality.Edited => (string.Create(CultureInfo.InvariantCulture, $"F{AemoMethods.NumberOf(slot.Method?.Method)}"), slot.Method?.Reason),
        _ => ("N", null),
    };

    private static string Stamp(Instant at) => at.InZone(NemText.Zone).LocalDateTime.ToString("uuuuMMddHHmmss", CultureInfo.InvariantCulture);

    private readonly record struct Slot(long Quantity, IntervalQuality Quality, ExportedMethod? Method, int? PartOf);

    private sealed record MarketDay(LocalDate Date, int Minutes, Slot[] Slots, Instant StatedAt);

    // UTC days come in order: a market day is complete when the UTC day in which it ends has been seen, or was left out.
    private static IEnumerable<MarketDay> MarketDays(IEnumerable<ExportedDay> days, Instant from, Instant to)
    {
        ExportedDay? before = null;
        foreach (var day in days)
        {
            if (before is not null && before.Day.PlusDays(1) != day.Day)
            {
                if (Assemble(before, null, from, to) is { } last)
                {
                    yield return last;
                }

                before = null;
            }

            if (Assemble(before, day, from, to) is { } market)
            {
                yield return market;
            }

            before = day;
        }

        if (before is not null && Assemble(before, null, from, to) is { } end)
        {
            yield return end;
        }
    }

    /// <summary>The market day that ends in <paramref name="second"/> (or begins in <paramref name="first"/>): 14:00 UTC to 14:00 UTC.</summary>
    private static MarketDay? Assemble(ExportedDay? first, ExportedDay? second, Instant from, Instant to)
    {
        var date = second?.Day ?? first!.Day.PlusDays(1);
        var minutes = Math.Min(first?.Intervals.IntervalMinutes ?? int.MaxValue, second?.Intervals.IntervalMinutes ?? int.MaxValue);
        if (first is not null && second is not null && first.Intervals.IntervalMinutes != second.Intervals.IntervalMinutes)
        {
            minutes = Gcd(first.Intervals.IntervalMinutes, second.Intervals.IntervalMinutes);
        }

        minutes = minutes switch { 10 => 5, 60 => 30, _ => minutes };
        var start = NemText.StartOf(date);
        var slots = new Slot[1440 / minutes];
        Fill(slots, minutes, start, first, from, to);
        Fill(slots, minutes, start, second, from, to);
        return Array.TrueForAll(slots, s => s.Quality == IntervalQuality.Missing)
            ? null
            : new MarketDay(date, minutes, slots, first is null ? second!.StatedAt : second is null || first.StatedAt > second.StatedAt ? first.StatedAt : second.StatedAt);
    }

    private static void Fill(Slot[] slots, int minutes, Instant start, ExportedDay? day, Instant from, Instant to)
    {
        if (day is null)
        {
            return;
        }

        var source = day.Intervals.IntervalMinutes;
        var cut = DeliveredSlots.OnGrid(day.Intervals, minutes);
        for (var slot = 0; slot < cut.Slots; slot++)
        {
            var at = UtcDay.StartOf(day.Day) + Duration.FromMinutes((long)slot * minutes);
            var index = (at.ToUnixTimeSeconds() - start.ToUnixTimeSeconds()) / (60 * minutes);
            if (at >= start && index < slots.Length && at >= from && at < to)
            {
                var whole = slot * minutes / source;
                int? partOf = source > minutes && day.Intervals.Qualities[whole] == (byte)IntervalQuality.Measured ? source : null;
                slots[(int)index] = new Slot(cut.Quantities[slot], (IntervalQuality)cut.Qualities[slot], day.MethodOf(whole), partOf);
            }
        }
    }

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
}
