using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.DataProtection;
using UsageBilling.Cloud.Api;

namespace UsageBilling.Cloud.SignIn;

/// <summary>Sign-in by name and password, kept in a cookie that scripts and other sites cannot use.</summary>
internal static class SignInRegistration
{
    public const string Path = "/sign-in";

    /// <summary>Attempts to sign in that one address has in a minute.</summary>
    public const int AttemptsAMinute = 10;

    private const string Scheme = CookieAuthenticationDefaults.AuthenticationScheme;
    private const string Limiter = "sign-in";

    public static void AddSignIn(this WebApplicationBuilder builder, CloudSettings settings)
    {
        var services = builder.Services;
        services.AddSingleton<Users>();
        services.Configure<ApiAuthenticationOptions>(o => o.BrowserScheme = Scheme);
        services.AddAuthentication().AddCookie(Scheme, cookie =>
        {
            cookie.LoginPath = Path;
            cookie.AccessDeniedPath = Path;
            cookie.Cookie.Name = "usage-billing";
            cookie.Cookie.SameSite = SameSiteMode.Strict;
            cookie.ExpireTimeSpan = TimeSpan.FromHours(12);
            cookie.Events.OnValidatePrincipal = RequireCurrentStampAsync;
            cookie.Events.OnRedirectToLogin = context => AnswerAsync(context, StatusCodes.Status401Unauthorized);
            cookie.Events.OnRedirectToAccessDenied = context => AnswerAsync(context, StatusCodes.Status403Forbidden);
        });
        // Instances that share a database and should share sessions share this folder too.
        services.AddDataProtection().SetApplicationName("usage-cloud").PersistKeysToFileSystem(new DirectoryInfo(System.IO.Path.Combine(settings.State, "keys")));
        services.AddCascadingAuthenticationState();
        services.AddScoped<AuthenticationStateProvider, SessionWatch>();
        services.AddScoped(provider => new Writers(provider.GetRequiredService<AuthenticationStateProvider>(), provider.GetRequiredService<Users>()));
        services.AddRateLimiter(limits =>
        {
            limits.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limits.OnRejected = async (rejected, cancellation) =>
                await rejected.HttpContext.Response.WriteAsync("Too many attempts to sign in from this address. Wait a minute, go back and try again.", cancellation);
            limits.AddPolicy(Limiter, context => RateLimitPartition.GetFixedWindowLimiter(
                context.Connection.RemoteIpAddress,
                _ => new FixedWindowRateLimiterOptions { PermitLimit = AttemptsAMinute, Window = TimeSpan.FromMinutes(1) }));
        });
    }

    public static void MapSignIn(this WebApplication app)
    {
        // Both look at the antiforgery token themselves: an expired form is answered with the form, not with an error.
        app.MapPost(Path, SignInAsync).Accepts<object>("application/x-www-form-urlencoded", "multipart/form-data").AllowAnonymous().RequireRateLimiting(Limiter).DisableAntiforgery().ExcludeFromDescription();
        app.MapPost("/sign-out", SignOutAsync).DisableAntiforgery().ExcludeFromDescription();
    }

    private static async Task<IResult> SignInAsync(
        HttpContext context, IAntiforgery antiforgery, Users users, CancellationToken cancellationToken)
    {
        // Read here and not bound: whatever somebody posts, the answer is the form again and never a problem document.
        if (!await antiforgery.IsRequestValidAsync(context))
        {
            return Results.Redirect($"{Path}?again=expired");
        }

        var form = await context.Request.ReadFormAsync(cancellationToken);
        string? returnUrl = form["returnUrl"];
        var target = returnUrl is { Length: > 1 } && returnUrl[0] == '/' && returnUrl[1] is not ('/' or '\\') ? returnUrl : "/";
        var user = await users.VerifyAsync(form["name"].ToString(), form["password"].ToString(), cancellationToken);
        if (user is null)
        {
            return Results.Redirect($"{Path}?again=wrong&returnUrl={Uri.EscapeDataString(target)}");
        }

        var claims = user.Scopes.Select(scope => new Claim(ApiAuthorization.ScopeClaim, scope))
            .Append(new Claim(ClaimTypes.Name, user.Name))
            .Append(new Claim(Session.StampClaim, user.Stamp.ToString()));
        await context.SignInAsync(Scheme, new ClaimsPrincipal(new ClaimsIdentity(claims, Scheme)));
        return Results.LocalRedirect(target);
    }

    private static async Task<IResult> SignOutAsync(HttpContext context, IAntiforgery antiforgery)
    {
        if (await antiforgery.IsRequestValidAsync(context))
        {
            await context.SignOutAsync(Scheme);
        }

        return Results.LocalRedirect(Path);
    }

    private static async Task RequireCurrentStampAsync(CookieValidatePrincipalContext context)
    {
        var users = context.HttpContext.RequestServices.GetRequiredService<Users>();
        if (context.Principal is not { } session || !await users.IsCurrentAsync(session, context.HttpContext.RequestAborted))
        {
            context.RejectPrincipal();
            await context.HttpContext.SignOutAsync(Scheme);
        }
    }

    // A page is shown the way in; a program is told the status.
    private static Task AnswerAsync(RedirectContext<CookieAuthenticationOptions> context, int status)
    {
        if (context.Request.Path.StartsWithSegments("/api"))
        {
            context.Response.StatusCode = status;
        }
        else
        {
            context.Response.Redirect(context.RedirectUri);
        }

        return Task.CompletedTask;
    }
}
