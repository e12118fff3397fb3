using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace UsageBilling.Edge.Configuration;

/// <summary><c>usage-gateway check</c>: explains every mistake of a configuration with its line. Exit code 0 when there is none, 1 otherwise.</summary>
public static class CheckCommand
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The option that all verbs share.</summary>
    public static Option<string> ConfigOption() => new("--config", "-c")
    {
        Description = "the gateway's configuration",
        DefaultValueFactory = _ => "gateway.yaml",
    };

    /// <summary>Builds the command.</summary>
    public static Command Build()
    {
        var config = ConfigOption();
        var json = new Option<bool>("--json") { Description = "print the mistakes as JSON" };
        var command = new Command("check", "explain every mistake of a configuration with its line") { config, json };
        command.SetAction(parse => Run(GatewayConfigurationFile.Load(parse.GetRequiredValue(config)), parse.GetValue(json), parse.InvocationConfiguration.Output));
        return command;
    }

    /// <summary>Prints what is wrong with a configuration, for people; true when nothing is.</summary>
    public static bool Explain(ConfigurationResult result, TextWriter output)
    {
        foreach (var problem in result.Problems)
        {
            output.WriteLine(problem);
        }

        if (result.Problems.Count > 0)
        {
            output.WriteLine(result.Problems.Count == 1 ? "1 mistake" : $"{result.Problems.Count} mistakes");
        }

        return result.Problems.Count == 0;
    }

    private static int Run(ConfigurationResult result, bool json, TextWriter output)
    {
        if (json)
        {
            var errors = result.Problems.Select(p => new { file = p.File, line = p.Line, column = p.Column, path = p.Path, message = p.Message });
            output.WriteLine(JsonSerializer.Serialize(new { errors }, Readable));
        }
        else if (Explain(result, output) && result.Configuration is { } good)
        {
            output.WriteLine($"{good.Gateway}: {good.Meters.Length} meters on {good.Buses.Length} buses, sampled every {good.IntervalMinutes} minutes; no mistake found");
        }

        return result.Problems.Count == 0 ? 0 : 1;
    }
}
