using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Cloud.Tests.Ingest;
using UsageBilling.Cloud.UsageEvents;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.UsageEvents;

/// <summary>A utility that sells calls and traffic by interface, the whole host before it, and a sender of events. Days are closed at the site's time, 2026-12-20.</summary>
internal sealed class EventSite : IAsyncDisposable
{
    public const string Calls = "com.example.call";
    public const string Traffic = "com.example.traffic";

    private readonly MigratedDatabase database = new();

    private EventSite()
    {
    }

    public BillingSite Billing { get; private set; } = null!;

    public RunningCloud Cloud { get; private set; } = null!;

    public HttpClient Client { get; private set; } = null!;

    public string ServiceConnectionString => database.Postgres.ServiceConnectionString;

    public NpgsqlDataSource Database => database.Source;

    /// <summary>Where the days stop being open: the time of the upkeep that tests run themselves.</summary>
    public EventDayUpkeep Upkeep => new(Database, Billing.Metering.Time);

    /// <summary>Runs what the service's own role may not, as somebody with the database in his hands.</summary>
    public async Task<int> AdminAsync(string sql)
    {
        await using var admin = new NpgsqlConnection(database.Postgres.AdminConnectionString);
        await admin.OpenAsync();
        await using var command = new NpgsqlCommand(sql, admin);
        return await command.ExecuteNonQueryAsync();
    }

    public static async Task<EventSite> CreateAsync()
    {
        var site = new EventSite();
        await site.database.InitializeAsync();
        site.Billing = new BillingSite(site.Database, 2);
        await site.Billing.ProvisionAsync(site.Document());
        // No role: requests are answered all the same, and a test says when days are computed.
        site.Cloud = await RunningCloud.StartAsync(site.database, s => s with { Roles = CloudRoles.None }, site.Billing.Metering.Time);
        site.Client = new HttpClient { BaseAddress = site.Cloud.Address };
        site.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await site.Cloud.Get<ApiTokens>().CreateAsync("sender", ["read", "write"], null, default));
        return site;
    }

    /// <summary>The utility of <see cref="BillingSite"/> with its households on the tariff of calls, and no meters.</summary>
    public JsonObject Document()
    {
        var document = Billing.Document();
        document["meters"] = new JsonArray();
        var tariff = JsonNode.Parse(File.ReadAllText(Path.Combine(SharedCases.RepositoryRoot, "protocols/tariffs/examples/api-calls.json")))!;
        ((JsonArray)document["tariffs"]!).Add(new JsonObject { ["document"] = tariff });
        document["accounts"]!.AsArray().ToList().ForEach(a => a!["currency"] = "USD");
        document["contracts"]!.AsArray().ToList().ForEach(c => c!["tariff"] = "api-calls");
        document["usageDefinitions"] = new JsonArray(
            new JsonObject
            {
                ["eventType"] = Calls, ["measure"] = "count", ["aggregation"] = "count", ["intervalMinutes"] = 60, ["from"] = "2026-09-30",
                ["subjects"] = new JsonObject { ["acme"] = "P0001", ["bolt"] = "P0002" },
            },
            new JsonObject
            {
                ["eventType"] = Traffic, ["measure"] = "data", ["aggregation"] = "sum", ["value"] = "data.gigabytes", ["unit"] = "GB", ["exponent"] = 3, ["intervalMinutes"] = 60, ["from"] = "2026-09-30",
                ["subjects"] = new JsonObject { ["acme"] = "P0001", ["bolt"] = "P0002" },
            });
        return document;
    }

    public static JsonObject Event(string type, string id, string time, string subject = "acme", decimal? gigabytes = null, string source = "/edge/1") => new()
    {
        ["specversion"] = "1.0", ["type"] = type, ["source"] = source, ["id"] = id, ["time"] = time, ["subject"] = subject, ["datacontenttype"] = "application/json",
        ["data"] = gigabytes is { } value ? new JsonObject { ["gigabytes"] = value } : new JsonObject(),
    };

    public async Task<(int Status, JsonObject Answer)> PostAsync(JsonNode body, string contentType)
    {
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, MediaTypeHeaderValue.Parse(contentType));
        using var response = await Client.PostAsync("/api/v1/events", content);
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!.AsObject());
    }

    public Task<(int Status, JsonObject Answer)> BatchAsync(params JsonNode[] events) => PostAsync(new JsonArray([.. events.Select(e => e.DeepClone())]), "application/cloudevents-batch+json");

    public static ChannelId Channel(string point, Quantity quantity) => new ChannelKey(point, new Measurand(quantity, Direction.Import)).Id;

    public async Task<List<long>> QuantitiesAsync(ChannelId channel, string from, string to)
    {
        var store = new IntervalStore(Database, Billing.Metering.Time);
        var profiles = await store.ReadAsync([channel], At(from), At(to), default);
        return [.. profiles[channel].Profile.Quantities.ToArray()];
    }

    /// <summary>Every byte of the channels' days, with or without their versions.</summary>
    public async Task<string> BytesAsync(bool versions = false) => await Billing.ScalarAsync<string>(
        $"SELECT string_agg(channel_id || ' ' || day || ' ' || {(versions ? "version || ' ' ||" : "")} encode(hash, 'hex'), E'\\n' ORDER BY channel_id, day) FROM interval_day");

    public static Instant At(string text) => NodaTime.Text.InstantPattern.ExtendedIso.Parse(text).Value;

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Cloud.DisposeAsync();
        await database.DisposeAsync();
    }
}
