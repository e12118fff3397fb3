using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Cloud.Tests.Ingest;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Tests.Api;

/// <summary>The host as a program meets it.</summary>
public sealed class ApiTests : IAsyncLifetime
{
    private readonly MigratedDatabase database = new();
    private BillingSite site = null!;
    private RunningCloud cloud = null!;
    private HttpClient client = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        site = new BillingSite(database.Source, 2);
        await site.ProvisionAsync();
        await site.ReadAsync(new(2026, 10, 1), new(2026, 11, 1));
        await site.BillAsync(issue: true);
        await site.Cycle.RenderAsync(null, default);
        cloud = await RunningCloud.StartAsync(database, s => s with { Roles = CloudRoles.Ingest });
        client = new HttpClient { BaseAddress = cloud.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await cloud.Get<ApiTokens>().CreateAsync("test", ["read", "write"], null, default));
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await cloud.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task A_read_corrected_over_http_shows_on_the_bill_interval_by_interval()
    {
        var correction = new { register = new { manufacturer = "acme", serial = "M1", obis = "1-0:1.8.0" }, at = "2026-10-10T12:00:00Z", value = await DisplayAsync() + 50, reason = "photo of the display" };
        using var corrected = await client.PostAsync("/api/v1/reads/corrections", new StringContent(JsonSerializer.Serialize(correction), Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.OK, corrected.StatusCode);
        using var refused = await client.PostAsync("/api/v1/reads/corrections", new StringContent(JsonSerializer.Serialize(correction with { reason = "" }), Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        var bill = BillId.Of(new BillKey("A0001", "C0001", BillingSite.October, 1));
        using var changes = JsonDocument.Parse(await client.GetStringAsync($"/api/v1/bills/{bill}/changes"));
        Assert.Equal(
            ["2026-10-10T11:45:00Z 50", "2026-10-10T12:00:00Z -50"],
            changes.RootElement.GetProperty("items").EnumerateArray().Select(c => $"{c.GetProperty("from").GetString()} {c.GetProperty("difference").GetDecimal():0}"));

        async Task<long> DisplayAsync()
        {
            await using var connection = await database.Source.OpenConnectionAsync();
            await using var command = new Npgsql.NpgsqlCommand("SELECT value FROM register_rows((SELECT register_id FROM register WHERE serial = 'M1'), '2026-10-10', '2026-10-11') WHERE at = '2026-10-10T12:00:00Z'", connection);
            return (long)(await command.ExecuteScalarAsync())!;
        }
    }

    [Theory]
    [InlineData("/api/v1/invoices/SW-2026-000001")]
    [InlineData("/api/v1/invoices/SW-2026-000001.pdf")]
    [InlineData("/api/v1/tariffs/flat/versions/1")]
    public async Task What_somebody_has_already_is_not_sent_again(string url)
    {
        using var first = await client.GetAsync(new Uri(url, UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var again = await client.SendAsync(request);
        Assert.Equal((HttpStatusCode.NotModified, 0), (again.StatusCode, (await again.Content.ReadAsByteArrayAsync()).Length));
        using var other = new HttpRequestMessage(HttpMethod.Get, url);
        other.Headers.IfNoneMatch.Add(new EntityTagHeaderValue("\"another\""));
        using var changed = await client.SendAsync(other);
        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);
    }

    [Theory]
    [InlineData("7", 400)]
    [InlineData("-1", 400)]
    [InlineData("paid", 400)]
    [InlineData("issued", 200)]
    public async Task A_state_that_no_bill_has_is_refused(string state, int status)
    {
        using var answer = await client.GetAsync(new Uri($"/api/v1/bills?state={state}", UriKind.Relative));
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 400 ? "application/problem+json" : "application/json", answer.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task Prices_are_loaded_over_http_and_listed()
    {
        async Task<(int Status, string Body)> LoadAsync(string query, string csv)
        {
            using var answer = await client.PostAsync(new Uri($"/api/v1/price-series/day-ahead{query}", UriKind.Relative), new StringContent(csv, Encoding.UTF8, "text/csv"));
            return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }

        Assert.Equal(200, (await LoadAsync("?zone=Europe/Berlin", "start,value\n2026-11-26 00:00,0.1\n2026-11-26 01:00,0.2\n")).Status);
        var (status, body) = await LoadAsync("", "start,value\n2026-11-25T23:00Z,0.1\n2026-11-26T00:00Z,0.3\n");
        Assert.Equal(400, status);
        Assert.Contains("give a reason", body, StringComparison.Ordinal);
        Assert.Equal(200, (await LoadAsync("?reason=corrected", "start,value\n2026-11-25T23:00Z,0.1\n2026-11-26T00:00Z,0.3\n")).Status);
        var series = Assert.Single(JsonDocument.Parse(await client.GetStringAsync("/api/v1/price-series")).RootElement.GetProperty("items").EnumerateArray());
        Assert.Equal(("day-ahead", 2, "2026-11-25T23:00:00Z", "2026-11-26T01:00:00Z"), (
            series.GetProperty("series").GetString(), series.GetProperty("load").GetInt32(), series.GetProperty("from").GetString(), series.GetProperty("until").GetString()));
    }

    [Fact]
    public async Task The_description_is_valid_and_every_endpoint_in_it_answers()
    {
        var json = await client.GetStringAsync("/openapi/v1.json");
        var (document, diagnostic) = OpenApiDocument.Parse(json, "json");
        Assert.Empty(diagnostic!.Errors);
        Assert.NotNull(document);
        Assert.Empty(document.Validate(ValidationRuleSet.GetDefaultRuleSet()));
        var known = new Dictionary<string, string>
        {
            ["account"] = "A0001", ["servicePoint"] = "P0001", ["code"] = "flat", ["version"] = "1", ["number"] = "SW-2026-000001",
            ["alert"] = Guid.Empty.ToString(), ["target"] = "nobody", ["series"] = "day-ahead",
            ["bill"] = BillId.Of(new BillKey("A0001", "C0001", BillingSite.October, 1)).ToString(),
            ["import"] = await ImportAsync("start,kwh\n2026-10-01 00:00,1\n2026-10-01 00:30,2\n"),
            ["run"] = (await site.ScalarAsync<Guid>("SELECT run_id FROM bill_run")).ToString(),
        };
        var answered = 0;
        foreach (var (path, item) in document.Paths)
        {
            foreach (var method in item!.Operations!.Keys)
            {
                var url = known.Aggregate(path, (u, k) => u.Replace("{" + k.Key + "}", k.Value, StringComparison.Ordinal));
                url += path.EndsWith("}/consumption", StringComparison.Ordinal) ? "?from=2026-10-01T00:00:00Z&to=2026-10-02T00:00:00Z" : "";
                using var request = new HttpRequestMessage(method, url);
                request.Content = method == HttpMethod.Get ? null : new StringContent("{}", Encoding.UTF8, "application/json");
                using var response = await client.SendAsync(request);
                var body = await response.Content.ReadAsStringAsync();
                Assert.True((int)response.StatusCode < 500, $"{method} {url}: {response.StatusCode} {body}");
                Assert.True(response.StatusCode is not HttpStatusCode.MethodNotAllowed and not HttpStatusCode.Unauthorized, $"{method} {url}: {response.StatusCode}");
                if (method == HttpMethod.Get && !url.Contains('{', StringComparison.Ordinal))
                {
                    Assert.True(response.IsSuccessStatusCode, $"{method} {url}: {response.StatusCode} {body}");
                }
                else if (!response.IsSuccessStatusCode && response.StatusCode != HttpStatusCode.UnprocessableEntity)
                {
                    Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
                }

                answered++;
            }
        }

        Assert.True(answered >= 25, $"{answered} endpoints");
    }

    [Fact]
    public async Task A_file_is_taken_once_by_body_or_form_and_can_be_fetched_again()
    {
        const string text = "start,kwh\n2026-10-02 00:00,1.5\n2026-10-02 00:30,2\n";
        var import = await ImportAsync(text);
        using var form = new MultipartFormDataContent { { new StringContent(text), "file", "usage.csv" } };
        var again = await client.PostAsync("/api/v1/imports?format=csv&point=IMPORTED", form);
        var result = await again.Content.ReadFromJsonAsync<JsonObject>();
        Assert.Equal((import, true), ((string)result!["import"]!, (bool)result["before"]!));
        Assert.Equal(text, await client.GetStringAsync($"/api/v1/imports/{import}/file"));
        var list = await client.GetFromJsonAsync<JsonObject>("/api/v1/imports?limit=1");
        Assert.Equal("done", (string)list!["items"]![0]!["state"]!);
        Assert.Equal("3.5", (string)(await client.GetFromJsonAsync<JsonObject>($"/api/v1/imports/{import}"))!["channels"]![0]!["sum"]!);
        Assert.Contains("2026-10-02T00:00:00Z,2026-10-02T00:00:00+00:00,30,IMPORTED/ActiveEnergy/Import,1.500000,kWh,measured,",
            await client.GetStringAsync("/api/v1/service-points/IMPORTED/export?format=csv&from=2026-10-02&to=2026-10-03"), StringComparison.Ordinal);
        var bad = await client.PostAsync("/api/v1/imports?format=nem12", new StringContent("200,x"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, bad.StatusCode);
        Assert.Equal(1, (int)(await bad.Content.ReadFromJsonAsync<JsonObject>())!["errors"]![0]!["line"]!);
    }

    private async Task<string> ImportAsync(string text)
    {
        var response = await client.PostAsync("/api/v1/imports?format=csv&point=IMPORTED&name=usage.csv", new StringContent(text));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (string)(await response.Content.ReadFromJsonAsync<JsonObject>())!["import"]!;
    }

    [Fact]
    public async Task Nobody_without_a_token_is_answered_and_a_reader_cannot_write()
    {
        using var stranger = new HttpClient { BaseAddress = cloud.Address };
        var response = await stranger.GetAsync("/api/v1/accounts");
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        stranger.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "ubt_wrong");
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync("/api/v1/accounts")).StatusCode);

        stranger.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await cloud.Get<ApiTokens>().CreateAsync("reader", ["read"], null, default));
        Assert.Equal(HttpStatusCode.OK, (await stranger.GetAsync("/api/v1/accounts")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await stranger.PostAsJsonAsync("/api/v1/bill-runs", new { period = "2026-10" })).StatusCode);
        Assert.True(await cloud.Get<ApiTokens>().RevokeAsync("reader", default));
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync("/api/v1/accounts")).StatusCode);
    }

    [Fact]
    public async Task The_same_idempotency_key_gives_the_same_answer_and_another_request_under_it_is_refused()
    {
        var first = await PostAsync("/api/v1/bill-runs", "{\"period\":\"2026-09\"}", "key-1");
        var again = await PostAsync("/api/v1/bill-runs", "{\"period\":\"2026-09\"}", "key-1");
        Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);
        Assert.Equal(await first.Content.ReadAsStringAsync(), await again.Content.ReadAsStringAsync());
        Assert.True(again.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await PostAsync("/api/v1/bill-runs", "{\"period\":\"2026-08\"}", "key-1")).StatusCode);
    }

    [Fact]
    public async Task Lists_are_paged_by_cursor()
    {
        var first = await client.GetFromJsonAsync<JsonObject>("/api/v1/accounts?limit=1");
        Assert.Equal("A0001", first!["items"]![0]!["id"]!.GetValue<string>());
        var second = await client.GetFromJsonAsync<JsonObject>($"/api/v1/accounts?limit=1&cursor={first["next"]}");
        Assert.Equal("A0002", second!["items"]![0]!["id"]!.GetValue<string>());
        Assert.Null(second["next"]);
        Assert.Equal(HttpStatusCode.BadRequest, (await client.GetAsync("/api/v1/accounts?limit=0")).StatusCode);
    }

    [Fact]
    public async Task A_decision_about_a_bill_that_changed_meanwhile_is_refused()
    {
        var bill = BillId.Of(new BillKey("A0001", "C0001", BillingSite.October, 1));
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/bills/{bill}/cancel") { Content = JsonContent.Create(new { reason = "wrong" }) };
        request.Headers.TryAddWithoutValidation("If-Match", "\"approved-1\"");
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await client.SendAsync(request)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync($"/api/v1/bills/{bill}/rebill", "{\"reason\":\"address was wrong\"}", "key-2")).StatusCode);
        Assert.Equal(["SW-2026-000001", "SW-2026-000002", "SW-2026-000003", "SWC-2026-000001"], await site.NumbersAsync());
    }

    [Fact]
    public async Task A_decision_about_a_bill_that_was_rated_again_meanwhile_is_refused()
    {
        var bill = BillId.Of(new BillKey("A0001", "C0001", BillingSite.October, 1));
        var seen = (await client.GetAsync($"/api/v1/bills/{bill}")).Headers.ETag!.Tag;
        await using var again = database.Source.CreateCommand("UPDATE bill SET rated_at = rated_at + interval '1 minute' WHERE account_id = 'A0001'");
        Assert.Equal(1, await again.ExecuteNonQueryAsync());
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await CancelAsync(seen)).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await CancelAsync("\"nonsense\"")).StatusCode);
        var now = (await client.GetAsync($"/api/v1/bills/{bill}")).Headers.ETag!.Tag;
        Assert.NotEqual(seen, now);
        Assert.Equal(HttpStatusCode.OK, (await CancelAsync($"\"other\", {now}")).StatusCode);

        async Task<HttpResponseMessage> CancelAsync(string tag)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/bills/{bill}/cancel") { Content = JsonContent.Create(new { reason = "wrong" }) };
            request.Headers.TryAddWithoutValidation("If-Match", tag);
            return await client.SendAsync(request);
        }
    }

    [Theory]
    [InlineData("GET", "/api/v1/accounts?limit=many", null, "limit")]
    [InlineData("GET", "/api/v1/invoices?account=%00", null, "NUL")]
    [InlineData("GET", "/api/v1/invoices?cursor=AA", null, "NUL")]
    [InlineData("GET", "/api/v1/service-points/P0001/consumption", null, "from")]
    [InlineData("POST", "/api/v1/bill-runs", "{\"period\":\"2026-10\",\"isue\":true}", "isue")]
    [InlineData("POST", "/api/v1/bill-runs", "{}", "period")]
    [InlineData("POST", "/api/v1/bill-runs", "{", "the body cannot be read")]
    [InlineData("POST", "/api/v1/gateways/g/enroll", "{}", "token")]
    public async Task What_cannot_be_read_is_answered_with_what_is_wrong(string method, string url, string? body, string names)
    {
        using var request = new HttpRequestMessage(HttpMethod.Parse(method), url) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        using var response = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains(names, (await response.Content.ReadFromJsonAsync<JsonObject>())!["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ledger_of_nobody_is_not_found() =>
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/v1/accounts/nobody/ledger")).StatusCode);

    [Fact]
    public async Task Consumption_tells_the_repeated_hour_apart()
    {
        var found = await client.GetFromJsonAsync<JsonObject>("/api/v1/service-points/P0001/consumption?from=2026-10-25T00:00:00Z&to=2026-10-25T02:00:00Z");
        var intervals = found!["channels"]![0]!["intervals"]!.AsArray();
        Assert.Equal(8, intervals.Count);
        Assert.Equal("2026-10-25T02:00:00", intervals[0]!["local"]!.GetValue<string>());
        Assert.Equal("2026-10-25T02:00:00", intervals[4]!["local"]!.GetValue<string>());
        Assert.Equal("2026-10-25T01:00:00Z", intervals[4]!["from"]!.GetValue<string>());
        Assert.Equal(101m, intervals[0]!["quantity"]!.GetValue<decimal>());
        Assert.Equal("measured", intervals[0]!["quality"]!.GetValue<string>());
    }

    [Fact]
    public async Task An_invoice_is_traced_to_tariff_days_and_documents()
    {
        var trace = await client.GetFromJsonAsync<JsonObject>("/api/v1/invoices/SW-2026-000001/trace");
        Assert.All(trace!["lines"]!.AsArray(), l => Assert.Equal(64, l!["tariffHash"]!.GetValue<string>().Length));
        Assert.Equal(32, trace["days"]!.AsArray().Count); // 31 local days touch 32 UTC days
        var energy = trace["lines"]!.AsArray().Single(l => l!["determinants"]!.AsArray().Count > 0)!;
        Assert.Equal("flat@1", energy["tariffVersion"]!.GetValue<string>());
        Assert.Equal("import.kWh", energy["determinants"]![0]!["name"]!.GetValue<string>());
        Assert.All(trace["days"]!.AsArray(), d => Assert.Contains("P0001", d!["channel"]!.GetValue<string>(), StringComparison.Ordinal));
        var batches = trace["batches"]!.AsArray();
        Assert.NotEmpty(batches);
        Assert.All(batches, b => Assert.Equal(site.Metering.Gateway, b!["gateway"]!.GetValue<string>()));
        var expected = await site.ScalarAsync<string[]>($"""
            SELECT array_agg(encode(hash, 'hex') ORDER BY sequence) FROM reading_batch
            WHERE register_ids @> ARRAY['{site.Register(1).Id.Value}'::uuid] AND last_at >= '2026-09-30T22:00:00Z' AND first_at <= '2026-10-31T23:00:00Z'
            """);
        Assert.Equal(expected, batches.Select(b => b!["hash"]!.GetValue<string>()));
        var pdf = await client.GetAsync("/api/v1/invoices/SW-2026-000001.pdf");
        Assert.Equal("application/pdf", pdf.Content.Headers.ContentType?.MediaType);
        Assert.StartsWith("%PDF", Encoding.ASCII.GetString((await pdf.Content.ReadAsByteArrayAsync())[..4]), StringComparison.Ordinal);
        Assert.Equal("application/xml", (await client.GetAsync("/api/v1/invoices/SW-2026-000001.xml")).Content.Headers.ContentType?.MediaType);
    }

    private async Task<HttpResponseMessage> PostAsync(string url, string json, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        request.Headers.Add("Idempotency-Key", key);
        return await client.SendAsync(request);
    }
}
