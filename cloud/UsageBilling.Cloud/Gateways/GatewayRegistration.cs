using Npgsql;
using UsageBilling.Cloud.Api;

namespace UsageBilling.Cloud.Gateways;

/// <summary>Registers gateways with the host.</summary>
internal static class GatewayRegistration
{
    public static void AddGateways(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<GatewayPasswords>();
        builder.Services.AddSingleton<GatewayStatusStore>();
        builder.Services.AddSingleton<LiveFeed>();
        builder.Services.AddSingleton<KeyRing>();
        builder.Services.AddSingleton<Enrolment>();
    }

    public static void MapGateways(this WebApplication app)
    {
        app.MapPost("/api/v1/gateways/{gateway}/enroll", EnrolEndpoint.EnrolAsync).WithName("EnrolGateway").WithTags("Gateways")
            .WithSummary("Registers a gateway's own key; the one-time token in the body is the right to do so.").AllowAnonymous().ProducesProblem(400).ProducesProblem(403).ProducesProblem(409);
        app.MapReadApi("Gateways").MapGet("/gateways", async (NpgsqlDataSource source, CancellationToken cancellation) =>
            TypedResults.Ok(await GatewayOverview.ReadAsync(source, cancellation))).WithSummary("Gateways as people watch them: state, position, what is parked and refused.");
    }
}
