using System.Security.Claims;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Npgsql;

namespace UsageBilling.Cloud.SignIn;

/// <summary>Ends open pages of somebody whose password was changed or whose access ended: the cookie is looked at on requests only, and an open page makes none.</summary>
internal sealed class SessionWatch(ILoggerFactory loggers, Users users) : RevalidatingServerAuthenticationStateProvider(loggers)
{
    protected override TimeSpan RevalidationInterval => TimeSpan.FromSeconds(10);

    protected override async Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        try
        {
            return await users.IsCurrentAsync(authenticationState.User, cancellationToken);
        }
        catch (NpgsqlException)
        {
            return true; // Nothing can be read or changed meanwhile either; judged again at the next turn.
        }
    }
}

/// <summary>What a session says about whose it is.</summary>
internal static class Session
{
    /// <summary>Claim that holds the person's stamp at sign-in.</summary>
    public const string StampClaim = "stamp";

    /// <summary>True while the session's stamp is still that person's.</summary>
    public static async Task<bool> IsCurrentAsync(this Users users, ClaimsPrincipal session, CancellationToken cancellationToken) =>
        session.Identity?.Name is { } name
        && Guid.TryParse(session.FindFirstValue(StampClaim), out var stamp)
        && await users.IsCurrentAsync(name, stamp, cancellationToken);
}
