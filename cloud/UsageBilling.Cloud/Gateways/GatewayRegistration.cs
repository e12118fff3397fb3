namespace UsageBilling.Cloud.Gateways;

/// <summary>Registers gateways with the host.</summary>
internal static class GatewayRegistration
{
    public static void AddGateways(this WebApplicationBuilder builder)
    {
    }

    public static void MapGateways(this WebApplication app)
    {
    }
}
