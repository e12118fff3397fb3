using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Cloud.Alerts;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Cloud.Tests.Ingest;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Alerts;

/// <summary>What rules find, and that each is told once.</summary>
public sealed class JudgeTests : IAsyncLifetime
{
    private AlertSite site = null!;

    public async ValueTask InitializeAsync()
    {
        site = await AlertSite.CreateAsync();
        await site.TargetAsync("""{"id": "staff", "kind": "email", "address": "energy@customer.example"}""");
    }

    public ValueTask DisposeAsync() => site.DisposeAsync();

    [Fact]
    public async Task A_limit_is_told_once_a_day_however_often_and_by_however_many_it_is_judged()
    {
        await site.RaiseAsync("\"staff\"");
        site.Advance(Duration.FromMinutes(1));
        Assert.Equal(0, await site.Judge().RunAsync(default));
        site.Advance(Duration.FromMinutes(1));
        var raised = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => site.Judge().RunAsync(default)));
        Assert.Equal(0, raised.Sum());
        Assert.Equal(("threshold", "2026-11-19"), Told(Assert.Single(await site.AlertsAsync())));

        // The next day has as much, and is another period; two judges at once are one alert.
        await site.Billing.ReadAsync(new(2026, 11, 20), new(2026, 11, 21));
        site.Advance(Duration.FromDays(1));
        await using var one = await site.Database.Source.OpenConnectionAsync();
        var rule = (await AlertList.RulesAsync(site.Database.Source, "", 1, default))[0].Rule;
        var finding = Assert.Single((await site.Judge().FindAsync(rule, Instant.FromUtc(2026, 11, 21, 8, 0), default)).Findings);
        var both = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            await using var connection = await site.Database.Source.OpenConnectionAsync();
            return await AlertOutbox.RaiseAsync(connection, rule, finding, Instant.FromUtc(2026, 11, 21, 8, 0), default);
        }));
        Assert.Single(both, b => b);
        Assert.Equal(["2026-11-20", "2026-11-19"], (await site.AlertsAsync()).Select(a => a.Alert.Period));
        Assert.Equal(2L, await site.Billing.ScalarAsync<long>("SELECT count(*) FROM alert_delivery"));
    }

    [Fact]
    public async Task Two_rules_that_watch_the_same_are_refused_because_they_would_tell_it_twice()
    {
        async Task<string> SaveAsync(string json)
        {
            var rule = AlertDocuments.Rule(json, []);
            return string.Join(";", (await site.Store.SaveAsync(rule!, "test", default)).Problems.Select(p => p.Message));
        }

        const string Same = """{"id": "ID", "kind": "threshold", "servicePoint": "P0001", "class": "import", "per": "day", "limit": LIMIT, "targets": ["staff"], "active": ACTIVE}""";
        string Rule(string id, string limit, bool active = true) => Same.Replace("ID", id, StringComparison.Ordinal).Replace("LIMIT", limit, StringComparison.Ordinal).Replace("ACTIVE", active ? "true" : "false", StringComparison.Ordinal);
        Assert.Equal("", await SaveAsync(Rule("first", "9.5")));
        Assert.Equal("rule first watches the same; add the targets to it, or switch it off", await SaveAsync(Rule("second", "9.50")));
        Assert.Equal("", await SaveAsync(Rule("second", "9.6")));
        Assert.Equal("", await SaveAsync(Rule("first", "9.5", active: false)));
        Assert.Equal("", await SaveAsync(Rule("third", "9.5")));
        Assert.Equal("rule third watches the same; add the targets to it, or switch it off", await SaveAsync(Rule("first", "9.5")));
    }

    [Fact]
    public async Task A_limit_of_load_names_the_interval_and_the_rate()
    {
        await site.Billing.ReadAsync(new(2026, 11, 19), new(2026, 11, 20));
        await site.RuleAsync("""{"id": "load", "kind": "threshold", "servicePoint": "P0001", "class": "import", "per": "interval", "limit": 0.403, "targets": ["staff"]}""");
        Assert.Equal(1, await site.Judge().RunAsync(default));
        Assert.Equal("on 2026-11-19 the load reached 0.404 kW in the interval from 00:00; the limit is 0.403 kW", (await site.AlertsAsync())[0].Alert.Reason);
    }

    [Fact]
    public async Task A_budget_of_money_is_told_at_a_half_at_three_quarters_and_in_full_each_once()
    {
        // Household 1 uses 0.101 kWh a quarter at 0.30 and pays 0.25 a day; with 19 % tax a whole day is 3.76 EUR.
        await site.RuleAsync("""{"id": "money", "kind": "budget", "servicePoint": "P0001", "amount": 60, "targets": ["staff"]}""");
        await site.Billing.ReadAsync(new(2026, 11, 1), new(2026, 11, 9));
        Assert.Equal(1, await site.Judge().RunAsync(default));
        var half = (await site.AlertsAsync())[0].Alert;
        Assert.Equal(("budget-50", "2026-11-01"), (half.Cause, half.Period));
        // 8 days of 96 × 0.101 kWh at 0.30, 20 days at 0.25 (today included), 19 %.
        var expected = decimal.Round((decimal.Round(8 * 96 * 0.101m * 0.30m, 2, MidpointRounding.AwayFromZero) + 5.00m) * 1.19m, 2, MidpointRounding.AwayFromZero);
        Assert.Equal(expected, half.Figures.Single(f => f.Name == "used").Value);
        Assert.Equal("EUR", half.Figures[0].Unit);

        await site.Billing.ReadAsync(new(2026, 11, 9), new(2026, 11, 20));
        site.Advance(Duration.FromMinutes(1));
        Assert.Equal(2, await site.Judge().RunAsync(default));
        site.Advance(Duration.FromMinutes(1));
        Assert.Equal(0, await site.Judge().RunAsync(default));
        Assert.Equal(["budget-100", "budget-50", "budget-75"], (await site.AlertsAsync()).Select(a => a.Alert.Cause).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_budget_of_a_quantity_is_told_by_its_share()
    {
        await site.Billing.ReadAsync(new(2026, 11, 1), new(2026, 11, 9));
        await site.RuleAsync("""{"id": "kwh", "kind": "budget", "servicePoint": "P0001", "class": "import", "limit": 100, "targets": ["staff"]}""");
        Assert.Equal(2, await site.Judge().RunAsync(default)); // 77.568 kWh
        Assert.Equal(77.568m, (await site.AlertsAsync())[0].Alert.Figures[0].Value);
    }

    [Fact]
    public async Task Silence_is_told_once_and_a_new_silence_anew()
    {
        await site.RuleAsync("""{"id": "silent", "kind": "no-data", "servicePoint": "P0001", "class": "import", "hours": 6, "targets": ["staff"]}""");
        await site.Billing.ReadAsync(new(2026, 11, 19), new(2026, 11, 20)); // until 2026-11-19T23:00Z; now is noon of the 20th
        Assert.Equal(1, await site.Judge().RunAsync(default));
        Assert.Equal("nothing is known for 13 hours, since 2026-11-19T23:00:00Z; the limit is 6 hours", (await site.AlertsAsync())[0].Alert.Reason);
        site.Advance(Duration.FromHours(2));
        Assert.Equal(0, await site.Judge().RunAsync(default));
        await site.Billing.ReadAsync(new(2026, 11, 20), new(2026, 11, 21));
        site.Advance(Duration.FromHours(20));
        Assert.Equal(1, await site.Judge().RunAsync(default));
    }

    [Fact]
    public async Task A_step_change_is_told_once_on_its_first_day_with_the_reason_in_words()
    {
        await site.RuleAsync("""{"id": "odd", "kind": "anomaly", "servicePoint": "P0001", "class": "import", "targets": ["staff"]}""");
        var first = BillingSite.StartOf(new(2026, 10, 10));
        var change = BillingSite.StartOf(new(2026, 11, 13));
        var slots = (int)((BillingSite.StartOf(new(2026, 11, 20)) - first).TotalMinutes / 15) + 1;
        var total = 0L;
        await site.Billing.JournalAsync(MeteringSite.Grid(site.Billing.Register(1), first, slots, i => (total += first + Duration.FromMinutes(15L * i) > change ? 200 : 100) + 1000));
        await site.Billing.ProjectAsync();
        Assert.Equal(1, await site.Judge().RunAsync(default));
        site.Advance(Duration.FromHours(1));
        Assert.Equal(0, await site.Judge().RunAsync(default));
        var alert = (await site.AlertsAsync())[0].Alert;
        Assert.Equal(("step-change", "2026-11-13", "P0001 import: level changed"), (alert.Cause, alert.Period, alert.Subject));
        Assert.StartsWith("from 2026-11-13 on the mean load is 0.8 kW instead of 0.4 kW: +100 %", alert.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rule_whose_data_leaves_64_bits_says_so_and_the_others_are_judged()
    {
        await site.Billing.ReadAsync(new(2026, 11, 1), new(2026, 11, 20));
        await using (var connection = await site.Database.Source.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            var channel = (await connection.RowsAsync("SELECT channel_id FROM channel WHERE point = 'P0001' AND direction = 1", r => new ChannelId(r.GetGuid(0)), default))[0];
            await IntervalOverrides.AddAsync(
                connection,
                [.. new[] { 10, 11 }.Select(day => new NewOverride(channel, Guid.NewGuid(), [new EstimatePart(new LocalDate(2026, 11, day), new IntervalOverride(15, 40, [9_000_000_000_000_000_000], IntervalQuality.Edited))], "edit", "", "test", "a slip"))],
                site.Billing.Metering.Time.GetCurrentInstant(), default);
            await transaction.CommitAsync();
        }

        await site.RuleAsync("""{"id": "a-period", "kind": "threshold", "servicePoint": "P0001", "class": "import", "per": "period", "limit": 100000, "targets": ["staff"]}""");
        await site.RuleAsync("""{"id": "day", "kind": "threshold", "servicePoint": "P0001", "class": "import", "per": "day", "limit": 9.5, "targets": ["staff"]}""");
        Assert.Equal(1, await site.Judge().RunAsync(default));
        var rules = (await AlertList.RulesAsync(site.Database.Source, "", 10, default)).ToDictionary(r => r.Rule.Id, r => r.Error);
        Assert.StartsWith("its data cannot be judged: ", rules["a-period"], StringComparison.Ordinal);
        Assert.Null(rules["day"]);
    }

    [Fact]
    public async Task A_rule_that_cannot_be_judged_says_so()
    {
        await site.RuleAsync("""{"id": "water", "kind": "threshold", "servicePoint": "P0001", "class": "water", "per": "day", "limit": 1, "targets": ["staff"]}""");
        Assert.Equal(0, await site.Judge().RunAsync(default));
        Assert.Equal("service point P0001 has no channel of class water", (await AlertList.RulesAsync(site.Database.Source, "", 10, default)).Single().Error);
        Assert.Contains(site.Log.Lines, l => l.Contains("Alert rule water cannot be judged", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"id": "r", "kind": "threshold", "servicePoint": "P0001", "class": "import", "per": "week", "limit": 1, "targets": ["staff"]}""", "$.per", "one of interval, day, period")]
    [InlineData("""{"id": "r", "kind": "threshold", "servicePoint": "P0001", "class": "import", "per": "day", "limit": -1, "targets": ["staff"]}""", "$.limit", "above 0")]
    [InlineData("""{"id": "r", "kind": "threshold", "servicePoint": "P0001", "per": "day", "limit": 1, "targets": ["staff"]}""", "$.class", "is missing")]
    [InlineData("""{"id": "r", "kind": "budget", "servicePoint": "P0001", "targets": ["staff"]}""", "$", "give amount")]
    [InlineData("""{"id": "r", "kind": "budget", "servicePoint": "P0001", "amount": 5, "limit": 6, "targets": ["staff"]}""", "$.limit", "is not known here")]
    [InlineData("""{"id": "r", "kind": "no-data", "servicePoint": "P0001", "class": "import", "hours": 0, "targets": ["staff"]}""", "$.hours", "from 1 to 672")]
    [InlineData("""{"id": "r", "kind": "anomaly", "servicePoint": "P0001", "class": "import", "opens": "18:00", "closes": "07:00", "targets": ["staff"]}""", "$.opens", "opens before closes")]
    [InlineData("""{"id": "r", "kind": "surprise", "servicePoint": "P0001", "targets": ["staff"]}""", "$.kind", "one of threshold, budget, anomaly, no-data")]
    [InlineData("""{"id": "r", "kind": "no-data", "servicePoint": "P0001", "class": "import", "hours": 5, "targets": []}""", "$.targets", "names one target or more")]
    public void A_wrong_rule_is_refused_with_its_path(string json, string path, string reason)
    {
        var problems = new List<ProvisioningProblem>();
        Assert.Null(AlertDocuments.Rule(json, problems));
        Assert.Contains(problems, p => p.Path == path && p.Message.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_secret_never_shows_in_answers_audit_or_logs()
    {
        await using var cloud = await RunningCloud.StartAsync(site.Database, s => s with { Roles = CloudRoles.None, WebhookNetworks = [System.Net.IPNetwork.Parse("127.0.0.0/8")] }, site.Billing.Metering.Time);
        using var client = new HttpClient { BaseAddress = cloud.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await cloud.Get<ApiTokens>().CreateAsync("staff", ["read", "write"], null, default));
        client.DefaultRequestHeaders.Add("Idempotency-Key", "once");
        var answers = new StringBuilder();
        async Task<JsonNode> SendAsync(HttpMethod method, string path, string? json)
        {
            using var request = new HttpRequestMessage(method, $"/api/v1/{path}") { Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json") };
            using var response = await client.SendAsync(request);
            var text = await response.Content.ReadAsStringAsync();
            answers.AppendLine(text);
            return JsonNode.Parse(text)!;
        }

        var saved = await SendAsync(HttpMethod.Post, "alert-targets", $$"""{"id": "hook", "kind": "webhook", "address": "http://127.0.0.1:9/x", "secret": "{{AlertSite.SecretText}}"}""");
        Assert.Equal("added", saved["saved"]!.GetValue<string>());
        client.DefaultRequestHeaders.Remove("Idempotency-Key");
        await SendAsync(HttpMethod.Post, "alert-targets", $$"""{"id": "no", "kind": "webhook", "address": "http://127.0.0.1:9/x", "secret": "{{AlertSite.SecretText[..20]}}"}""");
        await SendAsync(HttpMethod.Post, "alert-targets", $$"""{"id": "no", "kind": "email", "address": "a@b.example", "secret": "{{AlertSite.SecretText}}"}""");
        await site.RaiseAsync();
        await site.Delivery().RunAsync(default); // nobody listens there, and the log says so
        var targets = await SendAsync(HttpMethod.Get, "alert-targets", null);
        Assert.True(targets["items"]![0]!["hasSecret"]!.GetValue<bool>());
        await SendAsync(HttpMethod.Get, "alert-rules", null);
        var alerts = await SendAsync(HttpMethod.Get, "alerts?limit=1", null);
        Assert.Equal("pending", alerts["items"]![0]!["deliveries"]![0]!["state"]!.GetValue<string>());
        var kept = answers + string.Join('\n', site.Log.Lines)
            + await site.Billing.ScalarAsync<string>("SELECT string_agg(audit::text, '') FROM audit") + await site.Billing.ScalarAsync<string>("SELECT string_agg(encode(body, 'escape'), '') FROM api_request");
        Assert.Contains("alert-target:hook", kept, StringComparison.Ordinal);
        Assert.DoesNotContain(AlertSite.SecretText[6..20], kept, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexStringLower(AlertSite.Secret)[..20], kept, StringComparison.Ordinal);
        Assert.Equal("***", WebhookSecret.Parse(AlertSite.SecretText)!.ToString());
        Assert.Equal("{}", System.Text.Json.JsonSerializer.Serialize(WebhookSecret.Parse(AlertSite.SecretText)));
    }

    [Fact]
    public void Settings_of_mail_and_webhooks_are_checked_at_start_with_the_fix()
    {
        static string Problem(params (string Name, string Value)[] given) =>
            Assert.Throws<SettingsException>(() => CloudSettings.Read(n => given.FirstOrDefault(g => g.Name == n).Value)).Message;
        Assert.Contains("--mail-server and --mail-from belong together", Problem(("mail-server", "smtp://mail")), StringComparison.Ordinal);
        Assert.Contains("must be smtp://host:port", Problem(("mail-server", "http://mail"), ("mail-from", "a@b.example")), StringComparison.Ordinal);
        Assert.Contains("must be an address such as", Problem(("mail-server", "smtp://mail"), ("mail-from", "nobody")), StringComparison.Ordinal);
        Assert.Contains("--mail-user and --mail-password-file belong together", Problem(("mail-server", "smtp://mail"), ("mail-from", "a@b.example"), ("mail-user", "u")), StringComparison.Ordinal);
        Assert.Contains("must be a network such as", Problem(("webhook-networks", "10.0.0.0/8,intranet")), StringComparison.Ordinal);
        var settings = CloudSettings.Read(n => n switch { "mail-server" => "smtps://mail.example", "mail-from" => "a@b.example", "webhook-networks" => "10.0.0.0/8, fd00::/8", _ => null });
        Assert.Equal(("mail.example", 465), (settings.Mail!.Host, settings.Mail.Port));
        Assert.Equal(2, settings.WebhookNetworks.Count);
    }

    private static (string Cause, string Period) Told(AlertRow row) => (row.Alert.Cause, row.Alert.Period);
}
