using Microsoft.AspNetCore.Http.HttpResults;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Gateways;

/// <summary>What a gateway sends to enrol: its one-time token and its public key (SubjectPublicKeyInfo, base64).</summary>
public sealed record EnrolRequest(string Token, string PublicKey);

/// <summary>How the gateway reaches the broker. The password is told this once.</summary>
public sealed record BrokerAccess(string Host, int Port, bool Tls, string Username, string Password);

/// <summary>The registered key's id, and the way to the broker.</summary>
public sealed record EnrolResponse(string KeyId, BrokerAccess Mqtt);

/// <summary><c>POST /api/v1/gateways/{gateway}/enroll</c>: no session; the token is the right.</summary>
internal static class EnrolEndpoint
{
    // A token and a key; anything bigger is not for us.
    private const int LongestToken = 200;
    private const int LongestKey = 1_000;

    public static async Task<Results<Created<EnrolResponse>, ProblemHttpResult>> EnrolAsync(
        string gateway, EnrolRequest request, HttpContext http, Enrolment enrolment, CloudSettings settings, IServiceProvider services, CancellationToken cancellation)
    {
        var key = new byte[LongestKey];
        if (!Name.IsValid(gateway) || request.Token is not { Length: > 0 and <= LongestToken }
            || request.PublicKey is not { Length: > 0 and <= LongestKey } || !Convert.TryFromBase64String(request.PublicKey, key, out var length))
        {
            return TypedResults.Problem("Send {\"token\": …, \"publicKey\": base64 of the SubjectPublicKeyInfo} to a gateway's name.", statusCode: StatusCodes.Status400BadRequest);
        }

        var (result, keyId, password) = await enrolment.EnrolAsync(gateway, request.Token, key[..length], cancellation);
        return result switch
        {
            EnrolmentResult.Enrolled => TypedResults.Created(
                (string?)null, new EnrolResponse(keyId, Access(gateway, password, http, settings, services))),
            EnrolmentResult.KeyRefused => TypedResults.Problem("The public key is not a P-256 key.", statusCode: StatusCodes.Status400BadRequest),
            EnrolmentResult.KeyClosed => TypedResults.Problem("This key was closed; enrol with a new one.", statusCode: StatusCodes.Status409Conflict),
            _ => TypedResults.Problem(
                "The token is not valid for this gateway (any more). `usage-cloud enroll GATEWAY` prints a new one.", statusCode: StatusCodes.Status403Forbidden),
        };
    }

    private static BrokerAccess Access(string gateway, string password, HttpContext http, CloudSettings settings, IServiceProvider services)
    {
        if ((settings.GatewayBroker ?? settings.Broker) is { } broker)
        {
            return new BrokerAccess(broker.Host, broker.Port, broker.Tls, gateway, password);
        }

        // The embedded broker is where this request came to.
        return settings.MqttTlsPort is { } tls
            ? new BrokerAccess(http.Request.Host.Host, tls, true, gateway, password)
            : new BrokerAccess(http.Request.Host.Host, services.GetService<EmbeddedBrokerPort>()?.Value ?? settings.MqttPort, false, gateway, password);
    }
}
