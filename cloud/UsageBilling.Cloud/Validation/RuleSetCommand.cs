using System.CommandLine;
using System.Text.Json;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Validation;

/// <summary><c>usage-cloud rules FILE.json</c>.</summary>
internal static class RuleSetCommand
{
    public static Command Build()
    {
        var file = new Argument<FileInfo>("file") { Description = "JSON document after protocols/validation/rules.v1.schema.json." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("rules", "Load the limits by which meter data is validated; they are in force from now on.") { file, json }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var source = parsed.GetRequiredValue(file);
            if (!source.Exists)
            {
                await Console.Error.WriteLineAsync($"There is no file {source.FullName}.");
                return ExitCodes.BadInput;
            }

            await using var database = await CloudDatabase.OpenAsync(parsed.Settings(), cancellation);
            var load = await new RuleSets(database.Source, TimeProvider.System).LoadAsync(await File.ReadAllTextAsync(source.FullName, cancellation), "cli:" + Environment.UserName, cancellation);
            Print(load, source.Name, parsed.GetValue(json));
            return load.Problems.Count == 0 ? ExitCodes.Ok : ExitCodes.BadInput;
        });
        return command;
    }

    private static void Print(RuleSetLoad load, string file, bool json)
    {
        if (json)
        {
            Console.WriteLine(load.Problems.Count == 0
                ? JsonSerializer.Serialize(load, ApiJson.Options)
                : JsonSerializer.Serialize(new { errors = load.Problems.Select(p => new { file, path = p.Path, message = p.Message }) }, ApiJson.Options));
            return;
        }

        foreach (var problem in load.Problems)
        {
            Console.Error.WriteLine($"{file} {problem.Path}: {problem.Message}");
        }

        if (load.Problems.Count == 0)
        {
            Console.WriteLine($"{load.Version} {(load.Loaded ? "is in force" : "was loaded before")}");
            if (load.Again is { } again)
            {
                Console.WriteLine(FormattableString.Invariant(
                    $"validated again: {again.Days} channel-days since {again.Since:uuuu-MM-dd} that no bill stands on, and the days of {again.OpenFindings} open findings"));
            }
        }
    }
}
