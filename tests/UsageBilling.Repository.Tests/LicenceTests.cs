using System.Text.Json;
using System.Xml.Linq;
using UsageBilling.Testing;

namespace UsageBilling.Repository.Tests;

/// <summary>The product is Apache-2.0: only permissive licences go in, of direct and of indirect dependencies.</summary>
public class LicenceTests
{
    private static readonly string[] Permissive = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "PostgreSQL", "0BSD", "MS-PL", "Unlicense", "MIT OR Apache-2.0"];

    // Packages whose manifest carries a file or an address instead of an expression; what that file says was read.
    private static readonly Dictionary<string, string> Read = new(StringComparer.OrdinalIgnoreCase)
    {
        ["MQTTnet"] = "MIT",
        ["MQTTnet.Server"] = "MIT",
    };

    [Fact]
    public void Every_dependency_of_the_product_has_a_permissive_licence()
    {
        var packages = ProductPackages();
        Assert.NotEmpty(packages);
        var wrong = packages.Select(p => (Package: p, Licence: LicenceOf(p.Name, p.Folder)))
            .Where(x => x.Licence is null || !Permissive.Contains(x.Licence))
            .Select(x => $"{x.Package.Name}: {x.Licence ?? "no licence expression; read its licence file and name it here"}");
        Verdict.None(wrong);
    }

    private static IReadOnlyCollection<(string Name, string Folder)> ProductPackages()
    {
        var found = new HashSet<(string, string)>();
        foreach (var project in Tree.Projects.Where(p => !p.StartsWith("tests/", StringComparison.Ordinal)))
        {
            var assets = Path.Combine(SharedCases.RepositoryRoot, "artifacts", "obj", Tree.NameOf(project), "project.assets.json");
            Assert.True(File.Exists(assets), $"{assets} is missing: restore the solution first");
            using var document = JsonDocument.Parse(File.ReadAllText(assets));
            var folders = document.RootElement.GetProperty("packageFolders").EnumerateObject().Select(f => f.Name).ToArray();
            foreach (var library in document.RootElement.GetProperty("libraries").EnumerateObject())
            {
                if (library.Value.GetProperty("type").GetString() == "package")
                {
                    var path = library.Value.GetProperty("path").GetString()!;
                    var folder = folders.Select(f => Path.Combine(f, path)).First(Directory.Exists);
                    found.Add((library.Name.Split('/')[0], folder));
                }
            }
        }

        return found;
    }

    private static string? LicenceOf(string name, string folder)
    {
        var manifest = XDocument.Load(Directory.GetFiles(folder, "*.nuspec").Single());
        var licence = manifest.Descendants().FirstOrDefault(e => e.Name.LocalName == "license");
        return licence?.Attribute("type")?.Value == "expression" ? licence.Value : Read.GetValueOrDefault(name);
    }
}
