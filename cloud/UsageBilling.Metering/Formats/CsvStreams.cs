using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>Which stream a value of a row belongs to: by its channel column, else by its point, its column and what kind the row says it is.</summary>
internal sealed class CsvStreams(CsvOptions options, CsvColumns columns)
{
    private readonly Dictionary<(string Point, string Kind, string Column, string Unit, int? Minutes), SourceChannel> _channels = [];
    private readonly Dictionary<(string Point, Direction Direction), string> _kinds = [];
    private readonly DateTimeZone _zone = options.Zone ?? DateTimeZone.Utc;

    /// <summary>The stream, or why there is none.</summary>
    public (SourceChannel? Channel, string? Problem) Of(CsvValueColumn column, string[] fields, int? minutes)
    {
        var unit = Field(fields, columns.Unit) is { Length: > 0 } stated ? CsvNames.Spelled(stated.Trim('[', ']'), inBrackets: true) ?? stated : column.Unit;
        if (columns.Unit < 0 && columns.Kind >= 0 && CsvNames.UnitOf(string.Empty, CsvNames.Plain(Field(fields, columns.Kind)).Bracket) is { } ofKind)
        {
            // Active Import Interval (kW)
            unit = ofKind;
        }

        var point = Field(fields, columns.Channel >= 0 ? columns.Channel : columns.Point).TrimStart('\'');
        var kind = Field(fields, columns.Kind);
        var key = (point, kind, column.Name, unit, minutes);
        if (_channels.TryGetValue(key, out var channel))
        {
            return (channel, null);
        }

        var problem = columns.Channel >= 0 ? ByChannel(point, unit, minutes, out channel) : ByColumn(column, point, kind, unit, minutes, out channel);
        if (channel is not null)
        {
            _channels.Add(key, channel);
        }

        return (channel, problem);
    }

    private string? ByChannel(string named, string unit, int? minutes, out SourceChannel? channel)
    {
        var (point, measurand) = CsvFlag.Channel(named, options.Id);
        channel = measurand is { } known
            ? new SourceChannel(point, $"{known.Quantity}/{known.Direction}", unit, minutes, measurand, CsvFlag.ExponentOf(unit, known), _zone) { Point = PointName.Of(point) }
            : null;
        return channel is null ? $"\"{named}\" is no channel: write point/ActiveEnergy/Import" : null;
    }

    private string? ByColumn(CsvValueColumn column, string point, string kind, string unit, int? minutes, out SourceChannel? channel)
    {
        channel = null;
        var words = $"{column.Words}_{CsvFlow.Words(kind, CsvNames.Words(kind))}";
        var direction = CsvFlow.Of(words);
        if (CsvRegister.IsCertain(CsvNames.Words(kind)))
        {
            return CsvColumns.Readings(kind);
        }

        if (kind.Length > 0 && !_kinds.TryAdd((point, direction), kind) && _kinds[(point, direction)] != kind)
        {
            return $"the rows are of \"{_kinds[(point, direction)]}\" and of \"{kind}\", and nothing says that they are one quantity: make a file of each, and import them to points of their own with --point";
        }

        var id = point.Length > 0 ? point : options.Id;
        var (measurand, exponent) = MeasurandOf(unit, words, direction);
        if (columns.Values.Find(v => v.Index != column.Index && measurand is not null && Measures(v, CsvFlow.Words(kind, CsvNames.Words(kind)), columns.Unit < 0 ? v.Unit : unit) == measurand) is { } other)
        {
            return Clash(other, column);
        }

        channel = new SourceChannel(id, kind.Length > 0 && columns.Values.Count == 1 ? kind : column.Name, unit, minutes, measurand, exponent, _zone) { Point = PointName.Of(id) };
        return null;
    }

    /// <summary>Two columns that would be one channel, in words; null where there are none. Which of them counts, or whether they add up, no name says for certain.</summary>
    public static string? Clash(CsvColumns columns)
    {
        var first = new Dictionary<Measurand, CsvValueColumn>();
        foreach (var column in columns.Values)
        {
            if (Measures(column, string.Empty, column.Unit) is { } measurand && !first.TryAdd(measurand, column))
            {
                return Clash(first[measurand], column);
            }
        }

        return null;
    }

    private static string Clash(CsvValueColumn one, CsvValueColumn other) =>
        $"\"{one.Name}\" and \"{other.Name}\" are not one quantity, and both would be the same channel of the point: say which counts with --column \"{one.Name}\" (others are left aside), or import each with --column to a point of its own with --point";

    private static Measurand? Measures(CsvValueColumn column, string kind, string unit) => MeasurandOf(unit, $"{column.Words}_{kind}", CsvFlow.Of($"{column.Words}_{kind}")).Measurand;

    private static (Measurand? Measurand, int Exponent) MeasurandOf(string unit, string words, Direction direction) =>
        SourceUnit.Find(unit) is { } energy ? (new Measurand(energy.Quantity, direction), energy.Exponent)
        : unit is "m³" or "L" && CsvNames.VolumeOf(words) is { } volume ? (new Measurand(volume, direction), unit == "L" ? -3 : 0)
        : (null, 0);

    private static string Field(string[] fields, int column) => column >= 0 && column < fields.Length ? fields[column].Trim() : string.Empty;
}
