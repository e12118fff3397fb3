using System.Globalization;
using System.Text.Json;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Provisioning;

/// <summary>A problem in a document: where (JSON path), what, and what to do.</summary>
public sealed record ProvisioningProblem(string Path, string Message);

/// <summary>
/// One JSON object being read: each property is asked for by name and shape; what is missing, of the wrong shape or not asked for becomes a problem, and
/// reading goes on, so that all problems come out at once.
/// </summary>
internal sealed class JsonObjectReader(JsonElement element, string path, List<ProvisioningProblem> problems)
{
    private readonly HashSet<string> known = new(StringComparer.Ordinal);

    public string Path => path;

    public void Problem(string property, string message) => problems.Add(new(property.Length == 0 ? path : $"{path}.{property}", message));

    public string Text(string name, string shape = "a text")
    {
        if (OptionalText(name) is { Length: > 0 } text)
        {
            return text;
        }

        if (!Has(name))
        {
            Problem(name, $"is missing: give {shape}");
        }

        return "";
    }

    public string? OptionalText(string name)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text)
        {
            return text;
        }

        Problem(name, "must be a text that is not empty");
        return null;
    }

    public string Id(string name)
    {
        var text = Text(name, "a name of 1 to 64 letters, digits, '-', '_' or '.'");
        return Check(name, text, text.Length == 0 || Name.IsValid(text), $"'{text}' must be 1 to 64 letters, digits, '-', '_' or '.'");
    }

    public string Matching(string name, string shape, Func<string, bool> isValid)
    {
        var text = Text(name, shape);
        return Check(name, text, text.Length == 0 || isValid(text), $"'{text}' must be {shape}");
    }

    public string OneOf(string name, params string[] choices) => Matching(name, "one of " + string.Join(", ", choices), choices.Contains);

    public int? OptionalInteger(string name, int from, int to) => (int?)OptionalLong(name, from, to);

    public int Integer(string name, int from, int to)
    {
        if (!Has(name))
        {
            Problem(name, $"is missing: give a whole number from {from} to {to}");
        }

        return OptionalInteger(name, from, to) ?? from;
    }

    public long? OptionalLong(string name, long from, long to)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= from && number <= to)
        {
            return number;
        }

        Problem(name, $"must be a whole number from {from} to {to}");
        return null;
    }

    /// <summary>A decimal number above zero, with or without quotes; null where it is absent or wrong.</summary>
    public decimal? OptionalPositive(string name)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind is JsonValueKind.Number or JsonValueKind.String
            && decimal.TryParse(value.ValueKind == JsonValueKind.Number ? value.GetRawText() : value.GetString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number > 0)
        {
            return number;
        }

        Problem(name, "must be a number above 0, like 12.5");
        return null;
    }

    /// <summary>A list of texts; empty where it is absent.</summary>
    public List<string> Texts(string name)
    {
        var list = new List<string>();
        if (Find(name) is not { } value)
        {
            return list;
        }

        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.String || e.GetString() is not { Length: > 0 }))
        {
            Problem(name, "must be a list of texts that are not empty");
            return list;
        }

        list.AddRange(value.EnumerateArray().Select(e => e.GetString()!));
        return list;
    }

    public bool? OptionalBoolean(string name)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        Problem(name, "must be true or false");
        return null;
    }

    public LocalDate Date(string name)
    {
        if (!Has(name))
        {
            Problem(name, "is missing: give a date like 2026-10-01");
        }

        return OptionalDate(name) ?? default;
    }

    public LocalDate? OptionalDate(string name) => Parsed(name, LocalDatePattern.Iso, "a date like 2026-10-01");

    public Instant? OptionalInstant(string name) => Parsed(name, InstantPattern.ExtendedIso, "an instant in UTC like 2026-10-01T08:07:00Z");

    public Instant Instant(string name)
    {
        if (!Has(name))
        {
            Problem(name, "is missing: give an instant in UTC like 2026-10-01T08:07:00Z");
        }

        return OptionalInstant(name) ?? default;
    }

    /// <summary>A zone of the time zone database, or "" with a problem.</summary>
    public string Zone(string name)
    {
        var id = Text(name, "an IANA time zone like Europe/Berlin");
        var known = id.Length == 0 || DateTimeZoneProviders.Tzdb.GetZoneOrNull(id) is not null;
        Check(name, id, known, $"'{id}' is no time zone of the IANA database; give one like Europe/Berlin");
        return known ? id : "";
    }

    public JsonElement? Raw(string name) => Find(name);

    public T? Object<T>(string name, Func<JsonObjectReader, T> read)
        where T : class
    {
        if (Find(name) is not { } value)
        {
            Problem(name, "is missing: give an object");
            return null;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            Problem(name, "must be an object");
            return null;
        }

        return Read(value, $"{path}.{name}", problems, read);
    }

    public List<T> List<T>(string name, Func<JsonObjectReader, T> read)
        where T : class
    {
        var list = new List<T>();
        if (Find(name) is not { } value)
        {
            return list;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            Problem(name, "must be a list");
            return list;
        }

        var index = 0;
        foreach (var item in value.EnumerateArray())
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"{path}.{name}[{index++}]");
            if (item.ValueKind != JsonValueKind.Object)
            {
                problems.Add(new(place, "must be an object"));
                continue;
            }

            list.Add(Read(item, place, problems, read));
        }

        return list;
    }

    /// <summary>Names and texts, in the order of the document.</summary>
    public Dictionary<string, string> Map(string name)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Find(name) is not { } value)
        {
            return map;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            Problem(name, "must be an object of names and texts");
            return map;
        }

        foreach (var property in value.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.String && property.Value.GetString() is { Length: > 0 } text)
            {
                map[property.Name] = text;
            }
            else
            {
                Problem($"{name}.{property.Name}", "must be a text that is not empty");
            }
        }

        return map;
    }

    public static T Read<T>(JsonElement value, string path, List<ProvisioningProblem> problems, Func<JsonObjectReader, T> read)
    {
        var reader = new JsonObjectReader(value, path, problems);
        var result = read(reader);
        reader.RefuseTheRest();
        return result;
    }

    private void RefuseTheRest()
    {
        foreach (var name in element.EnumerateObject().Select(p => p.Name).Where(n => !known.Contains(n)))
        {
            Problem(name, $"is not known here; known are {string.Join(", ", known.Order(StringComparer.Ordinal))}");
        }
    }

    private T? Parsed<T>(string name, IPattern<T> pattern, string shape)
        where T : struct
    {
        if (OptionalText(name) is not { } text)
        {
            return null;
        }

        var result = pattern.Parse(text);
        if (result.Success)
        {
            return result.Value;
        }

        Problem(name, $"'{text}' must be {shape}");
        return null;
    }

    private bool Has(string name) => Find(name) is not null;

    private JsonElement? Find(string name)
    {
        known.Add(name);
        return element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private string Check(string name, string text, bool holds, string message)
    {
        if (!holds)
        {
            Problem(name, message);
        }

        return text;
    }
}
