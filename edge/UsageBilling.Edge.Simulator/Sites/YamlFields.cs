using System.Globalization;
using NodaTime;
using NodaTime.Text;
using YamlDotNet.RepresentationModel;

namespace UsageBilling.Edge.Simulator.Sites;

/// <summary>The fields of one mapping of a YAML file. Every field is asked for once; what was not asked for is a mistake, and so is what does not parse.</summary>
internal sealed class YamlFields
{
    private readonly YamlMappingNode node;
    private readonly List<SiteProblem> problems;
    private readonly HashSet<string> known = [];

    public YamlFields(YamlNode node, string what, List<SiteProblem> problems)
    {
        this.problems = problems;
        this.node = node as YamlMappingNode ?? new YamlMappingNode();
        Line = (int)node.Start.Line;
        if (node is not YamlMappingNode)
        {
            problems.Add(new SiteProblem(Line, $"{what} must be a block of 'key: value' lines"));
        }
    }

    public int Line { get; }

    public int LineOf(string key) => Find(key) is { } found ? (int)found.Start.Line : Line;

    public bool Has(string key) => Find(key) is not null;

    public void Complain(string key, string message) => problems.Add(new SiteProblem(LineOf(key), $"{key}: {message}"));

    public string Text(string key, string? otherwise = null)
    {
        switch (Find(key))
        {
            case YamlScalarNode { Value: { Length: > 0 } text }:
                return text;
            case null when otherwise is not null:
                return otherwise;
            case null:
                Complain(key, "is missing; add it to the block that begins here");
                return "";
            default:
                Complain(key, "must be a single value");
                return "";
        }
    }

    public long Number(string key, long low, long high, long? otherwise = null)
    {
        var text = Text(key, otherwise?.ToString(CultureInfo.InvariantCulture));
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= low && number <= high)
        {
            return number;
        }

        Wrong(key, text, $"must be a whole number from {low} to {high}");
        return otherwise ?? low;
    }

    public decimal Decimal(string key, decimal low, decimal high, decimal? otherwise = null)
    {
        var text = Text(key, otherwise?.ToString(CultureInfo.InvariantCulture));
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= low && number <= high)
        {
            return number;
        }

        Wrong(key, text, $"must be a number from {low} to {high}");
        return low;
    }

    public Instant Instant(string key, Instant? otherwise = null)
    {
        if (otherwise is { } value && !Has(key))
        {
            known.Add(key);
            return value;
        }

        var text = Text(key);
        if (InstantPattern.ExtendedIso.Parse(text) is { Success: true } parsed)
        {
            return parsed.Value;
        }

        Wrong(key, text, "must be an instant in UTC like 2026-03-29T01:00:00Z");
        return otherwise ?? NodaTime.Instant.FromUnixTimeSeconds(0);
    }

    public YamlFields? Block(string key) => Find(key) is { } found ? new YamlFields(found, key, problems) : null;

    public IEnumerable<YamlFields> Blocks(string key)
    {
        switch (Find(key))
        {
            case null:
                return [];
            case YamlSequenceNode list:
                return list.Children.Select(child => new YamlFields(child, $"an entry of {key}", problems));
            default:
                Complain(key, "must be a list of entries that begin with '-'");
                return [];
        }
    }

    public IEnumerable<string> Keys()
    {
        foreach (var key in node.Children.Keys.OfType<YamlScalarNode>())
        {
            known.Add(key.Value!);
            yield return key.Value!;
        }
    }

    /// <summary>Reports fields that nothing has asked for.</summary>
    public void Close()
    {
        foreach (var key in node.Children.Keys.OfType<YamlScalarNode>().Where(k => !known.Contains(k.Value ?? "")))
        {
            problems.Add(new SiteProblem((int)key.Start.Line, $"{key.Value}: is not known here; remove it or use one of {string.Join(", ", known.Order())}"));
        }
    }

    private void Wrong(string key, string text, string must)
    {
        // A missing value has been reported already.
        if (text.Length > 0)
        {
            Complain(key, $"'{text}' {must}");
        }
    }

    private YamlNode? Find(string key)
    {
        known.Add(key);
        return node.Children.TryGetValue(new YamlScalarNode(key), out var found) ? found : null;
    }
}
