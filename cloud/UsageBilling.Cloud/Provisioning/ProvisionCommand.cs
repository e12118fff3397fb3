using System.CommandLine;
using System.Text.Json;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Provisioning;

/// <summary><c>usage-cloud provision FILE.json</c>.</summary>
internal static class ProvisionCommand
{
    public static Command Build()
    {
        var file = new Argument<FileInfo>("file") { Description = "JSON document after protocols/provisioning/provision.v1.schema.json." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would be done and store nothing." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("provision", "Take suppliers, tariffs, accounts, service points, meters and contracts from one document.") { file, dryRun, json }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var source = parsed.GetRequiredValue(file);
            if (!source.Exists)
            {
                await Console.Error.WriteLineAsync($"There is no file {source.FullName}.");
                return ExitCodes.BadInput;
            }

            await using var database = await CloudDatabase.OpenAsync(parsed.Settings(), cancellation);
            var provision = new Provision(database.Source, TimeProvider.System);
            var folder = source.DirectoryName!;
            var result = await provision.RunAsync(
                await File.ReadAllTextAsync(source.FullName, cancellation),
                path => Path.Combine(folder, path) is var named && File.Exists(named) ? File.ReadAllText(named) : null,
                "cli:" + Environment.UserName,
                parsed.GetValue(dryRun),
                cancellation);
            Print(result, source.Name, parsed.GetValue(json));
            return result.Problems.Count == 0 ? ExitCodes.Ok : ExitCodes.BadInput;
        });
        return command;
    }

    private static void Print(ProvisioningResult result, string file, bool json)
    {
        if (json)
        {
            Console.WriteLine(result.Problems.Count == 0
                ? JsonSerializer.Serialize(result, ApiJson.Options)
                : JsonSerializer.Serialize(new { errors = result.Problems.Select(p => new { file, path = p.Path, message = p.Message }) }, ApiJson.Options));
            return;
        }

        foreach (var problem in result.Problems)
        {
            Console.Error.WriteLine($"{file} {problem.Path}: {problem.Message}");
        }

        foreach (var count in result.Counts)
        {
            Console.WriteLine($"{count.Kind,-14} {count.Added,6} added {count.Changed,6} changed {count.Unchanged,6} unchanged");
        }
    }
}
