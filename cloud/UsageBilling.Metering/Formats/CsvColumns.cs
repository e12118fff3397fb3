namespace UsageBilling.Metering.Formats;

/// <summary>A column of quantities.</summary>
internal sealed record CsvValueColumn(int Index, string Name, string Unit, string Words);

/// <summary>
/// Which column of a CSV file says what. One row an interval with a column each for its quantities (<c>start,import_kwh,export_kwh</c>, <c>start,value</c>), or one row an
/// interval and channel as <c>usage-cloud export</c> writes it (<c>from_utc,from_local,minutes,channel,quantity,unit,quality</c>), or one row a day (<see cref="CsvSlots"/>).
/// What is a time and what a date shows in the first row of data.
/// </summary>
internal sealed class CsvColumns
{
    private const string Between = " to ";
    private const string ValueName = "value";

    public int Start { get; private set; } = -1;

    public int End { get; private set; } = -1;

    public int Date { get; private set; } = -1;

    public int Time { get; private set; } = -1;

    public int EndTime { get; private set; } = -1;

    public int Minutes { get; private set; } = -1;

    public int Channel { get; private set; } = -1;

    public int Point { get; private set; } = -1;

    public int Kind { get; private set; } = -1;

    public int Unit { get; private set; } = -1;

    public int Quality { get; private set; } = -1;

    public int Method { get; private set; } = -1;

    /// <summary>The start column holds both ends: 2026-01-01 00:00 to 2026-01-01 01:00.</summary>
    public bool IsRange { get; private set; }

    /// <summary>The times are UTC by their column's name.</summary>
    public bool IsUtc { get; private set; }

    /// <summary>The name says that an interval begins there.</summary>
    public bool SaysStart { get; private set; }

    public List<CsvValueColumn> Values { get; private set; } = [];

    public CsvSlots? Slots { get; private set; }

    /// <summary>Columns whose numbers are readings of a register.</summary>
    public List<CsvValueColumn> Registers { get; } = [];

    /// <summary>Why the columns cannot be taken, or null.</summary>
    public string? Problem { get; private set; }

    /// <summary>Columns that say nothing about quantities.</summary>
    public List<string> LeftAside { get; } = [];

    public bool HasTime => Start >= 0 || End >= 0 || Date >= 0;

    /// <summary>Two times a row.</summary>
    public bool HasBoth => IsRange || (Start >= 0 && End >= 0) || (Time >= 0 && EndTime >= 0);

    public bool IsWhole => HasTime && Values.Count > 0;

    public static CsvColumns Of(string[] header, string[]? sample, CsvOptions options)
    {
        var columns = new CsvColumns { Slots = CsvSlots.Of(header) };
        var names = header.Select(CsvNames.Plain).ToArray();
        columns.FindTimes(names, sample ?? []);
        for (var i = 0; i < header.Length; i++)
        {
            if (i != columns.Start && i != columns.End && i != columns.Date && i != columns.Time && i != columns.EndTime && columns.Slots?.Columns.Contains(i) != true)
            {
                columns.Take(i, names[i].Name, names[i].Bracket, header[i].Trim(), i < sample?.Length ? sample[i] : null, options.Unit);
            }
        }

        if (columns.Kind >= 0 && columns.Kind < sample?.Length && CsvRegister.IsInterval(CsvNames.Words(sample[columns.Kind])))
        {
            // Read Value, and Read Type says Active Import Interval.
            var read = columns.Registers.FindAll(r => !CsvRegister.IsCertain(r.Words));
            columns.Values.AddRange(read);
            columns.Registers.RemoveAll(read.Contains);
        }

        if (columns.Slots is { } slots)
        {
            columns.LeftAside.AddRange(columns.Values.Select(v => v.Name));
            columns.Values = [new CsvValueColumn(slots.Columns[0], ValueName, options.Unit, string.Empty)];
        }

        if (options.Columns is { Count: > 0 } named)
        {
            columns.Choose(named, header, names, options.Unit);
        }
        else if (columns.Values.Count > 1 && columns.Values.Find(v => names[v.Index].Name.Split('_').Contains("net")) is { } net)
        {
            columns.LeftAside.Add(net.Name);
            columns.Values.Remove(net);
        }

        return columns;
    }

    /// <summary>Stamp and value, where a file has no header.</summary>
    public static CsvColumns WithoutHeader(int fields, CsvOptions options)
    {
        var columns = new CsvColumns { Start = 0, Values = fields > 1 ? [new CsvValueColumn(1, ValueName, options.Unit, string.Empty)] : [] };
        if (options.Columns is { Count: > 0 } named)
        {
            columns.Choose(named, [], [], options.Unit);
        }

        return columns;
    }

    /// <summary>When a row begins, or the one time that it has.</summary>
    public (CsvWritten? Written, string Text) When(string[] fields)
    {
        if (Date >= 0)
        {
            return Joined(fields, Time);
        }

        var column = Start >= 0 ? Start : End;
        var text = column < fields.Length ? fields[column].Trim() : string.Empty;
        text = IsRange && text.IndexOf(Between, StringComparison.Ordinal) is > 0 and var to ? text[..to] : text;
        return (CsvStamp.Parse(text), text);
    }

    /// <summary>When a row ends, where it says so.</summary>
    public (CsvWritten? Written, string Text) Until(string[] fields)
    {
        if (EndTime >= 0)
        {
            return Joined(fields, EndTime);
        }

        var column = IsRange ? Start : End;
        var text = column < fields.Length ? fields[column].Trim() : string.Empty;
        text = IsRange && text.IndexOf(Between, StringComparison.Ordinal) is > 0 and var to ? text[(to + Between.Length)..] : text;
        return (CsvStamp.Parse(text), text);
    }

    private (CsvWritten? Written, string Text) Joined(string[] fields, int time)
    {
        var (date, clock) = (Date < fields.Length ? fields[Date].Trim() : string.Empty, time >= 0 && time < fields.Length ? fields[time].Trim() : string.Empty);
        var found = CsvDate.Read(date);
        var isDate = found is { } d && (d.Length == date.Length || CsvStamp.Parse(date) is not null);
        return (!isDate ? null : time < 0 ? new CsvWritten(found!.Value.Date, null) : CsvTime.Read(clock) is { } t ? new CsvWritten(found!.Value.Date, t) : null, $"{date} {clock}".Trim());
    }

    private void FindTimes((string Name, string Bracket)[] names, string[] sample)
    {
        var (date, time, endTime) = (-1, -1, -1);
        for (var i = 0; i < names.Length; i++)
        {
            var (name, cell) = (names[i].Name, i < sample.Length ? sample[i].Trim() : string.Empty);
            var (starts, ends) = (CsvNames.Start.Contains(name), CsvNames.End.Contains(name));
            var range = cell.IndexOf(Between, StringComparison.Ordinal) is > 0 and var to && CsvStamp.Parse(cell.AsSpan(0, to)) is not null && CsvStamp.Parse(cell.AsSpan(to + Between.Length)) is not null;
            var stamp = CsvStamp.Parse(cell);
            if (range && Start < 0)
            {
                (Start, IsRange) = (i, true);
            }
            else if (starts && Start < 0 && (stamp is { Time: not null } || (sample.Length == 0 && date < 0)))
            {
                Start = i;
            }
            else if (starts && stamp is { Time: null })
            {
                date = date < 0 ? i : date;
            }
            else if (ends && End < 0 && (stamp is not null || sample.Length == 0 || (cell.Length > 0 && CsvTime.Read(cell) is null)))
            {
                End = i;
            }
            else if ((starts || ends) && CsvTime.Read(cell) is not null)
            {
                (time, endTime) = (starts && time < 0 ? i : time, ends && endTime < 0 ? i : endTime);
            }
        }

        if (Start < 0 && date >= 0 && (time >= 0 || endTime >= 0 || Slots is not null))
        {
            (Date, Time, EndTime) = (date, time >= 0 ? time : endTime, time >= 0 ? endTime : -1);
        }
        else if (Start < 0)
        {
            // A first row that says nothing is refused as a row; the name is enough to know the column.
            Start = date >= 0 ? date : End >= 0 ? -1 : Array.FindIndex(names, n => CsvNames.Start.Contains(n.Name));
        }

        var named = Start >= 0 ? names[Start] : Date >= 0 ? names[Time >= 0 ? Time : Date] : default;
        SaysStart = named.Name is { } n && (n.Contains("start", StringComparison.Ordinal) || n.Contains("from", StringComparison.Ordinal) || n.Contains("von", StringComparison.Ordinal) || n.Contains("begin", StringComparison.Ordinal));
        IsUtc = named.Name is { } m && (m.Split('_').Contains("utc") || named.Bracket is "utc" or "gmt");
        OnlyEndTime = Date >= 0 && time < 0 && endTime >= 0;
    }

    /// <summary>A date, and the time of day at which the interval ends.</summary>
    public bool OnlyEndTime { get; private set; }

    // What whoever imports the file says beats what names say, except that a reading is no quantity.
    private void Choose(IReadOnlyList<string> named, string[] header, (string Name, string Bracket)[] names, string defaultUnit)
    {
        var chosen = new List<CsvValueColumn>();
        foreach (var name in named)
        {
            bool Is(string column) => column.Trim().Equals(name.Trim(), StringComparison.OrdinalIgnoreCase);
            var index = Array.FindIndex(header, Is);
            if (Values.Find(v => Is(v.Name)) is { } value)
            {
                chosen.Add(value);
            }
            else if (Registers.Find(r => Is(r.Name)) is { } register)
            {
                Problem ??= Readings(register.Name);
            }
            else if (Slots is null && LeftAside.Exists(Is))
            {
                chosen.Add(new CsvValueColumn(index, header[index].Trim(), CsvNames.UnitOf(names[index].Name, names[index].Bracket) ?? defaultUnit, CsvFlow.Words(header[index], names[index].Name)));
                LeftAside.RemoveAll(Is);
            }
            else
            {
                Problem ??= $"there is no column of quantities named \"{name}\": --column takes one of {string.Join(", ", Values.Select(v => $"\"{v.Name}\""))}";
            }
        }

        LeftAside.AddRange(Values.Except(chosen).Select(v => v.Name));
        Values = [.. chosen.Distinct()];
    }

    /// <summary>What there is to do with a column of readings.</summary>
    public static string Readings(string column) =>
        $"\"{column}\" has readings of a register and not what was used in each interval: give a file with the consumption, or send the readings as register reads (POST /api/v1/reads); if its numbers are quantities of intervals after all, give the column another name";

    private void Take(int index, string name, string bracket, string written, string? sample, string defaultUnit)
    {
        if (Minutes < 0 && CsvNames.Minutes.Contains(name))
        {
            Minutes = index;
        }
        else if (name == "channel")
        {
            Channel = index;
        }
        else if (Point < 0 && CsvNames.Point.Contains(name))
        {
            Point = index;
        }
        else if (Unit < 0 && CsvNames.Unit.Contains(name))
        {
            Unit = index;
        }
        else if (Quality < 0 && CsvNames.Quality.Contains(name) && (name == "quality" || sample is null || CsvFlag.QualityOf(sample) is not null))
        {
            Quality = index;
        }
        else if (name == "method")
        {
            Method = index;
        }
        else if (Kind < 0 && CsvNames.Kind.Contains(name))
        {
            Kind = index;
        }
        else if (CsvNames.IsReading($"{name}_{bracket}"))
        {
            Registers.Add(new CsvValueColumn(index, written, CsvNames.UnitOf(name, bracket) ?? defaultUnit, CsvFlow.Words(written, $"{name}_{bracket}")));
        }
        else if (CsvNames.UnitOf(name, bracket) is { } unit && !CsvNames.IsOther(name))
        {
            Values.Add(new CsvValueColumn(index, written, unit, CsvFlow.Words(written, name)));
        }
        else if (CsvNames.IsValue(name))
        {
            Values.Add(new CsvValueColumn(index, written, defaultUnit, CsvFlow.Words(written, name)));
        }
        else if (written.Length > 0 && name is not ("from_local" or "to_local"))
        {
            LeftAside.Add(written);
        }
    }
}
