using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Cloud.Tests.Ingest;

namespace UsageBilling.Cloud.Tests.Analytics;

/// <summary>Three households, two tariffs and two segments, read and billed for October 2026, and the whole host before them.</summary>
public sealed class BilledSite : IAsyncLifetime
{
    private readonly MigratedDatabase database = new();

    internal BillingSite Site { get; private set; } = null!;

    internal RunningCloud Cloud { get; private set; } = null!;

    internal HttpClient Client { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        Site = new BillingSite(database.Source, 3, "2026-11-20T12:00:00Z");
        var document = Site.Document();
        document["accounts"]![2]!["segment"] = "shop";
        document["tariffs"]!.AsArray().Add(new JsonObject { ["document"] = BillingSite.Tariff("shop", "1", "2024-01-01", 0.20m) });
        document["contracts"]![2]!["tariff"] = "shop";
        await Site.ProvisionAsync(document);
        await Site.ReadAsync(new(2026, 10, 1), new(2026, 11, 1));
        await Site.BillAsync(issue: true);
        Cloud = await RunningCloud.StartAsync(database, s => s with { Roles = CloudRoles.None }, Site.Metering.Time);
        Client = new HttpClient { BaseAddress = Cloud.Address };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await Cloud.Get<ApiTokens>().CreateAsync("test", ["read"], null, default));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Cloud.DisposeAsync();
        await database.DisposeAsync();
    }
}
