using System.CommandLine;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Exports;

/// <summary><c>usage-cloud export --format … --channel C --from D --to D</c>.</summary>
internal static class ExportCommand
{
    public static Command Build()
    {
        var format = new Option<string>("--format") { Description = "greenbutton, nem12 or csv.", Required = true };
        format.AcceptOnlyFromAmong(ExportRequest.Formats);
        var channel = new Option<string>("--channel") { Description = "Point, quantity and direction: NMI1234567/ActiveEnergy/Import. The point alone means its active import.", Required = true };
        var from = new Option<string>("--from") { Description = "First local day of the channel's zone, 2026-01-01.", Required = true };
        var to = new Option<string>("--to") { Description = "The local day after the last.", Required = true };
        var output = new Option<FileInfo?>("--output") { Description = "File to write; without it the standard output." };
        var command = new Command("export", "Write a channel's intervals as Green Button, NEM12 or CSV.") { format, channel, from, to, output }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var (request, wrong) = ExportRequest.Read(parsed.GetRequiredValue(format), parsed.GetRequiredValue(channel), parsed.GetRequiredValue(from), parsed.GetRequiredValue(to));
            if (request is null)
            {
                await Console.Error.WriteLineAsync($"--{wrong}");
                return ExitCodes.Usage;
            }

            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            var file = parsed.GetValue(output);
            Stream? target = null;
            try
            {
                var outcome = await new Export(database.Source, TimeProvider.System).WriteAsync(request, () => target = file?.Create() ?? Console.OpenStandardOutput(), cancellation);
                if (outcome.Reason is { } reason)
                {
                    await Console.Error.WriteLineAsync($"{(outcome.Written ? "Written, but " : "Nothing was written: ")}{reason}.");
                }

                return outcome.Written ? ExitCodes.Ok : outcome.IsKnown ? ExitCodes.Nothing : ExitCodes.BadInput;
            }
            finally
            {
                if (target is not null)
                {
                    await target.DisposeAsync();
                }
            }
        });
        return command;
    }
}
