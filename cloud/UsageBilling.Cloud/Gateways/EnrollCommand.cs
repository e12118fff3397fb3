using System.CommandLine;
using System.Text;
using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Gateways;

/// <summary><c>usage-cloud enroll</c>: prints a one-time token, revokes a gateway's keys, or writes Mosquitto's password file.</summary>
internal static class EnrollCommand
{
    public static Command Build()
    {
        var gateway = new Argument<string?>("gateway") { Arity = ArgumentArity.ZeroOrOne, Description = "The gateway's name." };
        var hours = new Option<int?>("--valid-hours") { Description = "How long the token is good (default 24)." };
        var revoke = new Option<bool>("--revoke") { Description = "Close the gateway's keys instead." };
        var passwd = new Option<string?>("--mosquitto-passwd") { Description = "Write a Mosquitto password file of all gateways instead, and of this service's own user where broker-user is set." };
        var command = new Command("enroll", "Print a one-time token with which a gateway registers its own key.") { gateway, hours, revoke, passwd }.WithDatabase();
        command.Validators.Add(parsed =>
        {
            var named = parsed.GetValue(gateway);
            if (parsed.GetValue(passwd) is null && !Name.IsValid(named))
            {
                parsed.AddError(named is null
                    ? "Name the gateway: usage-cloud enroll GATEWAY"
                    : $"A gateway's name is 1 to {Name.MaxLength} letters, digits, '-', '_' or '.'; '{named}' is not.");
            }

            if (parsed.GetValue(hours) is < 1 or > 24 * 365)
            {
                parsed.AddError("--valid-hours must be between 1 and 8760.");
            }
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(passwd) is { } file)
            {
                // A broker needs its passwords before there is a cloud that could connect to it.
                await using var any = await CloudDatabase.OpenAsync(parsed.Settings(), cancellation);
                return await WritePasswordsAsync(any, parsed.Settings(), file, cancellation);
            }

            await using var database = await CloudDatabase.OpenExistingAsync(parsed.Settings(), cancellation);

            var enrolment = new Enrolment(database.Source, TimeProvider.System);
            return parsed.GetValue(revoke)
                ? await RevokeAsync(enrolment, parsed.GetValue(gateway)!, cancellation)
                : await PrintTokenAsync(enrolment, parsed.GetValue(gateway)!, parsed.GetValue(hours) is { } given ? Duration.FromHours(given) : Enrolment.TokenLifetime, cancellation);
        });
        return command;
    }

    // The token alone goes to standard output, so that a script can take it.
    private static async Task<int> PrintTokenAsync(Enrolment enrolment, string gateway, Duration lifetime, CancellationToken cancellation)
    {
        var (token, expiresAt) = await enrolment.CreateTokenAsync(gateway, lifetime, cancellation);
        Console.WriteLine(token);
        Console.Error.WriteLine($"Good once, until {expiresAt}. At the gateway: usage-gateway enroll --config gateway.yaml --cloud http://THIS-HOST:PORT --token {token}");
        return ExitCodes.Ok;
    }

    private static async Task<int> RevokeAsync(Enrolment enrolment, string gateway, CancellationToken cancellation)
    {
        if (await enrolment.RevokeAsync(gateway, cancellation))
        {
            Console.WriteLine($"The keys of {gateway} are revoked.");
            return ExitCodes.Ok;
        }

        Console.Error.WriteLine($"{gateway} has no open key.");
        return ExitCodes.BadInput;
    }

    private static async Task<int> WritePasswordsAsync(CloudDatabase database, CloudSettings settings, string file, CancellationToken cancellation)
    {
        var lines = new StringBuilder();
        if (settings is { BrokerUser: { } cloud, BrokerPasswordFile: { } secret })
        {
            var password = await File.ReadAllTextAsync(secret, cancellation);
            lines.Append(cloud).Append(':').Append(GatewayPasswords.Hash(password.TrimEnd())).Append('\n');
        }

        await using var command = database.Source.CreateCommand("SELECT gateway, password_hash FROM gateway_password ORDER BY gateway");
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                lines.Append(row.GetString(0)).Append(':').Append(row.GetString(1)).Append('\n');
            }
        }

        // Lines that are not gateways' (the cloud's own user) stay; the broker never sees half a file.
        var own = lines.ToString();
        if (File.Exists(file))
        {
            var gateways = own.Split('\n').Select(l => l.Split(':')[0]).ToHashSet();
            foreach (var line in await File.ReadAllLinesAsync(file, cancellation))
            {
                if (line.Contains(':', StringComparison.Ordinal) && !gateways.Contains(line.Split(':')[0]))
                {
                    lines.Append(line).Append('\n');
                }
            }
        }

        var beside = file + ".new";
        await File.WriteAllTextAsync(beside, lines.ToString(), cancellation);
        if (OperatingSystem.IsLinux())
        {
            // The broker is another user. What it reads are hashes of 192 random bits.
            File.SetUnixFileMode(beside, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }

        File.Move(beside, file, overwrite: true);
        Console.WriteLine($"{file} is written; tell Mosquitto to read it again (kill -HUP).");
        return ExitCodes.Ok;
    }
}
