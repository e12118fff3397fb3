using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Npgsql;

namespace UsageBilling.Cloud.Api;

/// <summary>The API's conventions: JSON, authentication, problem details, idempotency, OpenAPI.</summary>
internal static class ApiRegistration
{
    public static void AddApi(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.ConfigureHttpJsonOptions(json => ApiJson.Configure(json.SerializerOptions));
        services.AddSingleton<ApiTokens>();
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddExceptionHandler(options =>
        {
            options.StatusCodeSelector = e => Refusal(e)?.Status ?? StatusCodes.Status500InternalServerError;
            options.SuppressDiagnosticsCallback = context => Refusal(context.Exception) is not null;
        });
        services.AddProblemDetails(options => options.CustomizeProblemDetails = context =>
            context.ProblemDetails.Detail ??= Refusal(context.Exception)?.Detail);
        services.AddAuthentication(ApiAuthorization.AnyScheme)
            .AddScheme<AuthenticationSchemeOptions, TokenAuthentication>(TokenAuthentication.SchemeName, null)
            .AddPolicyScheme(ApiAuthorization.AnyScheme, null, scheme => scheme.ForwardDefaultSelector = context =>
                context.Request.Headers.Authorization.Count > 0 ? TokenAuthentication.SchemeName
                : context.RequestServices.GetRequiredService<IOptions<ApiAuthenticationOptions>>().Value.BrowserScheme ?? TokenAuthentication.SchemeName);
        services.AddAuthorizationBuilder()
            .AddPolicy(ApiAuthorization.Read, policy => policy.RequireClaim(ApiAuthorization.ScopeClaim, "read", "write"))
            .AddPolicy(ApiAuthorization.Write, policy => policy.RequireClaim(ApiAuthorization.ScopeClaim, "write"));
        services.AddOpenApi("v1", OpenApiShape.Configure);
    }

    /// <summary>Stands before the endpoints: an error anywhere under the API is answered as problem details.</summary>
    public static void UseApi(this WebApplication app)
    {
        app.UseWhen(context => context.Request.Path.StartsWithSegments("/api"), api =>
        {
            api.UseExceptionHandler();
            api.UseStatusCodePages();
        });
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseMiddleware<IdempotencyKeys>();
    }

    /// <summary>What is wrong with a request that could not be read; null where the fault is ours.</summary>
    private static (int Status, string Detail)? Refusal(Exception? exception) => exception switch
    {
        BadHttpRequestException { InnerException: JsonException json } bad => (bad.StatusCode, $"the body cannot be read: {json.Message}"),
        BadHttpRequestException bad => (bad.StatusCode, bad.Message),
        PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter } => (StatusCodes.Status400BadRequest, "a text holds a character that cannot be kept, like NUL"),
        _ => null,
    };

    public static void MapApi(this WebApplication app) => app.MapOpenApi("/openapi/{documentName}.json");
}
