using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Cloud.Tests.Ingest;

namespace UsageBilling.Cloud.Tests.Analytics;

/// <summary>Questions over the API about three households of October 2026, whose bills are issued. Household n uses 100 + n Wh a quarter of an hour.</summary>
public sealed class AnalyticsTests : IAsyncLifetime
{
    private readonly BilledSite billed = new();

    private BillingSite Site => billed.Site;

    private RunningCloud Cloud => billed.Cloud;

    private HttpClient Client => billed.Client;

    public ValueTask InitializeAsync() => billed.InitializeAsync();

    public ValueTask DisposeAsync() => billed.DisposeAsync();

    [Fact]
    public async Task Consumption_by_site_class_tariff_and_segment_adds_up_to_the_same_total()
    {
        const int Quarters = (31 * 96) + 4; // the 25-hour day
        var sites = await TotalsAsync("site");
        Assert.Equal([("P0001", 101m), ("P0002", 102m), ("P0003", 103m)], sites.Select(s => (s.Group, s.Quantity * 1000 / Quarters)));
        Assert.Equal([("flat", 203m), ("shop", 103m)], (await TotalsAsync("tariff")).Select(s => (s.Group, s.Quantity * 1000 / Quarters)));
        Assert.Equal([("household", 203m), ("shop", 103m)], (await TotalsAsync("segment")).Select(s => (s.Group, s.Quantity * 1000 / Quarters)));
        var all = Assert.Single(await TotalsAsync("class"));
        Assert.Equal(("all", sites.Sum(s => s.Quantity)), (all.Group, all.Quantity));
        var raw = await GetAsync("analytics/consumption?from=2026-10-01&to=2026-11-02&by=class");
        Assert.Equal((3 * (Quarters + 96), 3 * 96, "import", "kWh"), ((int)raw["items"]![0]!["intervals"]!, (int)raw["items"]![0]!["missing"]!, (string?)raw["items"]![0]!["class"], (string?)raw["items"]![0]!["unit"]));
    }

    [Fact]
    public async Task Sites_come_in_pages()
    {
        var first = await GetAsync("analytics/consumption?from=2026-10-01&to=2026-11-01&limit=2");
        Assert.Equal(["P0001", "P0002"], first["items"]!.AsArray().Select(i => (string?)i!["group"]));
        var second = await GetAsync($"analytics/consumption?from=2026-10-01&to=2026-11-01&limit=2&cursor={first["next"]}");
        Assert.Equal("P0003", (string?)Assert.Single(second["items"]!.AsArray())!["group"]);
        Assert.Null(second["next"]);
    }

    [Fact]
    public async Task Revenue_by_segment_is_that_of_the_invoices_less_the_credit_notes()
    {
        var revenue = (await GetAsync("analytics/revenue?from=2026-10-01&to=2026-11-01"))["items"]!.AsArray();
        Assert.Equal(["household", "shop"], revenue.Select(r => (string?)r!["segment"]));
        Assert.Equal(await Site.ScalarAsync<decimal>("SELECT sum(total) FROM invoice"), revenue.Sum(r => (decimal)r!["total"]!));
        Assert.Equal(await Site.ScalarAsync<decimal>("SELECT net FROM invoice WHERE account_id = 'A0003'"), (decimal)revenue[1]!["net"]!);
        var bill = await Site.ScalarAsync<Guid>("SELECT bill_id FROM invoice WHERE account_id = 'A0003'");
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await Cloud.Get<ApiTokens>().CreateAsync("writer", ["read", "write"], null, default));
        Assert.Equal(HttpStatusCode.OK, (await Client.PostAsJsonAsync($"/api/v1/bills/{bill}/cancel", new { reason = "wrong" })).StatusCode);
        await Site.Issuing().IssueAsync(new(2026, 10, 1), new(2026, 11, 1), null, null, null, default);
        var after = (await GetAsync("analytics/revenue?from=2026-10-01&to=2026-11-01"))["items"]!.AsArray();
        Assert.Equal((1, 1, 0m), ((int)after[1]!["invoices"]!, (int)after[1]!["creditNotes"]!, (decimal)after[1]!["total"]!));
    }

    [Fact]
    public async Task The_load_of_a_site_has_base_load_peak_with_time_and_load_factor()
    {
        var load = await GetAsync("service-points/P0001/load?from=2026-10-01&to=2026-11-01&class=import");
        Assert.Equal((0.404m, 0.404m, 1m, "kW"), ((decimal)load["baseLoad"]!, (decimal)load["peak"]!, (decimal)load["loadFactor"]!, (string?)load["rateUnit"]));
        Assert.Equal(("2026-09-30T22:00:00Z", "2026-10-01T00:00:00"), ((string?)load["peakAt"], (string?)load["peakAtLocal"]));
        Assert.Equal((2980, 0), ((int)load["knownIntervals"]!, (int)load["missingIntervals"]!));
    }

    [Fact]
    public async Task The_forecast_of_money_is_what_the_bill_then_says()
    {
        // November until the 20th at noon, UTC; the forecast continues with the same load. Then the month is read to its end and billed.
        await Site.ReadAsync(new(2026, 11, 1), new(2026, 11, 20));
        var outlook = await GetAsync("service-points/P0001/outlook");
        Assert.Equal(("2026-11-01", "2026-12-01"), ((string?)outlook["from"], (string?)outlook["to"]));
        var channel = outlook["channels"]![0]!;
        Assert.Equal((19 * 96 * 0.101m, 30 * 96 * 0.101m), ((decimal)channel["soFar"]!, (decimal)channel["expected"]!));
        var before = channel["compared"]![0]!;
        Assert.Equal(("period-before", "2026-10-20T11:00:00Z"), ((string?)before["with"], (string?)before["to"])); // 13:00 local in summer time
        Assert.Equal(((19 * 96) + 52) * 0.101m, (decimal)before["quantity"]!);
        Site.Metering.Time.Advance(TimeSpan.FromDays(15));
        await Site.ReadAsync(new(2026, 11, 20), new(2026, 12, 1));
        await Site.BillAsync(issue: false, new LocalDate(2026, 11, 1));
        Assert.Equal(await Site.ScalarAsync<decimal>("SELECT total FROM bill WHERE account_id = 'A0001' AND period_start = '2026-11-01'"), (decimal)outlook["expectedCost"]!["total"]!);
        Assert.True((decimal)outlook["costSoFar"]!["total"]! < (decimal)outlook["expectedCost"]!["total"]!);
        Assert.Null(outlook["problem"]);
    }

    [Fact]
    public async Task A_heat_map_has_25_hours_on_the_day_that_has_them()
    {
        var hours = (await GetAsync("service-points/P0002/heat-map?from=2026-10-24&to=2026-10-27"))["hours"]!.AsArray();
        Assert.Equal([24, 25, 24], hours.GroupBy(h => (string?)h!["day"]).Select(g => g.Count()));
        Assert.All(hours, h => Assert.Equal(0.408m, (decimal)h!["quantity"]!));
        Assert.Equal(["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"], hours.Select(h => (string?)h!["local"]).Where(l => l!.StartsWith("2026-10-25T02", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Anomalies_come_with_words_and_figures()
    {
        // Read from October on, and not at all in November: missing is no anomaly, and a constant load none either.
        Assert.Empty((await GetAsync("service-points/P0001/anomalies?from=2026-10-01&to=2026-11-20"))["anomalies"]!.AsArray());
        Assert.Empty((await GetAsync("service-points/P0001/anomalies?from=2026-10-01&to=2026-11-20&opens=07:00&closes=18:00&days=monday,friday"))["anomalies"]!.AsArray());
        // What the register of household 2 shows on 1 November, and from then on four times as much.
        var total = 1_000_000L + ((2880 + 2980) * 102L);
        await Site.JournalAsync(Metering.MeteringSite.Grid(Site.Register(2), BillingSite.StartOf(new(2026, 11, 1)) + Duration.FromMinutes(15), 96 * 10, _ => total += 400));
        await Site.ProjectAsync();
        var found = Assert.Single((await GetAsync("service-points/P0002/anomalies?from=2026-10-01&to=2026-11-20"))["anomalies"]!.AsArray())!;
        Assert.Equal("step-change", (string?)found["kind"]);
        Assert.Contains("+292 %", (string?)found["reason"], StringComparison.Ordinal);
        Assert.Equal(["meanLoad", "meanLoadBefore", "change"], found["figures"]!.AsArray().Select(f => (string?)f!["name"]));
    }

    private async Task<JsonObject> GetAsync(string path) => (await Client.GetFromJsonAsync<JsonObject>($"/api/v1/{path}"))!;

    private async Task<List<(string Group, decimal Quantity)>> TotalsAsync(string by) =>
        [.. (await GetAsync($"analytics/consumption?from=2026-10-01&to=2026-11-01&by={by}"))["items"]!.AsArray().Select(i => ((string)i!["group"]!, (decimal)i["quantity"]!))];
}
