using System.CommandLine;

namespace UsageBilling.Cloud.Database;

/// <summary><c>usage-cloud migrate</c>: brings the schema up to date, connecting as its owner.</summary>
internal static class MigrateCommand
{
    public static Command Build()
    {
        var command = new Command("migrate", "Bring the database schema up to date; --database connects as its owner (role usage_owner).").WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = parsed.Settings();
            if (settings.Database is { } owner)
            {
                await Migrations.ApplyAsync(owner, cancellation: cancellation);
            }
            else
            {
                // Opening the private cluster migrates it.
                await using var database = await CloudDatabase.OpenAsync(settings, cancellation);
            }

            Console.WriteLine("The schema is up to date.");
            return ExitCodes.Ok;
        });
        return command;
    }
}
