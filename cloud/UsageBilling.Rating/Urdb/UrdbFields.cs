using System.Text.Json;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Urdb;

/// <summary>
/// The fields of a Utility Rate Database document. Downloads differ in the case of names and in a few spellings, so a
/// field is found by any of its spellings, and a problem names it as the document does.
/// </summary>
internal sealed class UrdbFields
{
    /// <summary>Fields that describe who a rate is for and where it comes from; nothing in them changes an amount. (Escalation is how a study guesses at
    /// later years; a document's prices are those of its own year.)</summary>
    private static readonly HashSet<string> Informative = new(StringComparer.OrdinalIgnoreCase)
    {
        "label", "eiaid", "name", "utility", "is_default", "startdate", "enddate", "sector", "description", "source", "sourceparent", "sourcereference",
        "uri", "approved", "revisions", "supersedes", "supercedes", "supersededby", "basicinformationcomments", "country", "servicetype", "servicemin", "servicemax",
        "peakkwcapacitymin", "peakkwcapacitymax", "peakkwcapacityhistory", "peakkwhusagemin", "peakkwhusagemax", "peakkwhusagehistory",
        "mindemand", "maxdemand", "minenergy", "maxenergy", "voltageminimum", "voltagemaximum", "voltagecategory", "phasewiring",
        "energycomments", "demandcomments", "energyattrs", "demandattrs", "fixedattrs", "energykeyvals", "demandkeyvals", "fixedkeyvals", "energytoulabels", "dataversion", "version",
        "inflation_rate_pct", "rate_escalation_pct",
    };

    private readonly StrictObject _item;
    private readonly Dictionary<string, string> _names = new(StringComparer.OrdinalIgnoreCase);

    public UrdbFields(StrictObject item)
    {
        _item = item;
        foreach (var name in item.Names)
        {
            if (!_names.TryAdd(name, name))
            {
                item.Report(name, "is given twice, in other capitals; keep one");
            }

            if (Informative.Contains(name))
            {
                item.Ignore(name);
            }
        }
    }

    public StrictObject Item => _item;

    /// <summary>The document's own name of a field, or the first spelling when it is absent.</summary>
    public string Name(params ReadOnlySpan<string> spellings)
    {
        foreach (var spelling in spellings)
        {
            if (_names.TryGetValue(spelling, out var name))
            {
                return name;
            }
        }

        return spellings[0];
    }

    public bool Has(params ReadOnlySpan<string> spellings) => _item.Has(Name(spellings));

    /// <summary>A text, or the fallback; empty text counts as absent.</summary>
    public string? Text(params ReadOnlySpan<string> spellings) => _item.Text(Name(spellings), 20_000) is { Length: > 0 } text ? text : null;

    public decimal? Number(params ReadOnlySpan<string> spellings) => _item.Number(Name(spellings));

    public void Report(string field, string message) => _item.Report(Name(field), message);

    /// <summary>Ticks off a field that says a unit, after checking that it is one of those that can be honoured.</summary>
    public string Unit(string fallback, ReadOnlySpan<string> spellings, params ReadOnlySpan<string> known)
    {
        var name = Name(spellings);
        if (_item.Text(name) is not { Length: > 0 } unit)
        {
            return fallback;
        }

        foreach (var candidate in known)
        {
            if (string.Equals(candidate, unit, StringComparison.OrdinalIgnoreCase))
            {
                return candidate;
            }
        }

        _item.Report(name, $"the unit \"{unit}\" cannot be billed; known: {string.Join(", ", known.ToArray())}");
        return fallback;
    }

    /// <summary>Twelve rows of 24 periods, each below <paramref name="periods"/>; null when absent or wrong.</summary>
    public int[][]? Matrix(string field, int periods)
    {
        var name = Name(field);
        var rows = _item.Items(name);
        if (rows.Count == 0)
        {
            return null;
        }

        var matrix = new List<int[]>();
        foreach (var (row, path) in rows)
        {
            if (Row(row, path, 24, periods, name) is { } hours)
            {
                matrix.Add(hours);
            }
        }

        if (rows.Count != 12)
        {
            _item.Report(name, $"has {rows.Count} rows; give one for each month");
            return null;
        }

        return matrix.Count == 12 ? [.. matrix] : null;
    }

    public int[]? Months(string field, int periods) =>
        _item.Raw(Name(field)) is { } value ? Row(value, _item.At(Name(field)), 12, periods, Name(field)) : null;

    private int[]? Row(JsonElement row, string path, int length, int periods, string name)
    {
        if (row.ValueKind != JsonValueKind.Array || row.GetArrayLength() != length)
        {
            _item.Problems.Add(new Problem(path, $"must be a list of {length} periods"));
            return null;
        }

        var values = new int[length];
        for (var i = 0; i < length; i++)
        {
            if (row[i].ValueKind != JsonValueKind.Number || !row[i].TryGetDecimal(out var period) || period != decimal.Truncate(period) || period < 0m || period >= periods)
            {
                _item.Problems.Add(new Problem($"{path}[{i}]", $"{StrictObject.Describe(row[i])} is not a period that the structure of {name} has; its periods are 0 to {periods - 1}"));
                return null;
            }

            values[i] = (int)period;
        }

        return values;
    }

    public void Done() => _item.Done();
}
