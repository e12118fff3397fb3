using System.CommandLine;
using System.Text.Json;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Verification;

/// <summary><c>usage-cloud verify [--json]</c>.</summary>
internal static class VerifyCommand
{
    public static Command Build()
    {
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Command("verify", "Recompute journal, intervals, bills, invoices and ledger from what is stored; any difference is listed and ends with 1.") { json }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            var report = await new Verification(database.Source, TimeProvider.System).RunAsync(cancellation);
            Print(report, parsed.GetValue(json));
            return report.Differences.Count == 0 ? ExitCodes.Ok : ExitCodes.BadInput;
        });
        return command;
    }

    private static void Print(VerificationReport report, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, ApiJson.Options));
            return;
        }

        foreach (var difference in report.Differences)
        {
            Console.Error.WriteLine($"DIFFERENT  {difference.Kind} {difference.Subject}: {difference.Detail}");
        }

        foreach (var pending in report.Pending)
        {
            Console.WriteLine($"pending    {pending.Kind} {pending.Subject}: {pending.Detail}");
        }

        var what = report.Checked.Count == 0 ? "nothing is stored yet" : string.Join(", ", report.Checked.Select(c => $"{c.Value} {c.Key}"));
        Console.WriteLine($"verified {what}: {report.Differences.Count} differences, {report.Pending.Count} pending");
    }
}
