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

/// <summary>Writes a channel's intervals, some days in memory at a time.</summary>
internal sealed class Export(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Writes the export to a stream that stays open; false where there is no such channel, and then none is opened.</summary>
    public async Task<bool> WriteAsync(ExportRequest request, Func<Stream> open, CancellationToken cancellationToken)
    {
        if (await ChannelDays.TermsAsync(database, request.Channel.Id, cancellationToken) is not { } terms)
        {
            return false;
        }

        var channel = new ExportedChannel(terms.Key, terms.Exponent, DateTimeZoneProviders.Tzdb[terms.Zone]);
        var (from, to) = (LocalPeriod.StartOfDay(request.From, channel.Zone), LocalPeriod.StartOfDay(request.To, channel.Zone));
        var methods = await ImportedMethods.ReadAsync(database, request.Channel.Id, from, to, cancellationToken);
        var days = ChannelDays.ReadAsync(database, request.Channel.Id, UtcDay.Of(from), UtcDay.Of(to - Duration.Epsilon).PlusDays(1), cancellationToken)
            .Select(day => Exported(day, methods)).ToBlockingEnumerable(cancellationToken); // the pure writers take days as they need them
        var now = time.GetCurrentInstant();
        var output = open();
        if (request.Format == "greenbutton")
        {
            var summary = await LastBill.FindAsync(database, channel, to, cancellationToken);
            await using var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, Async = true, CloseOutput = false, Encoding = new UTF8Encoding(false) });
            GreenButtonWriter.Write(xml, channel, days, from, to, now, summary);
            await xml.FlushAsync();
            return true;
        }

        await using var text = new StreamWriter(output, new UTF8Encoding(false), 64 * 1024, leaveOpen: true) { NewLine = "\r\n" };
        foreach (var line in request.Format == "nem12" ? Nem12Writer.Write(channel, days, from, to, now) : CsvWriter.Write(channel, days, from, to))
        {
            await text.WriteLineAsync(line.AsMemory(), cancellationToken);
        }

        return true;
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
