namespace UsageBilling.Cloud.Ingest;

/// <summary>Registers ingest with the host.</summary>
internal static class IngestRegistration
{
    public static void AddIngest(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<CommitSignal>();
    }
}
