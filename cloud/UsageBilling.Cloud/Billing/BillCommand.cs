using System.CommandLine;
using System.Text.Json;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Validation;

namespace UsageBilling.Cloud.Billing;

/// <summary><c>usage-cloud bill --period 2026-10 [--issue]</c>.</summary>
internal static class BillCommand
{
    public static Command Build()
    {
        var period = new Option<string?>("--period") { Description = "Month, like 2026-10: bills the periods that begin in it (default: the last month)." };
        var issue = new Option<bool>("--issue") { Description = "Issue what is approved: number, post, render PDF and UBL." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("bill", "Rate every contract's period and draft its bill; may be repeated, and goes on where it was killed.") { period, issue, json }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var month = BillingMonth.Before(TimeProvider.System.GetCurrentInstant());
            if (parsed.GetValue(period) is { } text && !BillingMonth.TryParse(text, out month))
            {
                await Console.Error.WriteLineAsync($"--period {text}: give a month like 2026-10.");
                return ExitCodes.Usage;
            }

            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            var cycle = BillingCycle.Create(database.Source, TimeProvider.System);
            await ValidatedDays.Create(database.Source, TimeProvider.System).CatchUpAsync(cancellation);
            var progress = parsed.GetValue(json) ? null : new Line();
            var done = await cycle.BillAsync(month.From, parsed.GetValue(issue), "cli:" + Environment.UserName, progress, cancellation);
            if (parsed.GetValue(issue))
            {
                await cycle.RenderAsync(progress is null ? null : rendered => Console.WriteLine($"{rendered} documents rendered"), cancellation);
            }

            Console.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize(done, ApiJson.Options) : Line.Of(done));
            return ExitCodes.Ok;
        });
        return command;
    }

    private sealed class Line : IProgress<BillRunProgress>
    {
        public static string Of(BillRunProgress p) =>
            $"{p.Period.ToString("uuuu-MM", null)}: {p.Contracts} contracts, {p.Billed} billed, {p.Unchanged} unchanged, {p.Held} held, {p.Failed} failed, {p.NotDue} not due, {p.Issued} issued";

        public void Report(BillRunProgress value) => Console.WriteLine(Of(value));
    }
}
