using Microsoft.Extensions.DependencyInjection.Extensions;
using UsageBilling.Cloud.Ingest;

namespace UsageBilling.Cloud.Metering;

/// <summary>Registers metering with the host.</summary>
internal static class MeteringRegistration
{
    /// <summary>What other slices use.</summary>
    public static void AddMetering(this WebApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton<IntervalStore>();
        builder.Services.TryAddSingleton<RegisterAdministration>();
        builder.Services.TryAddSingleton<MeteringVerification>();
    }

    /// <summary>The worker that projects what this and other instances commit.</summary>
    public static void AddProjector(this WebApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton<CommitSignal>();
        builder.Services.AddHostedService<MeteringProjector>();
        builder.Services.AddHostedService<DerivedDays>();
    }
}
