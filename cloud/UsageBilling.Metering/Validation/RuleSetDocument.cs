using System.Collections.Immutable;
using System.Text.Json;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Metering.Estimation;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Validation;

/// <summary>A mistake in a document of rules: where, and what to do.</summary>
public readonly record struct RuleSetProblem(string Path, string Message);

/// <summary>Reads documents of rules (<c>protocols/validation/rules.v1.schema.json</c>). Unknown names are refused, and every problem is listed.</summary>
public sealed class RuleSetDocument
{
    private readonly List<RuleSetProblem> _problems = [];

    /// <summary>The set, or null where there are problems.</summary>
    public RuleSet? RuleSet { get; private set; }

    /// <summary>What is wrong.</summary>
    public IReadOnlyList<RuleSetProblem> Problems => _problems;

    /// <summary>The document that comes with the program.</summary>
    public static string Default()
    {
        using var stream = typeof(RuleSetDocument).Assembly.GetManifestResourceStream("rules.default.json")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>Reads a document.</summary>
    public static RuleSetDocument Parse(string json)
    {
        var read = new RuleSetDocument();
        try
        {
            using var document = JsonDocument.Parse(json);
            read.ReadSet(document.RootElement);
        }
        catch (JsonException e)
        {
            read.Problem("", $"this is not JSON: {e.Message}");
        }

        return read;
    }

    private void ReadSet(JsonElement root)
    {
        if (!IsObject(root, ""))
        {
            return;
        }

        string? version = null;
        var holidays = ImmutableHashSet.CreateBuilder<LocalDate>();
        var classes = ImmutableArray.CreateBuilder<ChannelClass>();
        foreach (var property in root.EnumerateObject())
        {
            var path = $"/{property.Name}";
            switch (property.Name)
            {
                case "version":
                    version = Text(property.Value, path);
                    break;
                case "holidays":
                    Each(property.Value, path, (value, at) => ReadHoliday(value, at, holidays));
                    break;
                case "classes":
                    Each(property.Value, path, (value, at) => ReadClass(value, at, classes));
                    break;
                case "$schema":
                    break;
                default:
                    Problem(path, "is not known here; version, holidays and classes are");
                    break;
            }
        }

        if (string.IsNullOrWhiteSpace(version))
        {
            Problem("/version", "is missing: findings and estimates name it");
        }

        if (classes.GroupBy(c => c.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            Problem("/classes", $"two classes are called {twice.Key}");
        }

        if (classes.Count == 0 || classes[^1] is not { Quantity: null, Direction: null, Points.IsEmpty: true })
        {
            Problem("/classes", "the last class must hold every channel: leave out its match");
        }

        RuleSet = _problems.Count == 0 ? new RuleSet(version!, holidays.ToImmutable(), classes.ToImmutable()) : null;
    }

    private void ReadHoliday(JsonElement value, string path, ImmutableHashSet<LocalDate>.Builder into)
    {
        if (Text(value, path) is { } text && LocalDatePattern.Iso.Parse(text) is var parsed && parsed.Success)
        {
            into.Add(parsed.Value);
        }
        else
        {
            Problem(path, "is not a date such as 2026-12-25");
        }
    }

    private void ReadClass(JsonElement element, string path, ImmutableArray<ChannelClass>.Builder into)
    {
        if (!IsObject(element, path))
        {
            return;
        }

        var read = new ChannelClass("", null, null, [], new Thresholds(), new EstimationLimits());
        foreach (var property in element.EnumerateObject())
        {
            var at = $"{path}/{property.Name}";
            read = property.Name switch
            {
                "name" => read with { Name = Text(property.Value, at) ?? "" },
                "match" => ReadMatch(read, property.Value, at),
                "thresholds" => read with { Thresholds = new ThresholdReader(Problem).Read(property.Value, at) },
                "estimation" => read with { Estimation = new ThresholdReader(Problem).ReadEstimation(property.Value, at) },
                _ => Unknown(read, at, "name, match, thresholds and estimation are"),
            };
        }

        if (read.Name.Length == 0)
        {
            Problem($"{path}/name", "is missing");
        }

        into.Add(read);
    }

    private ChannelClass ReadMatch(ChannelClass read, JsonElement element, string path)
    {
        if (!IsObject(element, path))
        {
            return read;
        }

        foreach (var property in element.EnumerateObject())
        {
            var at = $"{path}/{property.Name}";
            read = property.Name switch
            {
                "quantity" => read with { Quantity = Named<Quantity>(property.Value, at) },
                "direction" => read with { Direction = Named<Direction>(property.Value, at) },
                "points" => read with { Points = ReadPoints(property.Value, at) },
                _ => Unknown(read, at, "quantity, direction and points are"),
            };
        }

        return read;
    }

    private ImmutableArray<string> ReadPoints(JsonElement element, string path)
    {
        var points = ImmutableArray.CreateBuilder<string>();
        Each(element, path, (value, at) =>
        {
            if (Text(value, at) is { Length: > 0 } point)
            {
                points.Add(point);
            }
        });
        return points.ToImmutable();
    }

    private T? Named<T>(JsonElement value, string path)
        where T : struct, Enum
    {
        var text = Text(value, path);
        foreach (var name in Enum.GetValues<T>())
        {
            if (JsonNamingPolicy.KebabCaseLower.ConvertName(name.ToString()) == text)
            {
                return name;
            }
        }

        Problem(path, $"is one of {string.Join(", ", Enum.GetNames<T>().Select(JsonNamingPolicy.KebabCaseLower.ConvertName))}");
        return null;
    }

    private void Each(JsonElement array, string path, Action<JsonElement, string> read)
    {
        if (array.ValueKind != JsonValueKind.Array)
        {
            Problem(path, "is a list");
            return;
        }

        var index = 0;
        foreach (var value in array.EnumerateArray())
        {
            read(value, $"{path}/{index++}");
        }
    }

    private string? Text(JsonElement value, string path)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString();
        }

        Problem(path, "is a text");
        return null;
    }

    private bool IsObject(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            return true;
        }

        Problem(path, "is an object");
        return false;
    }

    private ChannelClass Unknown(ChannelClass read, string path, string known)
    {
        Problem(path, $"is not known here; {known}");
        return read;
    }

    private void Problem(string path, string message) => _problems.Add(new RuleSetProblem(path, message));
}
