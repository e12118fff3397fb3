using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace UsageBilling.Repository.Tests;

/// <summary>Which project may know which, and what a pure project may not contain.</summary>
public class WallTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["UsageBilling.Protocols"] = [],
        ["UsageBilling.Modbus"] = [],
        ["UsageBilling.Edge"] = ["UsageBilling.Protocols", "UsageBilling.Modbus"],
        ["UsageBilling.Edge.Simulator"] = ["UsageBilling.Protocols", "UsageBilling.Modbus"],
        ["UsageBilling.Metering"] = ["UsageBilling.Protocols"],
        ["UsageBilling.Rating"] = ["UsageBilling.Metering"],
        ["UsageBilling.Invoicing"] = ["UsageBilling.Rating"],
        ["UsageBilling.Cloud"] = ["UsageBilling.Invoicing", "UsageBilling.Rating", "UsageBilling.Metering", "UsageBilling.Protocols", "UsageBilling.Modbus"],
    };

    private static readonly string[] Pure = ["UsageBilling.Protocols", "UsageBilling.Metering", "UsageBilling.Rating", "UsageBilling.Invoicing"];

    // Coordinates on paper are not quantities: the PDF writer's own unit is the double.
    private static readonly string[] DrawingFolders = ["cloud/UsageBilling.Invoicing/Documents/Pdf/"];

    [Fact]
    public void A_project_references_only_what_its_wall_allows()
    {
        var wrong =
            from project in Tree.Projects
            where Allowed.ContainsKey(Tree.NameOf(project))
            from reference in Tree.Project(project).Descendants("ProjectReference")
            let target = Tree.NameOf(reference.Attribute("Include")!.Value.Replace('\\', '/'))
            where !Allowed[Tree.NameOf(project)].Contains(target)
            select $"{project} references {target}";
        Verdict.None(wrong);
    }

    [Fact]
    public void Every_product_project_has_a_wall()
    {
        var product = Tree.Projects.Where(p => p.StartsWith("edge/", StringComparison.Ordinal) || p.StartsWith("cloud/", StringComparison.Ordinal) || p.StartsWith("protocols/", StringComparison.Ordinal));
        Assert.Equal(Allowed.Keys.Order(), product.Select(Tree.NameOf).Order());
    }

    [Fact]
    public void Pure_projects_say_so_and_so_get_the_banned_symbols() =>
        Assert.Equal(Pure.Order(), Tree.Projects.Where(Tree.IsPure).Select(Tree.NameOf).Order());

    [Fact]
    public void Pure_projects_hold_no_binary_floating_point()
    {
        var wrong =
            from file in PureSources()
            where !DrawingFolders.Any(f => file.StartsWith(f, StringComparison.Ordinal))
            from token in Tree.Syntax(file).DescendantTokens()
            where token.IsKind(SyntaxKind.DoubleKeyword) || token.IsKind(SyntaxKind.FloatKeyword)
                || (token.IsKind(SyntaxKind.NumericLiteralToken) && token.Value is double or float)
                || (token.IsKind(SyntaxKind.IdentifierToken) && token.ValueText is "Double" or "Single" or "Half" && token.Parent is IdentifierNameSyntax { Parent: MemberAccessExpressionSyntax or QualifiedNameSyntax })
            where token.ValueText != "Single" || token.Parent?.Parent is not MemberAccessExpressionSyntax { Name.Identifier.ValueText: "Single" }
            select At(file, token);
        Verdict.None(wrong);
    }

    [Fact]
    public void Pure_projects_await_nothing()
    {
        var wrong =
            from file in PureSources()
            from token in Tree.Syntax(file).DescendantTokens()
            where token.IsKind(SyntaxKind.AsyncKeyword) || token.IsKind(SyntaxKind.AwaitKeyword)
                || (token.IsKind(SyntaxKind.IdentifierToken) && token.ValueText is "Task" or "ILogger" or "TimeProvider" && token.Parent is TypeSyntax)
            select At(file, token);
        Verdict.None(wrong);
    }

    [Fact]
    public void The_edge_and_the_wire_know_no_time_zone_and_no_money()
    {
        string[] folders = ["edge", "protocols"];
        var wrong =
            from folder in folders
            from file in Tree.Under(folder, ".cs")
            from token in Tree.Syntax(file).DescendantTokens()
            where token.IsKind(SyntaxKind.IdentifierToken)
                && token.ValueText is "TimeZoneInfo" or "DateTimeZone" or "DateTimeZoneProviders" or "ZonedDateTime" or "Money"
            select At(file, token);
        Verdict.None(wrong);
    }

    [Fact]
    public void Nobody_reads_the_wall_clock()
    {
        var wrong =
            from file in Tree.Files
            where file.EndsWith(".cs", StringComparison.Ordinal) || file.EndsWith(".razor", StringComparison.Ordinal)
            where !file.StartsWith("tests/UsageBilling.Repository.Tests/", StringComparison.Ordinal)
            let text = Tree.Text(file)
            from reading in (string[])["DateTime.Now", "DateTime.UtcNow", "DateTime.Today", "DateTimeOffset.Now", "DateTimeOffset.UtcNow", "SystemClock.Instance"]
            where text.Contains(reading, StringComparison.Ordinal)
            select $"{file}: {reading}";
        Verdict.None(wrong);
    }

    [Fact]
    public void Banned_symbols_are_not_switched_off_without_a_reason()
    {
        var wrong =
            from file in Tree.Files
            where file.EndsWith(".cs", StringComparison.Ordinal) && !file.StartsWith("tests/UsageBilling.Repository.Tests/", StringComparison.Ordinal)
            from line in Tree.Text(file).Split('\n')
            where line.Contains("#pragma warning disable", StringComparison.Ordinal) && !line.Contains("//", StringComparison.Ordinal)
            select $"{file}: {line.Trim()}";
        Verdict.None(wrong);
    }

    internal static string At(string file, SyntaxToken token) =>
        $"{file}:{token.GetLocation().GetLineSpan().StartLinePosition.Line + 1}: {token}";

    private static IEnumerable<string> PureSources() =>
        Tree.Projects.Where(Tree.IsPure).SelectMany(p => Tree.Under(Path.GetDirectoryName(p)!.Replace('\\', '/'), ".cs"));
}
