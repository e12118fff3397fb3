using System.Globalization;
using System.Text.Json;
using NodaTime;
using NodaTime.Text;

namespace UsageBilling.Rating.Tariffs;

/// <summary>
/// Reads one JSON object and notes everything that is wrong with it, each with its path. Every field that is read is
/// ticked off; <see cref="Done"/> reports what is left, so that nothing in a document is ever skipped in silence.
/// </summary>
internal sealed class StrictObject
{
    /// <summary>The largest number a document may hold; keeps products of price and quantity inside <see cref="decimal"/>.</summary>
    private const decimal Largest = 1_000_000_000_000m;

    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly List<Problem> _problems;

    public StrictObject(JsonElement element, string path, List<Problem> problems)
    {
        Path = path;
        _problems = problems;
        if (element.ValueKind != JsonValueKind.Object)
        {
            Report(null, $"must be an object, found {Describe(element)}");
            IsObject = false;
            return;
        }

        IsObject = true;
        foreach (var property in element.EnumerateObject())
        {
            if (!_fields.TryAdd(property.Name, property.Value))
            {
                Report(property.Name, "is given twice; keep one");
            }
        }
    }

    public string Path { get; }

    public bool IsObject { get; }

    public List<Problem> Problems => _problems;

    public IEnumerable<string> Names => _fields.Keys;

    public string At(string? name) => name is null ? Path : $"{Path}.{name}";

    public void Report(string? name, string message) => _problems.Add(new Problem(At(name), message));

    public bool Has(string name) => _fields.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>The raw value, ticked off; null when absent or JSON null.</summary>
    public JsonElement? Raw(string name)
    {
        _read.Add(name);
        return Has(name) ? _fields[name] : null;
    }

    public void Ignore(string name) => _read.Add(name);

    public string? Text(string name, int maxLength = 500)
    {
        if (Raw(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            Report(name, $"must be text in quotes, found {Describe(value)}");
            return null;
        }

        var text = value.GetString()!;
        if (text.Length > maxLength)
        {
            Report(name, $"is {text.Length} characters long; the limit is {maxLength}");
            return null;
        }

        return text;
    }

    public string RequiredText(string name, string example)
    {
        var text = Text(name);
        if (!string.IsNullOrWhiteSpace(text))
        {
            return text;
        }

        if (!Has(name) || text is not null)
        {
            Report(name, $"is missing; give it, for example \"{example}\"");
        }

        return string.Empty;
    }

    /// <summary>A text that must be one of a closed list; <paramref name="fallback"/> when absent.</summary>
    public string Choice(string name, string fallback, params ReadOnlySpan<string> choices)
    {
        var text = Text(name);
        if (text is null)
        {
            return fallback;
        }

        foreach (var choice in choices)
        {
            if (choice == text)
            {
                return text;
            }
        }

        Report(name, $"\"{text}\" is not known; write one of {string.Join(", ", choices.ToArray())}");
        return fallback;
    }

    public decimal? Number(string name, decimal? atLeast = null, decimal? atMost = null) =>
        Raw(name) is { } value ? NumberOf(value, name, atLeast, atMost) : null;

    public decimal RequiredNumber(string name, string meaning, decimal? atLeast = null, decimal? atMost = null)
    {
        if (!Has(name))
        {
            _read.Add(name);
            Report(name, $"is missing; give {meaning}");
            return 0m;
        }

        return Number(name, atLeast, atMost) ?? 0m;
    }

    /// <summary>A JSON number, or text that holds one; both are read as exact decimals.</summary>
    public decimal? NumberOf(JsonElement value, string? name, decimal? atLeast = null, decimal? atMost = null)
    {
        decimal number;
        var ok = value.ValueKind switch
        {
            JsonValueKind.Number => value.TryGetDecimal(out number),
            JsonValueKind.String => decimal.TryParse(value.GetString(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number),
            _ => (number = 0m) != 0m,
        };
        if (!ok)
        {
            Report(name, $"must be a number, found {Describe(value)}");
            return null;
        }

        if (number is > Largest or < -Largest)
        {
            Report(name, $"{number} is beyond ±10¹²; check the decimal point");
            return null;
        }

        if (number < atLeast || number > atMost)
        {
            Report(name, atLeast is { } low && atMost is { } high ? $"{number} must be from {low} to {high}"
                : atLeast is { } floor ? $"{number} must be at least {floor}" : $"{number} must be at most {atMost}");
            return null;
        }

        return number;
    }

    public int? Whole(string name, int atLeast, int atMost)
    {
        if (Number(name, atLeast, atMost) is not { } number)
        {
            return null;
        }

        if (number != decimal.Truncate(number))
        {
            Report(name, $"{number} must be a whole number");
            return null;
        }

        return (int)number;
    }

    public bool? Flag(string name)
    {
        if (Raw(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        Report(name, $"must be true or false, found {Describe(value)}");
        return null;
    }

    public LocalDate? Date(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        var parsed = LocalDatePattern.Iso.Parse(text);
        if (parsed.Success)
        {
            return parsed.Value;
        }

        Report(name, $"\"{text}\" is not a date; write it as 2026-01-31");
        return null;
    }

    public StrictObject? Child(string name) => Raw(name) is { } value ? new StrictObject(value, At(name), _problems) : null;

    /// <summary>The elements of an array with their paths; empty when absent, a problem when it is something else.</summary>
    public IReadOnlyList<(JsonElement Value, string Path)> Items(string name)
    {
        if (Raw(name) is not { } value)
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            Report(name, $"must be a list in [ ], found {Describe(value)}");
            return [];
        }

        return [.. value.EnumerateArray().Select((item, i) => (item, $"{At(name)}[{i}]"))];
    }

    public IReadOnlyList<string> Texts(string name)
    {
        var texts = new List<string>();
        foreach (var (value, path) in Items(name))
        {
            if (value.ValueKind == JsonValueKind.String)
            {
                texts.Add(value.GetString()!);
            }
            else
            {
                _problems.Add(new Problem(path, $"must be text in quotes, found {Describe(value)}"));
            }
        }

        return texts;
    }

    /// <summary>Reports every field that nobody asked for.</summary>
    public void Done(string known = "")
    {
        foreach (var name in _fields.Keys.Where(name => !_read.Contains(name)))
        {
            Report(name, $"is not a field known here; remove it or correct its spelling (known: {string.Join(", ", _read.Order(StringComparer.Ordinal))}{known})");
        }
    }

    public static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => $"\"{Shorten(value.GetString()!)}\"",
        JsonValueKind.Number => Shorten(value.GetRawText()),
        JsonValueKind.Null => "null",
        _ => value.GetRawText(),
    };

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
