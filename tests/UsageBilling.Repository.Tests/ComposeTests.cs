using YamlDotNet.RepresentationModel;

namespace UsageBilling.Repository.Tests;

/// <summary>docker-compose.yml is checked here, where no container engine is at hand: what it names exists.</summary>
public class ComposeTests
{
    private static readonly YamlMappingNode Root = Read();

    [Fact]
    public void Services_name_secrets_and_volumes_that_are_declared()
    {
        var wrong =
            from service in Services()
            from wanted in Items(service.Value, "secrets").Select(s => ("secrets", Name: s))
                .Concat(Items(service.Value, "volumes").Where(v => !v.StartsWith('.')).Select(v => ("volumes", Name: v.Split(':')[0])))
            where !Map(Root, wanted.Item1).Children.ContainsKey(wanted.Name)
            select $"{service.Key}: {wanted.Name} is not under {wanted.Item1}";
        Verdict.None(wrong);
    }

    [Fact]
    public void Services_wait_for_services_that_exist()
    {
        var names = Services().Select(s => s.Key).ToHashSet();
        var wrong =
            from service in Services()
            where ((YamlMappingNode)service.Value).Children.ContainsKey("depends_on")
            from other in Map(service.Value, "depends_on").Children.Keys
            where !names.Contains(other.ToString())
            select $"{service.Key} waits for {other}";
        Verdict.None(wrong);
    }

    [Fact]
    public void Mounted_and_built_files_are_in_the_tree_or_are_made_secrets()
    {
        var mounted =
            from service in Services()
            from volume in Items(service.Value, "volumes")
            where volume.StartsWith("./", StringComparison.Ordinal)
            select volume[2..].Split(':')[0];
        var built = Services().Select(s => ((YamlMappingNode)s.Value).Children.TryGetValue("build", out var build) ? Map(s.Value, "build").Children["dockerfile"].ToString() : null);
        var wrong = mounted.Concat(built.OfType<string>()).Where(f => !f.StartsWith("deploy/secrets/", StringComparison.Ordinal) && !Tree.Files.Contains(f));
        Verdict.None(wrong);
    }

    [Fact]
    public void Every_secret_is_made_by_the_script_that_makes_secrets()
    {
        var script = Tree.Text("deploy/make-secrets");
        Verdict.None(Map(Root, "secrets").Children.Select(s => s.Key.ToString()).Where(s => !script.Contains(s, StringComparison.Ordinal)));
    }

    private static YamlMappingNode Read()
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(Tree.Text("docker-compose.yml")));
        return (YamlMappingNode)yaml.Documents[0].RootNode;
    }

    private static YamlMappingNode Map(YamlNode node, string key) => (YamlMappingNode)node[key];

    private static IEnumerable<KeyValuePair<string, YamlNode>> Services() => Map(Root, "services").Children.Select(s => KeyValuePair.Create(s.Key.ToString(), s.Value));

    private static IEnumerable<string> Items(YamlNode service, string key) =>
        ((YamlMappingNode)service).Children.TryGetValue(key, out var list) ? ((YamlSequenceNode)list).Children.Select(c => c.ToString()) : [];
}
