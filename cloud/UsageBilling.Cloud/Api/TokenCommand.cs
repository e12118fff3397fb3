using System.CommandLine;
using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Api;

/// <summary><c>usage-cloud token create NAME</c> and <c>token revoke NAME</c>.</summary>
internal static class TokenCommand
{
    public static Command Build() => new("token", "API tokens.") { BuildCreate(), BuildRevoke() };

    private static Command BuildCreate()
    {
        var name = new Argument<string>("name") { Description = "Who uses it." };
        var scopes = new Option<string>("--scopes") { Description = "read or read,write.", DefaultValueFactory = _ => "read,write" };
        var days = new Option<int?>("--days") { Description = "Days until it expires (default: never)." };
        var command = new Command("create", "Make a token and print it; it is not shown again.") { name, scopes, days }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var who = parsed.GetRequiredValue(name);
            var wanted = parsed.GetRequiredValue(scopes).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (!Name.IsValid(who) || wanted.Length == 0 || wanted.Any(s => s is not ("read" or "write")) || parsed.GetValue(days) <= 0)
            {
                await Console.Error.WriteLineAsync("The name has 1 to 64 letters, digits, '-', '_' or '.'; --scopes is read or read,write; --days is 1 or more.");
                return ExitCodes.Usage;
            }

            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            Instant? expires = parsed.GetValue(days) is { } d ? TimeProvider.System.GetCurrentInstant() + Duration.FromDays(d) : null;
            var token = await new ApiTokens(database.Source, TimeProvider.System).CreateAsync(who, wanted, expires, cancellation);
            if (token is null)
            {
                await Console.Error.WriteLineAsync($"There is a token {who} already; choose another name.");
                return ExitCodes.BadInput;
            }

            Console.WriteLine(token);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command BuildRevoke()
    {
        var name = new Argument<string>("name");
        var command = new Command("revoke", "Make a token useless, at once and for good.") { name }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);
            if (await new ApiTokens(database.Source, TimeProvider.System).RevokeAsync(parsed.GetRequiredValue(name), cancellation))
            {
                return ExitCodes.Ok;
            }

            await Console.Error.WriteLineAsync($"There is no token {parsed.GetRequiredValue(name)} in force.");
            return ExitCodes.BadInput;
        });
        return command;
    }
}
