using System.Xml;
using NodaTime;
using UsageBilling.Metering.Formats;

namespace UsageBilling.Cloud.Imports;

/// <summary>How a file is to be read: its format, and what it does not say about itself.</summary>
/// <param name="Format"><c>nem12</c>, <c>nem13</c>, <c>greenbutton</c> or <c>csv</c>.</param>
/// <param name="Name">The file's name without its folder: the metering point of a CSV that names none.</param>
/// <param name="Zone">IANA zone, or null.</param>
/// <param name="Point">Service point instead of the one that the file names; only for files of one metering point.</param>
/// <param name="Unit">Unit of a CSV's columns that name none.</param>
/// <param name="Stamps"><c>start</c>, <c>end</c> or null: where in its interval a CSV's time stands.</param>
/// <param name="IntervalMinutes">Interval of a CSV; null: found out.</param>
/// <param name="Dates"><c>dmy</c>, <c>mdy</c> or null: the order of day and month in a CSV's dates like 05/06/2026.</param>
/// <param name="Decimal"><c>.</c>, <c>,</c> or null: a CSV's decimal sign.</param>
/// <param name="Columns">Names of a CSV's columns of quantities; null: found by their names.</param>
internal sealed record ImportFormat(
    string Format, string Name, string? Zone = null, string? Point = null, string Unit = "kWh", string? Stamps = null, int? IntervalMinutes = null, string? Dates = null, string? Decimal = null, string[]? Columns = null)
{
    public static readonly string[] Names = ["nem12", "nem13", "greenbutton", "csv"];

    private static readonly XmlReaderSettings Xml = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
        IgnoreWhitespace = true,
        CloseInput = true,
        MaxCharactersInDocument = 0,
    };

    /// <summary>What is wrong with the way of reading, or null.</summary>
    public string? Wrong() =>
        Array.IndexOf(Names, Format) < 0 ? $"format {Format}: one of {string.Join(", ", Names)}"
        : Zone is { } zone && DateTimeZoneProviders.Tzdb.GetZoneOrNull(zone) is null ? $"zone {zone}: no such IANA time zone; write for example Europe/Berlin."
        : Point is { } point && !Protocols.Name.IsValid(point) ? $"point {point}: a service point is 1 to {Protocols.Name.MaxLength} letters, digits, '-', '_' or '.'."
        : Stamps is not (null or "start" or "end") ? $"stamps {Stamps}: start or end."
        : Dates is not (null or "dmy" or "mdy") ? $"dates {Dates}: dmy or mdy."
        : Decimal is not (null or "." or ",") ? $"decimal {Decimal}: . or ,"
        : IntervalMinutes is < 1 or > 60 ? $"interval {IntervalMinutes}: 1 to 60 minutes."
        : null;

    /// <summary>The file's items, lazily; a file that cannot be read on is a problem among them.</summary>
    public IEnumerable<SourceItem> Read(RawFile file)
    {
        var moved = new Dictionary<SourceChannel, SourceChannel>(ReferenceEqualityComparer.Instance);
        string? id = null;
        using var items = Items(file).GetEnumerator();
        var line = 0;
        while (true)
        {
            SourceItem? item;
            try
            {
                item = items.MoveNext() ? items.Current : null;
            }
            catch (Exception error) when (error is InvalidDataException or XmlException)
            {
                item = new SourceProblem(Math.Max(line, 1), $"the file cannot be read: {error.Message}", true);
            }

            if (item is null)
            {
                yield break;
            }

            line = item.Line;
            if (Point is not null && item is SourceRun or SourceTotal)
            {
                var channel = item is SourceRun r ? r.Channel : ((SourceTotal)item).Channel;
                id ??= channel.Id;
                if (id != channel.Id)
                {
                    yield return new SourceProblem(line, $"the file has data of {id} and {channel.Id}: --point is for files of one metering point", true);
                    yield break;
                }

                item = Move(item, channel, moved);
            }

            yield return item;
            if (item is SourceProblem { Refuses: true, Reason: var reason } && reason.StartsWith("the file cannot be read", StringComparison.Ordinal))
            {
                yield break;
            }
        }
    }

    // A further meter of the point keeps its number: NMI-2 becomes POINT-2.
    private SourceItem Move(SourceItem item, SourceChannel channel, Dictionary<SourceChannel, SourceChannel> moved)
    {
        if (!moved.TryGetValue(channel, out var target))
        {
            var own = PointName.Of(channel.Id);
            target = channel with { Point = PointName.Of(Point + (channel.Point.StartsWith(own, StringComparison.Ordinal) ? channel.Point[own.Length..] : string.Empty)) };
            moved.Add(channel, target);
        }

        return item switch
        {
            SourceRun run => run with { Channel = target },
            SourceTotal total => total with { Channel = target },
            _ => item,
        };
    }

    private IEnumerable<SourceItem> Items(RawFile file)
    {
        var zone = Zone is null ? null : DateTimeZoneProviders.Tzdb[Zone];
        return Format switch
        {
            "nem12" => Nem12Reader.Read(file.Lines()),
            "nem13" => Nem13Reader.Read(file.Lines()),
            "greenbutton" => GreenButtonReader.Read(() => XmlReader.Create(file.OpenContents(), Xml), zone),
            _ => CsvReader.Read(file.Lines(), new CsvOptions(
                Point ?? Path.GetFileNameWithoutExtension(Name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? Name[..^3] : Name),
                zone,
                Unit,
                Stamps switch { "start" => false, "end" => true, _ => null },
                IntervalMinutes,
                Dates switch { "dmy" => CsvDateOrder.DayFirst, "mdy" => CsvDateOrder.MonthFirst, _ => null },
                Decimal?[0],
                Columns)),
        };
    }
}
