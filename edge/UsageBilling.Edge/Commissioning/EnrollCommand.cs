using System.CommandLine;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Commissioning;

/// <summary>
/// <c>usage-gateway enroll</c>: makes the gateway's own key, registers its public half with a one-time token and keeps what the cloud
/// answers. Run again with a new token it renews the key; a gateway that is running takes the new key up by itself.
/// </summary>
public static class EnrollCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private sealed record Request(string Token, string PublicKey);

    private sealed record Reply(string KeyId, ReplyBroker Mqtt);

    private sealed record ReplyBroker(string Host, int Port, bool Tls, string Username, string Password);

    private sealed record Problem(string? Title, string? Detail);

    /// <summary>Builds the command.</summary>
    public static Command Build()
    {
        var config = CheckCommand.ConfigOption();
        var cloud = new Option<Uri?>("--cloud")
        {
            Description = "the cloud's address, for example https://cloud.example",
            Required = true,
            CustomParser = result =>
            {
                if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps))
                {
                    return address;
                }

                result.AddError($"--cloud '{result.Tokens[0].Value}' is not an address like https://cloud.example");
                return null;
            },
        };
        var token = new Option<string>("--token") { Description = "the one-time token that 'usage-cloud enroll GATEWAY' printed", Required = true };
        var command = new Command("enroll", "make a key and register it with the cloud; again to renew it") { config, cloud, token };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
            var loaded = GatewayConfigurationFile.Load(parse.GetRequiredValue(config));
            if (!CheckCommand.Explain(loaded, error))
            {
                return 1;
            }

            using var http = new HttpClient { BaseAddress = parse.GetRequiredValue(cloud)!, Timeout = Patience };
            var problem = await Run(http, loaded.Configuration!.Gateway, loaded.Configuration.StateFolder, parse.GetRequiredValue(token), cancellationToken);
            if (problem is not null)
            {
                await error.WriteLineAsync(problem.AsMemory(), cancellationToken);
                return 1;
            }

            var enrolment = Enrolment.Load(loaded.Configuration.StateFolder)!;
            await output.WriteLineAsync($"{enrolment.Gateway} is enrolled with key {enrolment.KeyId}; broker {enrolment.Mqtt.Host}:{enrolment.Mqtt.Port}".AsMemory(), cancellationToken);
            return 0;
        });
        return command;
    }

    /// <summary>Enrols; null when it worked, otherwise what went wrong and what to do.</summary>
    /// <remarks>The new key waits under another name until the cloud has it: a failed renewal leaves the old key in use, and a repeated one offers the same new key.</remarks>
    internal static async Task<string?> Run(HttpClient http, string gateway, string stateFolder, string token, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(stateFolder);
        var fresh = GatewayKeys.FileIn(stateFolder) + ".new";
        var publicKey = GatewayKeys.MakeOrKeep(fresh);
        Reply? reply;
        try
        {
            using var response = await http.PostAsJsonAsync(
                $"api/v1/gateways/{gateway}/enroll", new Request(token, Convert.ToBase64String(publicKey)), JsonSerializerOptions.Web, cancellationToken);
            if (response.StatusCode != HttpStatusCode.Created)
            {
                return await Explain(response, gateway, cancellationToken);
            }

            reply = await response.Content.ReadFromJsonAsync<Reply>(JsonSerializerOptions.Web, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return $"{http.BaseAddress} did not enrol {gateway}: {e.Message}; check the address and ask for a new token";
        }

        var ours = BatchSignature.KeyId(publicKey);
        if (reply is null || reply.KeyId != ours)
        {
            return $"the cloud registered key {reply?.KeyId}, not ours ({ours}); ask for a new token";
        }

        GatewayKeys.WriteSecret(Enrolment.PasswordFileIn(stateFolder), reply.Mqtt.Password + "\n");
        new Enrolment(gateway, ours, new EnrolledBroker(reply.Mqtt.Host, reply.Mqtt.Port, reply.Mqtt.Tls, reply.Mqtt.Username)).Save(stateFolder);
        File.Move(fresh, GatewayKeys.FileIn(stateFolder), overwrite: true);
        Folder.Sync(stateFolder);
        return null;
    }

    private static async Task<string> Explain(HttpResponseMessage response, string gateway, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        Problem? problem = null;
        try
        {
            problem = JsonSerializer.Deserialize<Problem>(text, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            // Not a problem document: a proxy's page perhaps; the status alone has to do.
        }

        return $"the cloud did not enrol {gateway} ({(int)response.StatusCode}): {problem?.Detail ?? problem?.Title ?? response.ReasonPhrase}; ask for a new token with 'usage-cloud enroll {gateway}'";
    }
}
