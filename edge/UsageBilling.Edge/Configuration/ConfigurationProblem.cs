using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace UsageBilling.Edge.Configuration;

/// <summary>One mistake in a file: where it is, what is wrong and what to do.</summary>
/// <param name="File">The file as it was named.</param>
/// <param name="Line">Line from 1.</param>
/// <param name="Column">Column from 1.</param>
/// <param name="Path">Where in the document, for example <c>meters[2].unit</c>; empty for the document itself.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record ConfigurationProblem(string File, long Line, long Column, string Path, string Message)
{
    /// <summary>The form that editors recognise: <c>file:line:column: path: message</c>.</summary>
    public override string ToString() => $"{File}:{Line}:{Column}: {(Path.Length > 0 ? Path + ": " : "")}{Message}";
}

/// <summary>Collects the mistakes of one file.</summary>
internal sealed class ProblemList(string file)
{
    private readonly List<ConfigurationProblem> _problems = [];

    public string File => file;

    public IReadOnlyList<ConfigurationProblem> InOrder => [.. _problems.OrderBy(p => p.Line).ThenBy(p => p.Column)];

    public void Add(Mark at, string path, string message) => _problems.Add(new ConfigurationProblem(file, at.Line, at.Column, path, message));

    public void Add(YamlNode node, string path, string message) => Add(node.Start, path, message);
}
