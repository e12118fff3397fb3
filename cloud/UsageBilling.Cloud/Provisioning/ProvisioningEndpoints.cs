using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection.Extensions;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Metering;

namespace UsageBilling.Cloud.Provisioning;

/// <summary><c>POST /api/v1/provision</c>.</summary>
internal static class ProvisioningEndpoints
{
    public static void AddProvisioning(this WebApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton<RegisterAdministration>();
        builder.Services.AddSingleton<Provision>();
    }

    public static void MapProvisioning(this WebApplication app) =>
        app.MapWriteApi("Provisioning").MapPost("/provision", PostAsync)
            .Accepts<object>("application/json")
            .WithSummary("Suppliers, tariffs, accounts, service points, meters and contracts in one document (protocols/provisioning/provision.v1.schema.json). Idempotent. With dryRun=true nothing is stored.");

    private static async Task<Results<Ok<ProvisioningResult>, UnprocessableEntity<ProvisioningResult>>> PostAsync(HttpContext context, Provision provision, bool? dryRun)
    {
        using var reader = new StreamReader(context.Request.Body);
        var result = await provision.RunAsync(await reader.ReadToEndAsync(context.RequestAborted), null, context.User.Actor(), dryRun == true, context.RequestAborted);
        return result.Problems.Count == 0 ? TypedResults.Ok(result) : TypedResults.UnprocessableEntity(result);
    }
}
