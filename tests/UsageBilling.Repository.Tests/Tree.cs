using System.Diagnostics;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using UsageBilling.Testing;

namespace UsageBilling.Repository.Tests;

/// <summary>The repository as git sees it: tracked files and new ones that are not ignored.</summary>
internal static class Tree
{
    public static IReadOnlyList<string> Files { get; } = List();

    public static IReadOnlyList<string> Projects { get; } = [.. Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal))];

    public static string Absolute(string path) => Path.Combine(SharedCases.RepositoryRoot, path);

    public static string Text(string path) => File.ReadAllText(Absolute(path));

    public static IEnumerable<string> Under(string folder, string extension) =>
        Files.Where(f => f.StartsWith(folder + "/", StringComparison.Ordinal) && f.EndsWith(extension, StringComparison.Ordinal));

    public static SyntaxNode Syntax(string path) => CSharpSyntaxTree.ParseText(Text(path), new CSharpParseOptions(LanguageVersion.Preview), path).GetRoot();

    public static XDocument Project(string path) => XDocument.Parse(Text(path));

    public static string NameOf(string path) => Path.GetFileNameWithoutExtension(path);

    public static bool IsPure(string project) => Project(project).Descendants("Pure").Any(e => e.Value == "true");

    private static IReadOnlyList<string> List()
    {
        using var git = Process.Start(new ProcessStartInfo("git", "ls-files --cached --others --exclude-standard")
        {
            WorkingDirectory = SharedCases.RepositoryRoot,
            RedirectStandardOutput = true,
        })!;
        var lines = git.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        git.WaitForExit();
        return [.. lines.Where(f => File.Exists(Absolute(f))).Order(StringComparer.Ordinal)];
    }
}
