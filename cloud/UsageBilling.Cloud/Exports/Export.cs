using System.Globalization;
using System.Text;
using System.Xml;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Formats;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Exports;

/// <summary>What is to be exported: local days [From, To) of the channel's zone.</summary>
internal sealed record ExportRequest(string Format, ChannelKey Channel, LocalDate From, LocalDate To)
{
    public static readonly string[] Formats = ["greenbutton", "nem12", "csv"];

    private const int MostDays = 3700;

    /// <summary>The media type of the format.</summary>
    public string ContentType => Format == "greenbutton" ? "application/atom+xml; charset=utf-8" : "text/csv; charset=utf-8";

    /// <summary>A name for the file.</summary>
    public string FileName => string.Create(CultureInfo.InvariantCulture,
        $"{Channel.Point}_{Channel.Measurand.Quantity}_{Channel.Measurand.Direction}_{From:uuuu-MM-dd}_{To:uuuu-MM-dd}.{(Format == "greenbutton" ? "xml" : "csv")}");

    /// <summary>A request out of its words, or what is wrong with them.</summary>
    public static (ExportRequest? Request, string? Wrong) Read(string? format, string? channel, string? from, string? to)
    {
        var (first, last) = (NodaTime.Text.LocalDatePattern.Iso.Parse(from ?? string.Empty), NodaTime.Text.LocalDatePattern.Iso.Parse(to ?? string.Empty));
        if (Array.IndexOf(Formats, format) < 0)
        {
            return (null, $"format {format}: one of {string.Join(", ", Formats)}.");
        }

        if (KeyOf(channel) is not { } key)
        {
            return (null, $"channel {channel}: name it by point, quantity and direction, like NMI1234567/ActiveEnergy/Import (without the last two: that one).");
        }

        if (!first.Success || !last.Success || last.Value <= first.Value || Period.DaysBetween(first.Value, last.Value) > MostDays)
        {
            return (null, $"from {from} to {to}: local days like 2026-01-01, to being the day after the last, at most {MostDays} days.");
        }

        if (format == "nem12" && key.Measurand.Quantity is not (Quantity.ActiveEnergy or Quantity.ReactiveEnergy or Quantity.ApparentEnergy))
        {
            return (null, $"format nem12: it carries electric energy, not {key.Measurand.Quantity}.");
        }

        return format == "greenbutton" && key.Measurand.Quantity is not (Quantity.ActiveEnergy or Quantity.ReactiveEnergy or Quantity.ApparentEnergy or Quantity.GasVolume or Quantity.WaterVolume)
            ? (null, $"format greenbutton: it has no unit for {key.Measurand.Quantity}; export it as csv.")
            : (new ExportRequest(format!, key, first.Value, last.Value), null);
    }

    private static ChannelKey? KeyOf(string? text)
    {
        var parts = (text ?? string.Empty).Split('/');
        if (!Name.IsValid(parts[0]) || parts.Length is not (1 or 3))
        {
            return null;
        }

        return parts.Length == 1
            ? new ChannelKey(parts[0], new Measurand(Quantity.ActiveEnergy, Direction.Import))
            : Enum.TryParse<Quantity>(parts[1], out var quantity) && Enum.IsDefined(quantity) && Enum.TryParse<Direction>(parts[2], out var direction) && Enum.IsDefined(direction)
                ? new ChannelKey(parts[0], new Measurand(quantity, direction))
                : null;
    }
}

/// <summary>What came of an export.</summary>
/// <param name="Written">Whether anything was written.</param>
/// <param name="Reason">Why nothing was, or what it lacks; null: there is nothing to say.</param>
/// <param name="IsKnown">There is such a channel.</param>
internal sealed record ExportOutcome(bool Written, string? Reason, bool IsKnown = true);

/// <summary>Writes a channel's intervals, some days in memory at a time.</summary>
internal sealed class Export(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>
    /// Writes the export to a stream that stays open. Where there is no such channel, or no interval to write, none is opened: a file without an interval is no NEM12, and
    /// a feed or a table without one says that nothing was used.
    /// </summary>
    public async Task<ExportOutcome> WriteAsync(ExportRequest request, Func<Stream> open, CancellationToken cancellationToken)
    {
        if (await ChannelDays.TermsAsync(database, request.Channel.Id, cancellationToken) is not { } terms)
        {
            return new ExportOutcome(false, $"there is no channel {request.Channel}", IsKnown: false);
        }

        var channel = new ExportedChannel(terms.Key, terms.Exponent, DateTimeZoneProviders.Tzdb[terms.Zone]);
        var (from, to) = (LocalPeriod.StartOfDay(request.From, channel.Zone), LocalPeriod.StartOfDay(request.To, channel.Zone));
        var (first, beyond) = (UtcDay.Of(from), UtcDay.Of(to - Duration.Epsilon).PlusDays(1));
        var parked = await ChannelDays.CountParkedAsync(database, request.Channel.Id, first, beyond, cancellationToken);
        var waiting = parked == 0 ? null : $"{parked} UTC days of it are older than what is kept and wait: usage-cloud retention --years N keeps more years and takes them up";
        if (!await HasAnyAsync(request.Channel.Id, from, to, cancellationToken))
        {
            return new ExportOutcome(false, $"channel {request.Channel} has no interval from {request.From:uuuu-MM-dd} to {request.To:uuuu-MM-dd}{(waiting is null ? string.Empty : "; " + waiting)}");
        }

        var methods = await ImportedMethods.ReadAsync(database, request.Channel.Id, from, to, cancellationToken);
        var days = ChannelDays.ReadAsync(database, request.Channel.Id, first, beyond, cancellationToken)
            .Select(day => Exported(day, methods)).ToBlockingEnumerable(cancellationToken); // the pure writers take days as they need them
        var now = time.GetCurrentInstant();
        var output = open();
        if (request.Format == "greenbutton")
        {
            var summary = await LastBill.FindAsync(database, channel, to, cancellationToken);
            await using var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, Async = true, CloseOutput = false, Encoding = new UTF8Encoding(false) });
            GreenButtonWriter.Write(xml, channel, days, from, to, now, summary);
            await xml.FlushAsync();
            return new ExportOutcome(true, waiting);
        }

        await using var text = new StreamWriter(output, new UTF8Encoding(false), 64 * 1024, leaveOpen: true) { NewLine = "\r\n" };
        foreach (var line in request.Format == "nem12" ? Nem12Writer.Write(channel, days, from, to, now) : CsvWriter.Write(channel, days, from, to))
        {
            await text.WriteLineAsync(line.AsMemory(), cancellationToken);
        }

        return new ExportOutcome(true, waiting);
    }

    private async Task<bool> HasAnyAsync(ChannelId channel, Instant from, Instant to, CancellationToken cancellationToken)
    {
        await foreach (var day in ChannelDays.ReadAsync(database, channel, UtcDay.Of(from), UtcDay.Of(to - Duration.Epsilon).PlusDays(1), cancellationToken))
        {
            var start = UtcDay.StartOf(day.Day);
            for (var slot = 0; slot < day.Intervals.Slots; slot++)
            {
                var at = start + Duration.FromMinutes((long)slot * day.Intervals.IntervalMinutes);
                if (at >= from && at < to && day.Intervals.Qualities[slot] != (byte)IntervalQuality.Missing)
                {
                    return true;
                }
            }
        }

        return false;
    }

    // Estimates and edits made here come after what imports said: where both fit a slot, the later one is its method.
    private static ExportedDay Exported(ChannelDay day, List<ImportedMethod> imported)
    {
        var (start, minutes) = (UtcDay.StartOf(day.Day).ToUnixTimeSeconds(), day.Intervals.IntervalMinutes);
        var (step, end) = (minutes * 60L, start + NodaConstants.SecondsPerDay);
        var said = imported
            .Select(m => (From: Math.Max(m.From.ToUnixTimeSeconds(), start), To: Math.Min(m.To.ToUnixTimeSeconds(), end), Method: m))
            .Where(m => m.From < m.To)
            .Select(m => new ExportedMethod((int)((m.From - start) / step), (int)((m.To - start + step - 1) / step) - (int)((m.From - start) / step), m.Method.Quality, m.Method.Method, m.Method.Reason));
        var made = day.Overrides.Where(o => o.IntervalMinutes == minutes).Select(o => new ExportedMethod(o.FirstSlot, o.Slots, o.Quality, o.Method, o.Reason));
        return new ExportedDay(day.Day, day.Intervals, [.. said, .. made], day.ComputedAt);
    }
}
