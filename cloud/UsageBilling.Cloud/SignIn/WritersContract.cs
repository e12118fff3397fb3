using Microsoft.AspNetCore.Components.Authorization;
using UsageBilling.Cloud.Api;

namespace UsageBilling.Cloud.SignIn;

/// <summary>Asked by pages before they change anything: who acts, and whether they may, at this moment.</summary>
public sealed class Writers
{
    private readonly AuthenticationStateProvider sessions;
    private readonly Users users;

    internal Writers(AuthenticationStateProvider sessions, Users users) => (this.sessions, this.users) = (sessions, users);

    /// <summary>The person's name for the audit, or null where they may look only, or not even that any more.</summary>
    public async Task<string?> ActorAsync(CancellationToken cancellationToken)
    {
        var session = (await sessions.GetAuthenticationStateAsync()).User;
        return session.HasClaim(ApiAuthorization.ScopeClaim, "write") && await users.IsCurrentAsync(session, cancellationToken) ? session.Actor() : null;
    }
}
