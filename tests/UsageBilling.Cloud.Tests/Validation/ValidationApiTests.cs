using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Cloud.Tests.Ingest;
using UsageBilling.Cloud.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Validation;

/// <summary>The exceptions list as a program meets it: listed by money, worked one by one and in bulk, with its history.</summary>
public sealed class ValidationApiTests : IAsyncLifetime
{
    private static readonly LocalDate Day = new(2026, 10, 14);
    private readonly MigratedDatabase database = new();
    private BillingSite site = null!;
    private RunningCloud cloud = null!;
    private HttpClient client = null!;
    private ChannelKey[] channels = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        site = new BillingSite(database.Source, 3);
        await site.ProvisionAsync();
        await site.ReadAsync(new(2026, 10, 1), new(2026, 11, 1));
        await site.BillAsync(issue: true);
        channels = [.. Enumerable.Range(1, 3).Select(i => new ChannelKey($"P{i:D4}", new Measurand(Quantity.ActiveEnergy, Direction.Import)))];

        // Each meter is edited wrong by more than the one before.
        var sets = new RuleSets(database.Source, site.Metering.Time);
        var decisions = new FindingDecisions(database.Source, sets, site.Metering.Time);
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(await decisions.EditDayAsync(channels[i].Id, Day, "setup", "a slip of the pen", new IntervalEdit(40, [10_000 * (i + 1)]), default));
        }

        var run = new ValidationRun(database.Source, sets, site.Metering.Time);
        while (await run.TakeDueAsync(1_000, default) is not null)
        {
        }

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
    public async Task Findings_come_by_money_at_stake_which_is_the_quantity_in_question_times_the_last_billed_price()
    {
        var page = (await client.GetFromJsonAsync<JsonObject>("/api/v1/validation/findings?rule=sum-check&limit=2"))!;
        var items = page["items"]!.AsArray();
        Assert.Equal(["P0003", "P0002"], items.Select(i => (string)i!["point"]!));
        var rest = (await client.GetFromJsonAsync<JsonObject>($"/api/v1/validation/findings?rule=sum-check&limit=2&cursor={page["next"]}"))!;
        Assert.Equal(["P0001"], rest["items"]!.AsArray().Select(i => (string)i!["point"]!));
        Assert.Null(rest["next"]);

        await using var connection = await database.Source.OpenConnectionAsync();
        var price = (await UsageBilling.Cloud.Billing.BilledPrices.LastAsync(connection, channels[2], default))!;
        Assert.Equal(
            Math.Round((decimal)items[0]!["inQuestion"]! / 1_000 * price.PerUnit, 2, MidpointRounding.AwayFromZero), (decimal)items[0]!["atStake"]!);
        Assert.Equal("EUR", (string)items[0]!["currency"]!);
        Assert.True((decimal)items[0]!["atStake"]! > 5);

        Assert.Empty((await client.GetFromJsonAsync<JsonObject>("/api/v1/validation/findings?rule=sum-check&atLeast=1000000"))!["items"]!.AsArray());
        Assert.Empty((await client.GetFromJsonAsync<JsonObject>("/api/v1/validation/findings?point=P0001&rule=clock"))!["items"]!.AsArray());
        var summary = (await client.GetFromJsonAsync<JsonObject>("/api/v1/validation/summary"))!["items"]!.AsArray();
        Assert.Equal(3, (int)summary.Single(i => (string)i!["rule"]! == "sum-check")!["findings"]!);
    }

    [Fact]
    public async Task A_decision_takes_the_etag_repeats_its_answer_and_leaves_a_history()
    {
        var path = $"/api/v1/validation/findings/{channels[0].Id}/2026-10-14/sum-check";
        using var found = await client.GetAsync(path);
        Assert.Equal("\"1\"", found.Headers.ETag!.Tag);
        using var stale = await ActAsync("accept", [0], "it is right", etag: "\"7\"");
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.StatusCode);
        using var done = await ActAsync("accept", [0], "it is right", etag: "\"1\"", key: "k1");
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
        using var repeated = await ActAsync("accept", [0], "it is right", etag: "\"1\"", key: "k1");
        Assert.Equal("true", Assert.Single(repeated.Headers.GetValues("Idempotency-Replayed")));
        using var twice = await ActAsync("accept", [0], "it is right");
        Assert.Equal(HttpStatusCode.Conflict, twice.StatusCode);
        using var without = await ActAsync("accept", [0], " ");
        Assert.Equal(HttpStatusCode.BadRequest, without.StatusCode);

        var history = (await client.GetFromJsonAsync<JsonObject>($"/api/v1/validation/channels/{channels[0].Id}/days/2026-10-14/history"))!;
        Assert.Contains(history["overrides"]!.AsArray(), o => (string)o!["actor"]! == "setup" && (string)o["reason"]! == "a slip of the pen" && (string)o["quality"]! == "edited");
        Assert.Contains(history["findings"]!.AsArray(), e => (string)e!["state"]! == "accepted" && (string)e["reason"]! == "it is right");
        Assert.Contains(history["versions"]!.AsArray(), v => (int)v!["version"]! == 2);

        // The override is taken back; the day is as the register says again.
        var id = (string)history["overrides"]![0]!["id"]!;
        using var back = await client.PostAsJsonAsync($"/api/v1/validation/channels/{channels[0].Id}/overrides/{id}/withdraw", new { reason = "found out" });
        Assert.Equal(HttpStatusCode.NoContent, back.StatusCode);
    }

    [Fact]
    public async Task An_edit_of_the_future_of_another_age_or_too_large_is_refused_in_words()
    {
        var tomorrow = Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow()).InUtc().Date.PlusDays(2);
        await RefusedAsync(FormattableString.Invariant($"{tomorrow:uuuu-MM-dd}"), new { firstSlot = 41, quantities = new[] { 5L }, reason = "x" }, "lies in the future");
        await RefusedAsync("2026-10-14", new { firstSlot = 41, quantities = new[] { long.MaxValue, long.MaxValue }, reason = "x" }, "is more than an interval can have");
        await RefusedAsync("2026-10-14", new { firstSlot = int.MaxValue, quantities = new[] { 5L, 6L }, reason = "x" }, "has 96 slots");
        await RefusedAsync("2026-10-14", new { firstSlot = 4, reason = "x" }, "quantities");
        await RefusedAsync("1975-12-18", new { firstSlot = 41, quantities = new[] { 5L }, reason = "x" }, "older than what is kept");
        foreach (var day in new[] { "1950-12-18", "0001-01-01", "9999-12-31", "soon" })
        {
            await RefusedAsync(day, new { firstSlot = 41, quantities = new[] { 5L }, reason = "x" }, "day is a local date");
            using var history = await client.GetAsync($"/api/v1/validation/channels/{channels[0].Id}/days/{day}/history");
            Assert.Equal(HttpStatusCode.BadRequest, history.StatusCode);
        }

        using var nothing = await client.PostAsJsonAsync("/api/v1/validation/actions", new { action = "accept", reason = "x" });
        Assert.Equal(HttpStatusCode.BadRequest, nothing.StatusCode);

        async Task RefusedAsync(string day, object edit, string words)
        {
            using var refused = await client.PostAsJsonAsync($"/api/v1/validation/channels/{channels[0].Id}/days/{day}/edits", edit);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Contains(words, await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Many_are_decided_at_once_each_with_its_own_outcome()
    {
        using var response = await ActAsync("accept", [1, 2], "checked on site", extra: new { channel = channels[0].Id.Value, day = "2026-10-14", rule = "clock" });
        var results = (await response.Content.ReadFromJsonAsync<JsonObject>())!["items"]!.AsArray();
        Assert.Equal(["done", "done", "not-found"], results.Select(r => (string)r!["outcome"]!));
        Assert.Equal(2, await site.ScalarAsync<long>("SELECT count(*) FROM audit WHERE action = 'accept-finding' AND reason = 'checked on site'"));

        // No gateway ever sent these readings by a stream that is open: asked to replay, the answer says why not, or asks it.
        using var replay = await ActAsync("replay", [1, 2], "look once more");
        var asked = (await replay.Content.ReadFromJsonAsync<JsonObject>())!["items"]!.AsArray();
        Assert.All(asked, r => Assert.Equal("done", (string)r!["outcome"]!));
        Assert.True(await site.ScalarAsync<long>("SELECT count(*) FROM gateway_replay WHERE through_sequence >= from_sequence") >= 2);
    }

    [Fact]
    public async Task A_check_meter_is_configured_and_ended_over_http()
    {
        var request = new { channel = channels[0].Id.Value, by = channels[1].Id.Value, kind = "check", from = "2026-10-01" };
        using var added = await client.PostAsJsonAsync("/api/v1/alternates", request);
        Assert.True((bool)(await added.Content.ReadFromJsonAsync<JsonObject>())!["changed"]!);
        using var ended = await client.PostAsJsonAsync("/api/v1/alternates", new { request.channel, request.by, request.kind, request.from, to = "2026-11-01" });
        Assert.Equal(HttpStatusCode.OK, ended.StatusCode);
        var kept = Assert.Single((await client.GetFromJsonAsync<JsonObject>("/api/v1/alternates?point=P0001"))!["items"]!.AsArray())!;
        Assert.Equal(("P0002", "check", "2026-10-01", "2026-11-01"), ((string)kept["byPoint"]!, (string)kept["kind"]!, (string)kept["from"]!, (string)kept["to"]!));
        using var circle = await client.PostAsJsonAsync("/api/v1/alternates", new { channel = request.by, by = request.channel, kind = "alternate" });
        Assert.Equal(HttpStatusCode.BadRequest, circle.StatusCode);
        Assert.Contains("stands on", await circle.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reason_for_zero_use_is_added_listed_and_ended_over_http()
    {
        var outage = new { point = "P0001", reason = "outage", from = "2026-10-14T08:00:00Z", note = "cable cut" };
        using var added = await client.PostAsJsonAsync("/api/v1/validation/zero-reasons", outage);
        Assert.True((int)(await added.Content.ReadFromJsonAsync<JsonObject>())!["daysAgain"]! > 10);
        using var ended = await client.PostAsJsonAsync("/api/v1/validation/zero-reasons", new { outage.point, outage.reason, outage.from, to = "2026-10-14T11:00:00Z", note = "mended" });
        Assert.True((bool)(await ended.Content.ReadFromJsonAsync<JsonObject>())!["changed"]!);
        var kept = Assert.Single((await client.GetFromJsonAsync<JsonObject>("/api/v1/validation/zero-reasons?point=P0001&at=2026-10-14T09:00:00Z"))!["items"]!.AsArray())!;
        Assert.Equal(("outage", "2026-10-14T11:00:00Z", "cable cut", "token:test"), ((string)kept["reason"]!, (string)kept["to"]!, (string)kept["note"]!, (string)kept["addedBy"]!));
        using var wrong = await client.PostAsJsonAsync("/api/v1/validation/zero-reasons", new { outage.point, reason = "holiday", outage.from, note = "?" });
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        using var nowhere = await client.PostAsJsonAsync("/api/v1/validation/zero-reasons", new { point = "nowhere", outage.reason, outage.from, note = "?" });
        Assert.Contains("there is no service point nowhere", await nowhere.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_worklist_is_narrowed_by_rule_site_age_and_money_at_stake_each_by_itself_and_together()
    {
        // Found one, ten and thirty days ago, and worth more the older.
        var days = new[] { 1, 10, 30 };
        for (var i = 0; i < 3; i++)
        {
            await using var command = database.Source.CreateCommand("UPDATE finding SET found_at = $1, at_stake = $2 WHERE point = $3 AND rule = 'sum-check'");
            foreach (var value in new object[] { Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow()) - Duration.FromDays(days[i]), 10m * (i + 1), $"P000{i + 1}" })
            {
                command.Parameters.Add(new() { Value = value });
            }

            Assert.Equal(1, await command.ExecuteNonQueryAsync());
        }

        Assert.Equal(["P0003", "P0002", "P0001"], await PointsAsync("rule=sum-check"));
        Assert.Equal(["P0002"], await PointsAsync("rule=sum-check&point=P0002"));
        Assert.Equal(["P0003", "P0002"], await PointsAsync("rule=sum-check&olderThanDays=5"));
        Assert.Equal(["P0003"], await PointsAsync("rule=sum-check&olderThanDays=30"));
        Assert.Empty(await PointsAsync("rule=sum-check&olderThanDays=31"));
        Assert.Equal(["P0003", "P0002"], await PointsAsync("rule=sum-check&atLeast=20"));
        Assert.Equal(["P0003"], await PointsAsync("rule=sum-check&atLeast=20.01"));
        Assert.Equal(["P0002"], await PointsAsync("rule=sum-check&olderThanDays=5&atLeast=15&point=P0002"));
        Assert.Empty(await PointsAsync("rule=sum-check&olderThanDays=20&point=P0002"));
        Assert.Empty(await PointsAsync("rule=clock"));

        async Task<string[]> PointsAsync(string query) =>
            [.. (await client.GetFromJsonAsync<JsonObject>($"/api/v1/validation/findings?{query}"))!["items"]!.AsArray().Select(i => (string)i!["point"]!)];
    }

    [Fact]
    public async Task A_document_of_limits_is_loaded_once_and_its_mistakes_are_named()
    {
        using var wrong = await client.PostAsJsonAsync("/api/v1/validation/rule-sets", new { version = "2", classes = new[] { new { name = "all", thresholds = new { spike = 1 } } } });
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains("/classes/0/thresholds/spike", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var right = await client.PostAsJsonAsync("/api/v1/validation/rule-sets", new { version = "2", classes = new[] { new { name = "all" } } });
        Assert.Equal(HttpStatusCode.OK, right.StatusCode);
        var sets = (await client.GetFromJsonAsync<JsonObject>("/api/v1/validation/rule-sets"))!["items"]!.AsArray();
        Assert.Equal(["2", "default-1"], sets.Select(s => (string)s!["version"]!));
        Assert.True((bool)sets[0]!["inForce"]!);
        Assert.Contains("\"all\"", await client.GetStringAsync("/api/v1/validation/rule-sets/2"), StringComparison.Ordinal);
    }

    private Task<HttpResponseMessage> ActAsync(string action, int[] which, string reason, string? etag = null, string? key = null, object? extra = null)
    {
        object[] findings = [.. which.Select(i => new { channel = channels[i].Id.Value, day = "2026-10-14", rule = "sum-check" }), .. extra is null ? [] : new[] { extra }];
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/validation/actions") { Content = JsonContent.Create(new { action, findings, reason }) };
        if (etag is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", etag);
        }

        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return client.SendAsync(request);
    }
}
