using System.Text.RegularExpressions;

namespace UsageBilling.Repository.Tests;

/// <summary>Names of folders, what stands at the top level, and traces of machines.</summary>
public partial class TidyTests
{
    private static readonly string[] Forbidden = ["Utils", "Util", "Helpers", "Helper", "Common", "Manager", "Managers", "Services", "Models", "Misc"];

    private static readonly string[] TopLevel =
    [
        ".ci", ".editorconfig", ".gitattributes", ".gitignore", ".dockerignore", "ARCHITECTURE.md", "BannedSymbols.Pure.txt", "BannedSymbols.txt", "CHANGELOG.md", "Directory.Build.props",
        "Directory.Build.targets", "Directory.Packages.props", "LICENSE", "README.md", "UsageBilling.sln", "cloud", "deploy", "docker-compose.yml", "docs", "edge", "global.json",
        "protocols", "tests",
    ];

    [GeneratedRegex(@"(?<![\w.])/(?:work|root|home)/(?!\$)[\w.-]+")]
    private static partial Regex MachinePath();

    [Fact]
    public void No_folder_is_named_after_nothing()
    {
        var wrong = Tree.Files.Where(f => f.Split('/').SkipLast(1).Any(part => Forbidden.Contains(part, StringComparer.OrdinalIgnoreCase))).ToList();
        Verdict.None(wrong);
    }

    [Fact]
    public void The_top_level_holds_what_the_architecture_names() =>
        Assert.Subset(TopLevel.ToHashSet(), Tree.Files.Select(f => f.Split('/')[0]).ToHashSet());

    [Fact]
    public void The_solution_holds_every_project()
    {
        var solution = Tree.Text("UsageBilling.sln").Replace('\\', '/');
        Assert.All(Tree.Projects, p => Assert.Contains(p, solution, StringComparison.Ordinal));
        Assert.StartsWith("Microsoft Visual Studio Solution File", solution.TrimStart('\uFEFF', '\r', '\n'), StringComparison.Ordinal);
    }

    [Fact]
    public void Hosts_have_the_names_that_people_type()
    {
        static string? Assembly(string project) => Tree.Project(project).Descendants("AssemblyName").SingleOrDefault()?.Value;
        Assert.Equal("usage-cloud", Assembly("cloud/UsageBilling.Cloud/UsageBilling.Cloud.csproj"));
        Assert.Equal("usage-gateway", Assembly("edge/UsageBilling.Edge/UsageBilling.Edge.csproj"));
        Assert.Equal("usage-simulator", Assembly("edge/UsageBilling.Edge.Simulator/UsageBilling.Edge.Simulator.csproj"));
    }

    [Fact]
    public void No_file_names_a_path_of_somebodys_machine()
    {
        var wrong =
            from file in Tree.Files
            where Path.GetExtension(file) is ".cs" or ".md" or ".yml" or ".yaml" or ".json" or ".sh" or ".props" or ".csproj" or ".sql" or ".proto" or ""
            where !file.StartsWith("tests/UsageBilling.Repository.Tests/", StringComparison.Ordinal) && file != "LICENSE"
            from Match match in MachinePath().Matches(Tree.Text(file))
            select $"{file}: {match.Value}";
        Verdict.None(wrong);
    }

    [Fact]
    public void Versions_of_packages_stand_in_one_place()
    {
        var wrong =
            from project in Tree.Projects
            from reference in Tree.Project(project).Descendants("PackageReference")
            where reference.Attribute("Version") is not null || reference.Element("Version") is not null
            select $"{project}: {reference.Attribute("Include")?.Value}";
        Verdict.None(wrong);
    }

    [Fact]
    public void Every_product_project_says_what_it_owns()
    {
        var wrong =
            from project in Tree.Projects
            where !project.StartsWith("tests/", StringComparison.Ordinal) && !project.StartsWith("deploy/", StringComparison.Ordinal)
            let readme = Path.Combine(Path.GetDirectoryName(project)!, "README.md")
            where !File.Exists(Tree.Absolute(readme)) || !File.ReadAllText(Tree.Absolute(readme)).Contains("It owns", StringComparison.Ordinal)
            select readme;
        Verdict.None(wrong);
    }
}
