using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace UsageBilling.Edge.Configuration;

/// <summary>
/// A mapping of a YAML document that is read key by key: what is missing or malformed becomes a problem with its line, and
/// <see cref="Done"/> reports the keys that nobody asked for. Readers return null after a problem, so that one run finds them all.
/// </summary>
internal sealed class YamlSection
{
    private readonly YamlMappingNode _node;
    private readonly ProblemList _problems;
    private readonly Func<string, string?> _environment;
    private readonly HashSet<string> _asked = [];

    private YamlSection(YamlMappingNode node, string path, ProblemList problems, Func<string, string?> environment) =>
        (_node, Path, _problems, _environment) = (node, path, problems, environment);

    public string Path { get; }

    public Mark Start => _node.Start;

    /// <summary>Reads a document whose root is a mapping; null, with a problem, for anything else.</summary>
    public static YamlSection? Read(TextReader text, ProblemList problems, Func<string, string?> environment)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(text);
        }
        catch (YamlException e)
        {
            problems.Add(e.Start, "", $"this is not YAML: {e.InnerException?.Message ?? e.Message}");
            return null;
        }
        catch (InvalidOperationException)
        {
            // The parser's way of saying that the text ends inside a flow collection; it tells no place.
            problems.Add(Mark.Empty, "", "this is not YAML: a '[' or '{' is not closed");
            return null;
        }

        if (stream.Documents is [{ RootNode: YamlMappingNode root }])
        {
            return new YamlSection(root, "", problems, environment);
        }

        problems.Add(Mark.Empty, "", "the file must hold one YAML document made of 'key: value' lines");
        return null;
    }

    /// <summary>Reports a problem at a key's value, or at the section where the key is absent.</summary>
    public void Problem(string key, string message) => _problems.Add(Find(key) ?? _node, At(key), message);

    /// <summary>The line of a key's value.</summary>
    public long Line(string key) => (Find(key) ?? _node).Start.Line;

    public bool Has(string key) => Find(key) is not null;

    public string? Text(string key)
    {
        switch (Ask(key))
        {
            case null:
                return null;
            case YamlScalarNode { Value: { Length: > 0 } raw }:
                var text = EnvironmentText.Replace(raw, _environment, out var missing);
                if (missing is not null)
                {
                    Problem(key, $"environment variable {missing} is not set; set it, or write ${{{missing}:-default}}");
                    return null;
                }

                return text.Length > 0 ? text : null;
            case YamlScalarNode:
                Problem(key, "is empty; give a value or remove the key");
                return null;
            default:
                Problem(key, "must be a single value, not a list or a section");
                return null;
        }
    }

    public string? RequiredText(string key)
    {
        if (!Has(key))
        {
            _asked.Add(key);
            Problem(key, $"'{key}' is missing; add '{key}: …'");
            return null;
        }

        return Text(key);
    }

    public long? Number(string key, long min, long max, string unit = "")
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        var hex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var parsed = hex
            ? long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number)
            : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
        if (parsed && number >= min && number <= max)
        {
            return number;
        }

        Problem(key, $"'{text}' must be a whole number from {min} to {max}{(unit.Length > 0 ? " " + unit : "")}");
        return null;
    }

    public long? RequiredNumber(string key, long min, long max) => RequiredText(key) is null ? null : Number(key, min, max);

    public bool? Flag(string key)
    {
        switch (Text(key)?.ToLowerInvariant())
        {
            case null:
                return null;
            case "true" or "yes" or "on":
                return true;
            case "false" or "no" or "off":
                return false;
            default:
                Problem(key, $"'{Text(key)}' must be true or false");
                return null;
        }
    }

    /// <summary>One of the given words, as its position in <paramref name="words"/>; case does not matter.</summary>
    public int? OneOf(string key, params string[] words)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        var index = Array.FindIndex(words, w => w.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (index >= 0)
        {
            return index;
        }

        Problem(key, $"'{text}' is not possible here{Spelling.Suggest(text, words)}");
        return null;
    }

    public YamlSection? Child(string key)
    {
        switch (Ask(key))
        {
            case null or YamlScalarNode { Value: null or "" }:
                return null;
            case YamlMappingNode mapping:
                return new YamlSection(mapping, At(key), _problems, _environment);
            default:
                Problem(key, "must be a section of 'key: value' lines");
                return null;
        }
    }

    public IReadOnlyList<YamlSection> List(string key)
    {
        switch (Ask(key))
        {
            case null or YamlScalarNode { Value: null or "" }:
                return [];
            case YamlSequenceNode sequence:
                var sections = new List<YamlSection>();
                for (var i = 0; i < sequence.Children.Count; i++)
                {
                    if (sequence.Children[i] is YamlMappingNode mapping)
                    {
                        sections.Add(new YamlSection(mapping, $"{At(key)}[{i}]", _problems, _environment));
                    }
                    else
                    {
                        _problems.Add(sequence.Children[i], $"{At(key)}[{i}]", "must be a section of 'key: value' lines");
                    }
                }

                return sections;
            default:
                Problem(key, "must be a list: lines that begin with '-'");
                return [];
        }
    }

    /// <summary>Reports every key that was not asked for.</summary>
    public void Done()
    {
        foreach (var (name, _) in _node.Children)
        {
            if (name is YamlScalarNode { Value: { } key } && !_asked.Contains(key))
            {
                _problems.Add(name, At(key), $"unknown key '{key}'{Spelling.Suggest(key, _asked)}");
            }
        }
    }

    private YamlNode? Ask(string key)
    {
        _asked.Add(key);
        return Find(key);
    }

    private YamlNode? Find(string key) => _node.Children.TryGetValue(new YamlScalarNode(key), out var node) ? node : null;

    private string At(string key) => Path.Length == 0 ? key : key.Length == 0 ? Path : $"{Path}.{key}";
}
