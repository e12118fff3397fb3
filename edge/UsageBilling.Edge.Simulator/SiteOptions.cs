using System.CommandLine;
using UsageBilling.Edge.Simulator.Sites;

namespace UsageBilling.Edge.Simulator;

/// <summary>The options that name a site, and opening it.</summary>
internal sealed class SiteOptions
{
    private readonly Option<FileInfo> file = new("--site") { Description = "Site file (YAML).", Required = true };
    private readonly Option<long?> seed = new("--seed") { Description = "Seed of all chance; default: the file's." };

    public void AddTo(Command command)
    {
        command.Options.Add(file);
        command.Options.Add(seed);
    }

    /// <summary>The site, or null after its mistakes were printed.</summary>
    public SimulatedSite? Open(ParseResult parsed)
    {
        var path = parsed.GetRequiredValue(file).FullName;
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return null;
        }

        var (site, problems) = SiteFile.Parse(text, parsed.GetValue(seed));
        foreach (var problem in problems)
        {
            Console.Error.WriteLine($"{path}:{problem.Line}: {problem.Message}");
        }

        return site is null ? null : new SimulatedSite(site);
    }
}
