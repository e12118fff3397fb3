using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.SignIn;

/// <summary><c>usage-cloud user set NAME</c> and <c>user disable NAME</c>.</summary>
internal static class UserCommand
{
    public static Command Build() => new("user", "People who sign in to the pages.") { BuildSet(), BuildDisable() };

    private static Command BuildSet()
    {
        var name = new Argument<string>("name") { Description = "Name to sign in with." };
        var readOnly = new Option<bool>("--read-only") { Description = "May look but not change anything." };
        var fromInput = new Option<bool>("--password-stdin") { Description = "Take the password from the first line of standard input instead of making one." };
        var command = new Command("set", "Add a person or give a new password. A password that was made is printed once.") { name, readOnly, fromInput }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var who = parsed.GetRequiredValue(name);
            var given = parsed.GetValue(fromInput) ? await Console.In.ReadLineAsync(cancellation) ?? "" : null;
            if (!Name.IsValid(who) || given is { Length: < Users.MinPasswordLength })
            {
                await Console.Error.WriteLineAsync(
                    $"The name has 1 to {Name.MaxLength} letters, digits, '-', '_' or '.'; a password has {Users.MinPasswordLength} characters or more.");
                return ExitCodes.BadInput;
            }

            var password = given ?? Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(15));
            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            await new Users(database.Source, TimeProvider.System).SaveAsync(who, password, parsed.GetValue(readOnly) ? ["read"] : ["read", "write"], cancellation);
            if (given is null)
            {
                Console.WriteLine(password);
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command BuildDisable()
    {
        var name = new Argument<string>("name");
        var command = new Command("disable", "End a person's access, running sessions included.") { name }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            if (await new Users(database.Source, TimeProvider.System).DisableAsync(parsed.GetRequiredValue(name), cancellation))
            {
                return ExitCodes.Ok;
            }

            await Console.Error.WriteLineAsync($"There is nobody called {parsed.GetRequiredValue(name)} who may sign in.");
            return ExitCodes.BadInput;
        });
        return command;
    }
}
