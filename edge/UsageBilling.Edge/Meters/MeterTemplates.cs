using System.Collections.Immutable;
using UsageBilling.Edge.Configuration;

namespace UsageBilling.Edge.Meters;

/// <summary>The templates that a gateway knows: those it comes with, and those in a folder of the user, which win over built-in ones of the same name.</summary>
public sealed class MeterTemplates
{
    private const string Prefix = "templates/";
    private readonly ImmutableSortedDictionary<string, MeterTemplate> _byId;

    private MeterTemplates(IEnumerable<MeterTemplate> templates) =>
        _byId = templates.ToImmutableSortedDictionary(t => t.Id, t => t, StringComparer.Ordinal);

    /// <summary>The templates that come with the program.</summary>
    public static MeterTemplates BuiltIn { get; } = ReadBuiltIn();

    /// <summary>Names of all templates.</summary>
    public IEnumerable<string> Ids => _byId.Keys;

    /// <summary>The template of that name, or null.</summary>
    public MeterTemplate? Find(string id) => _byId.GetValueOrDefault(id);

    /// <summary>Adds the templates of a folder; mistakes in its files are returned and their templates left out.</summary>
    public MeterTemplates With(string folder, out IReadOnlyList<ConfigurationProblem> mistakes)
    {
        var all = _byId.ToDictionary(StringComparer.Ordinal);
        var found = new List<ConfigurationProblem>();
        foreach (var file in Directory.EnumerateFiles(folder, "*.yaml").Order(StringComparer.Ordinal))
        {
            var problems = new ProblemList(file);
            using var text = new StreamReader(file);
            if (new MeterTemplateReader(problems).Read(text) is { } template)
            {
                all[template.Id] = template;
            }

            found.AddRange(problems.InOrder);
        }

        mistakes = found;
        return new MeterTemplates(all.Values);
    }

    private static MeterTemplates ReadBuiltIn()
    {
        var assembly = typeof(MeterTemplates).Assembly;
        var templates = new List<MeterTemplate>();
        foreach (var name in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            var problems = new ProblemList(name);
            using var text = new StreamReader(assembly.GetManifestResourceStream(name)!);
            templates.Add(new MeterTemplateReader(problems).Read(text)
                ?? throw new InvalidDataException($"built-in template: {problems.InOrder[0]}"));
        }

        return new MeterTemplates(templates);
    }
}
