using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace UsageBilling.Cloud.Tests.UsageEvents;

/// <summary>A site that tests share which change nothing.</summary>
public sealed class UnchangedEventSite : IAsyncLifetime
{
    internal EventSite Site { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Site = await EventSite.CreateAsync();

    public ValueTask DisposeAsync() => Site.DisposeAsync();
}

/// <summary>Definitions that contradict themselves or what is stored.</summary>
public sealed class UsageDefinitionTests(UnchangedEventSite unchanged) : IClassFixture<UnchangedEventSite>
{
    private readonly EventSite site = unchanged.Site;

    [Theory]
    [InlineData("""{"eventType": "x y", "measure": "count", "aggregation": "count", "from": "2026-10-01"}""", "$.eventType", "visible ASCII")]
    [InlineData("""{"eventType": "x", "measure": "calls", "aggregation": "count", "from": "2026-10-01"}""", "$.measure", "one of import")]
    [InlineData("""{"eventType": "x", "measure": "count", "aggregation": "mean", "from": "2026-10-01"}""", "$.aggregation", "one of sum, count, max, latest")]
    [InlineData("""{"eventType": "x", "measure": "data", "aggregation": "sum", "from": "2026-10-01"}""", "$.value", "is missing")]
    [InlineData("""{"eventType": "x", "measure": "data", "aggregation": "sum", "value": "data[0]", "from": "2026-10-01"}""", "$.value", "path into the data")]
    [InlineData("""{"eventType": "x", "measure": "count", "aggregation": "count", "value": "data.n", "from": "2026-10-01"}""", "$.value", "has no place")]
    [InlineData("""{"eventType": "x", "measure": "data", "aggregation": "count", "from": "2026-10-01"}""", "$.measure", "must be count")]
    [InlineData("""{"eventType": "x", "measure": "data", "aggregation": "sum", "value": "data.n", "unit": "kWh", "from": "2026-10-01"}""", "$.unit", "is no unit of Data")]
    [InlineData("""{"eventType": "x", "measure": "count", "aggregation": "count", "intervalMinutes": 7, "from": "2026-10-01"}""", "$.intervalMinutes", "5, 10, 15, 30 or 60")]
    [InlineData("""{"eventType": "x", "measure": "count", "aggregation": "count"}""", "$.from", "is missing")]
    [InlineData("""{"eventType": "x", "measure": "count", "aggregation": "count", "from": "1999-01-01"}""", "$.from", "older than what is kept")]
    [InlineData("""{"eventType": "x", "measure": "count", "aggregation": "count", "from": "2026-10-01", "colour": 1}""", "$.colour", "is not known here")]
    [InlineData("""{"eventType": "x", "measure": "count", "aggregation": "count", "from": "2026-10-01", "subjects": {"a": "P9"}}""", "$.subjects.a", "there is no service point P9")]
    [InlineData("""{"eventType": "com.example.call", "measure": "count", "aggregation": "count", "intervalMinutes": 30, "from": "2026-09-30"}""", "$", "is registered otherwise")]
    [InlineData("""{"eventType": "com.example.call", "measure": "count", "aggregation": "count", "intervalMinutes": 60, "from": "2026-09-30", "subjects": {"acme": "P0002"}}""", "$.subjects.acme", "belongs to service point P0001")]
    [InlineData("""{"eventType": "x", "measure": "count", "aggregation": "count", "from": "2026-10-01", "subjects": {"a": "P0001"}}""", "$.subjects.a", "takes events of type com.example.call")]
    public async Task A_wrong_definition_is_refused_with_its_path_and_nothing_is_kept(string json, string path, string reason)
    {
        using var response = await site.Client.PostAsync("/api/v1/usage-definitions", new StringContent(json, Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        var problems = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["problems"]!.AsArray();
        Assert.Contains(problems, p => p!["path"]!.GetValue<string>() == path && p["message"]!.GetValue<string>().Contains(reason, StringComparison.Ordinal));
        Assert.Equal(2L, await site.Billing.ScalarAsync<long>("SELECT count(*) FROM usage_definition"));
    }
}
