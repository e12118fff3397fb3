using System.Text.RegularExpressions;

namespace UsageBilling.Repository.Tests;

/// <summary>Documents point at things that exist.</summary>
public partial class LinkTests
{
    [GeneratedRegex(@"\]\((?<target>[^)\s#]+)(?:#[^)]*)?\)")]
    private static partial Regex Link();

    [Fact]
    public void Links_in_documents_lead_somewhere()
    {
        var wrong =
            from file in Tree.Files
            where file.EndsWith(".md", StringComparison.Ordinal)
            from Match match in Link().Matches(Tree.Text(file))
            let target = match.Groups["target"].Value
            where !target.Contains("://", StringComparison.Ordinal)
            let path = Path.Combine(Path.GetDirectoryName(Tree.Absolute(file))!, target)
            where !File.Exists(path) && !Directory.Exists(path)
            select $"{file}: {target}";
        Verdict.None(wrong);
    }
}
