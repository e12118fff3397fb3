using UsageBilling.Cloud.Tests.Ingest;

namespace UsageBilling.Cloud.Tests.SignIn;

/// <summary>The host with its pages over a database of its own: <c>IClassFixture&lt;WebCloud&gt;</c>. Each browser has an address of its own.</summary>
public sealed class WebCloud : IAsyncLifetime
{
    /// <summary>The database.</summary>
    public MigratedDatabase Database { get; } = new();

    internal RunningCloud Cloud { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await Database.InitializeAsync();
        Cloud = await RunningCloud.StartAsync(Database, s => s with { Roles = CloudRoles.Ingest | CloudRoles.Web });
    }

    public async ValueTask DisposeAsync()
    {
        var state = Cloud.Get<CloudSettings>().State;
        await Cloud.DisposeAsync();
        await Database.DisposeAsync();
        Directory.Delete(state, recursive: true);
    }
}
