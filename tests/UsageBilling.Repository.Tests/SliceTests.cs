using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace UsageBilling.Repository.Tests;

/// <summary>
/// A slice of the cloud host is a folder. Slices may use <c>Database/</c> and each other's contract file (<c>…Contract.cs</c>), never each
/// other's SQL: every table is named in the SQL of one slice only, the one that owns it.
/// </summary>
public partial class SliceTests
{
    private const string Host = "cloud/UsageBilling.Cloud/";

    private static readonly string[] NotSlices = ["Database", "Properties", "wwwroot"];

    // verify recomputes everything from what is stored and so reads across the slices, but writes nothing.
    private const string ReadsEverything = "Verification";

    [GeneratedRegex(@"^\s*CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:\w+\.)?(?<table>[a-z_0-9]+)", RegexOptions.IgnoreCase | RegexOptions.Multiline)]
    private static partial Regex CreatesTable();

    [GeneratedRegex(@"\b(?:FROM|JOIN|INTO|UPDATE(?:\s+ONLY)?|COPY|TRUNCATE|TABLE)\s+(?:\w+\.)?(?<table>[a-z_0-9]+)", RegexOptions.IgnoreCase)]
    private static partial Regex NamesTable();

    [GeneratedRegex(@"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|COPY|TRUNCATE)\s", RegexOptions.IgnoreCase)]
    private static partial Regex Writes();

    [Fact]
    public void A_table_stands_in_the_sql_of_one_slice_only()
    {
        var tables = Tree.Under(Host + "Database/Migrations", ".sql")
            .SelectMany(f => CreatesTable().Matches(Tree.Text(f)).Select(m => m.Groups["table"].Value))
            .ToHashSet();
        var shared =
            from file in Sources()
            let slice = SliceOf(file)
            where slice != ReadsEverything
            from table in TablesIn(file)
            where tables.Contains(table)
            group slice by table into users
            let slices = users.Distinct().Order().ToArray()
            where slices.Length > 1
            select $"{users.Key}: {string.Join(", ", slices)}";
        Assert.NotEmpty(tables);
        Verdict.None(shared);
    }

    [Fact]
    public void Verification_writes_nothing()
    {
        var wrong =
            from file in Sources()
            where SliceOf(file) == ReadsEverything
            from literal in Literals(file)
            where Writes().IsMatch(literal)
            select $"{file}: {literal}";
        Verdict.None(wrong);
    }

    [Fact]
    public void Slices_meet_in_contract_files_only()
    {
        var declared = (
            from file in Sources()
            where !file.EndsWith("Contract.cs", StringComparison.Ordinal)
            from type in Tree.Syntax(file).DescendantNodes().OfType<BaseTypeDeclarationSyntax>()
            where type.Parent is BaseNamespaceDeclarationSyntax && type.Identifier.ValueText is not "Log"
            select (Slice: SliceOf(file), Type: type.Identifier.ValueText)).ToHashSet();
        var bySlice = declared.ToLookup(d => d.Slice, d => d.Type);
        var wrong =
            from file in Sources()
            let slice = SliceOf(file)
            let root = Tree.Syntax(file)
            from import in root.DescendantNodes().OfType<UsingDirectiveSyntax>()
            let other = OtherSlice(import)
            where other is not null && other != slice
            let own = bySlice[slice].ToHashSet()
            let foreign = bySlice[other].Where(t => !own.Contains(t)).ToHashSet()
            from name in root.DescendantNodes().OfType<SimpleNameSyntax>()
            where foreign.Contains(name.Identifier.ValueText) && !IsPropertyBeingSet(name)
                && name.Parent is not MemberAccessExpressionSyntax { Name: var member } | (name.Parent is MemberAccessExpressionSyntax access && access.Expression == name)
            select $"{file} uses {other}.{name.Identifier.ValueText}";
        Verdict.None(wrong);
    }

    private static bool IsPropertyBeingSet(SimpleNameSyntax name) =>
        name.Parent is AssignmentExpressionSyntax { Parent: InitializerExpressionSyntax } set && set.Left == name;

    private static IEnumerable<string> Sources() => Tree.Under(Host.TrimEnd('/'), ".cs").Where(f => SliceOf(f) is { } s && !NotSlices.Contains(s));

    private static string? SliceOf(string file)
    {
        var rest = file[Host.Length..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? null : rest[..slash];
    }

    private static string? OtherSlice(UsingDirectiveSyntax import)
    {
        const string Prefix = "UsageBilling.Cloud.";
        var name = import.Name?.ToString();
        if (name is null || !name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var slice = name[Prefix.Length..].Split('.')[0];
        return NotSlices.Contains(slice) ? null : slice;
    }

    private static IEnumerable<string> TablesIn(string file) =>
        Literals(file).SelectMany(l => NamesTable().Matches(l).Select(m => m.Groups["table"].Value.ToLowerInvariant()));

    private static IEnumerable<string> Literals(string file) =>
        Tree.Syntax(file).DescendantTokens()
            .Where(t => t.IsKind(SyntaxKind.StringLiteralToken) || t.IsKind(SyntaxKind.SingleLineRawStringLiteralToken)
                || t.IsKind(SyntaxKind.MultiLineRawStringLiteralToken) || t.IsKind(SyntaxKind.InterpolatedStringTextToken))
            .Select(t => t.ValueText);
}
