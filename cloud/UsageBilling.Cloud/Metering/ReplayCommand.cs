using System.CommandLine;
using System.Text.Json;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Metering;

/// <summary><c>usage-cloud replay [--json]</c> and <c>usage-cloud retention [--years N]</c>.</summary>
internal static class ReplayCommand
{
    public static Command Build()
    {
        var json = new Option<bool>("--json") { Description = "Print the totals as JSON." };
        var command = new Command(
            "replay", "Rebuild register days and intervals of every channel from the journal and the other evidence. What comes out the same is not touched; after an interruption the next run goes on.") { json }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            var replay = new Replay(database.Source, TimeProvider.System);
            var totals = await replay.RunAsync(Show, cancellation);
            foreach (var row in replay.Unexplained)
            {
                Console.Error.WriteLine($"UNEXPLAINED  {row}: stored, and no evidence says so");
            }

            foreach (var day in replay.Failed)
            {
                Console.Error.WriteLine($"NOT COMPUTED  {day}");
            }

            if (totals.Unexplained + totals.Failed > replay.Unexplained.Count + replay.Failed.Count)
            {
                Console.Error.WriteLine("Not all are named: more than a thousand, or found before this run was interrupted. They were left as they are; another replay names them again.");
            }

            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(totals, ApiJson.Options)
                : $"replayed {totals.Batches} batches: {totals.Same} rows are the same, {totals.Different} were different and are rebuilt, {totals.Unexplained} are not explained, {totals.Failed} cannot be computed");
            return totals is { Unexplained: 0, Failed: 0 } ? ExitCodes.Ok : ExitCodes.BadInput;
        });
        return command;
    }

    public static Command BuildRetention()
    {
        var years = new Option<int?>("--years") { Description = "Keep this many whole years before the current one. Fewer drop what lies below; more take up again what was parked as older than kept." };
        var drop = new Option<bool>("--drop") { Description = "Yes, drop the days that lie below; they do not come back by themselves." };
        var command = new Command("retention", "Show, or with --years change, how far back metering data is kept.") { years, drop }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            try
            {
                await using var connection = await database.Source.OpenConnectionAsync(cancellation);
                var now = TimeProvider.System.GetCurrentInstant();
                if (parsed.GetValue(years) is { } fewer && await Retention.WouldDropAsync(connection, fewer, now, cancellation) is { Days: > 0 } lost)
                {
                    if (!parsed.GetValue(drop))
                    {
                        Console.Error.WriteLine($"--years {fewer} would drop {lost.Days} days of channels before {lost.Floor:uuuu-MM-dd}, with their journal. Nothing was done; say --drop if that is what you want.");
                        return ExitCodes.BadInput;
                    }

                    Console.Error.WriteLine($"{lost.Days} days of channels before {lost.Floor:uuuu-MM-dd} are dropped");
                }

                var state = parsed.GetValue(years) is { } wanted
                    ? await Retention.KeepAsync(database.Source, wanted, Environment.UserName, now, cancellation)
                    : await Retention.ReadAsync(connection, cancellation);
                Console.WriteLine($"{state.YearsKept} whole years are kept, from {state.Floor:uuuu-MM-dd} on; {state.ParkedDeliveredDays} delivered days are older and parked");
                return ExitCodes.Ok;
            }
            catch (MeteringConfigurationException e)
            {
                Console.Error.WriteLine(e.Message);
                return ExitCodes.BadInput;
            }
        });
        return command;
    }

    private static void Show(ReplayProgress progress) =>
        Console.Error.WriteLine($"{progress.Phase}: {progress.Done} of {progress.Of} ({100L * progress.Done / Math.Max(1, progress.Of)} %), {progress.Totals.Batches} batches, {progress.Totals.Different} rows different so far");
}
