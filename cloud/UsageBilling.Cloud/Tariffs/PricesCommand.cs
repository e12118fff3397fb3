using System.CommandLine;
using System.Text.Json;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Tariffs;

/// <summary><c>usage-cloud prices SERIES FILE.csv</c>.</summary>
internal static class PricesCommand
{
    public static Command Build()
    {
        var series = new Argument<string>("series") { Description = "Name of the series in the tariff, for example day-ahead." };
        var file = new Argument<FileInfo>("file") { Description = "CSV with the header start,value." };
        var zone = new Option<string>("--zone") { Description = "IANA zone of times without an offset (default UTC).", DefaultValueFactory = _ => "UTC" };
        var reason = new Option<string?>("--reason") { Description = "Why values that were loaded before change." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("prices", "Load prices or factors over time that tariffs name: tomorrow's day-ahead prices, last month's calorific value.") { series, file, zone, reason, json }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var source = parsed.GetRequiredValue(file);
            if (!source.Exists || source.Length > PriceSeries.MostBytes)
            {
                await Console.Error.WriteLineAsync(source.Exists ? $"{source.FullName} has more than {PriceSeries.MostBytes} bytes; load it in parts." : $"There is no file {source.FullName}.");
                return ExitCodes.BadInput;
            }

            await using var database = await CloudDatabase.OpenAsync(parsed.Settings(), cancellation);
            var load = await PriceSeries.LoadAsync(
                database.Source, parsed.GetRequiredValue(series), await File.ReadAllTextAsync(source.FullName, cancellation), parsed.GetRequiredValue(zone), "cli:" + Environment.UserName,
                parsed.GetValue(reason), TimeProvider.System.GetUtcNow(), cancellation);
            Print(load, source.Name, parsed.GetValue(json));
            return load.Problems.Count == 0 ? ExitCodes.Ok : ExitCodes.BadInput;
        });
        return command;
    }

    private static void Print(PriceSeriesLoad load, string file, bool json)
    {
        if (json)
        {
            Console.WriteLine(load.Problems.Count == 0
                ? JsonSerializer.Serialize(load, ApiJson.Options)
                : JsonSerializer.Serialize(new { errors = load.Problems.Select(p => new { file, line = p.Line, path = p.Path, message = p.Message }) }, ApiJson.Options));
            return;
        }

        foreach (var problem in load.Problems)
        {
            Console.Error.WriteLine(problem.Line is { } line ? $"{file} line {line}: {problem.Message}" : $"{file} {problem.Path}: {problem.Message}");
        }

        if (load.Problems.Count == 0)
        {
            Console.WriteLine(load.Loaded
                ? $"{load.Series} load {load.Load}: {load.Values} values from {load.From} {(load.Until is { } until ? $"until {until}" : "on")}, {load.Replaced} of them replace others"
                : $"{load.Series} load {load.Load}: all of it was loaded before");
        }
    }
}
