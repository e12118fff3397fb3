using System.Text.Json.Nodes;
using MailKit.Security;
using MimeKit;
using NodaTime;
using UsageBilling.Cloud.Alerts;
using UsageBilling.Cloud.Provisioning;

namespace UsageBilling.Cloud.Tests.Alerts;

/// <summary>From the outbox to other people's servers.</summary>
public sealed class DeliveryTests : IAsyncLifetime
{
    private AlertSite site = null!;

    public async ValueTask InitializeAsync() => site = await AlertSite.CreateAsync();

    public ValueTask DisposeAsync() => site.DisposeAsync();

    [Fact]
    public async Task A_receiver_that_fails_twice_gets_its_alert_once_in_the_end()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        receiver.Answer = n => Task.FromResult(n <= 2 ? 503 : 204);
        await site.HookAsync(receiver.Address);
        await site.RaiseAsync();
        var delivery = site.Delivery();
        Assert.Equal(0, await delivery.RunAsync(default));
        Assert.Equal(0, await delivery.RunAsync(default)); // it is not due again yet
        Assert.Single(receiver.Received);
        site.Advance(Duration.FromSeconds(10));
        Assert.Equal(0, await delivery.RunAsync(default));
        site.Advance(Duration.FromSeconds(19));
        Assert.Equal(0, await delivery.RunAsync(default)); // the wait doubles
        Assert.Equal(2, receiver.Received.Count);
        var waiting = Assert.Single((await site.AlertsAsync())[0].Deliveries);
        Assert.Equal(("pending", 2, "answered 503"), (waiting.State, waiting.Attempts, waiting.Error));
        site.Advance(Duration.FromSeconds(1));
        Assert.Equal(1, await delivery.RunAsync(default));
        site.Advance(Duration.FromDays(2));
        Assert.Equal(0, await delivery.RunAsync(default));
        Assert.Equal(3, receiver.Received.Count);
        var done = Assert.Single((await site.AlertsAsync())[0].Deliveries);
        Assert.Equal(("delivered", 3, null), (done.State, done.Attempts, done.Error));
        Assert.Equal(2, site.Log.Lines.Count(l => l.Contains("was not delivered to hook", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_receiver_that_does_not_answer_in_time_gets_the_same_id_again_with_a_signature_of_its_own()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        var late = new TaskCompletionSource<int>();
        receiver.Answer = n => n == 1 ? late.Task : Task.FromResult(200);
        await site.HookAsync(receiver.Address);
        await site.RaiseAsync();
        Assert.Equal(0, await site.Delivery(timeout: TimeSpan.FromMilliseconds(300)).RunAsync(default));
        late.SetResult(200); // it had taken the alert, and says so too late
        site.Advance(Duration.FromSeconds(10));
        Assert.Equal(1, await site.Delivery().RunAsync(default));
        var hooks = receiver.Received.ToArray();
        Assert.Equal(2, hooks.Length);
        Assert.Equal((hooks[0].Id, hooks[0].Body), (hooks[1].Id, hooks[1].Body));
        Assert.NotEqual((hooks[0].Timestamp, hooks[0].Signature), (hooks[1].Timestamp, hooks[1].Signature));
        Assert.All(hooks, h => Assert.Equal(WebhookReceiver.Expected(AlertSite.Secret, h), h.Signature));
        Assert.Contains("did not answer within 0.3 s", site.Log.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restart_in_the_middle_of_a_delivery_loses_nothing()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        await site.HookAsync(receiver.Address);
        await site.RaiseAsync();
        // Taken, and then the process was gone: nobody notes how it ended.
        Assert.Single(await AlertOutbox.TakeAsync(site.Database.Source, Now, 10, default));
        Assert.Equal(0, await site.Delivery().RunAsync(default));
        Assert.Empty(receiver.Received);
        site.Advance(AlertOutbox.Lease);
        Assert.Equal(1, await site.Delivery().RunAsync(default));
        Assert.Single(receiver.Received);
    }

    [Fact]
    public async Task Two_instances_that_empty_the_outbox_at_once_deliver_once()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        await site.HookAsync(receiver.Address);
        await site.RaiseAsync();
        var delivered = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => site.Delivery().RunAsync(default)));
        Assert.Equal(1, delivered.Sum());
        Assert.Single(receiver.Received);
    }

    [Fact]
    public async Task A_delivery_is_given_up_in_the_end_and_a_person_can_ask_for_it_again()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        receiver.Answer = _ => Task.FromResult(500);
        await site.HookAsync(receiver.Address);
        await site.RaiseAsync();
        var waited = Duration.Zero;
        for (var i = 1; i <= AlertOutbox.MostAttempts; i++)
        {
            Assert.Equal(0, await site.Delivery().RunAsync(default));
            Assert.Equal(i, receiver.Received.Count);
            site.Advance(AlertOutbox.WaitAfter(i));
            waited += i < AlertOutbox.MostAttempts ? AlertOutbox.WaitAfter(i) : Duration.Zero;
        }

        Assert.InRange(waited.TotalHours, 7, 9);
        site.Advance(Duration.FromDays(1));
        Assert.Equal(0, await site.Delivery().RunAsync(default));
        var alert = (await site.AlertsAsync())[0];
        Assert.Equal("failed", alert.Deliveries[0].State);
        receiver.Answer = _ => Task.FromResult(200);
        Assert.True(await site.Store.RetryAsync(alert.Alert.Id, "hook", "test", default));
        Assert.False(await site.Store.RetryAsync(alert.Alert.Id, "hook", "test", default));
        Assert.Equal(1, await site.Delivery().RunAsync(default));
    }

    [Fact]
    public async Task What_a_webhook_gets_says_what_why_and_the_figures()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        await site.HookAsync(receiver.Address);
        await site.RaiseAsync();
        await site.Delivery().RunAsync(default);
        var hook = Assert.Single(receiver.Received);
        var body = JsonNode.Parse(hook.Body)!;
        Assert.Equal("usage.alert.raised", body["type"]!.GetValue<string>());
        Assert.Equal($"msg_{body["id"]!.GetValue<Guid>():n}", hook.Id);
        Assert.Equal(Now.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture), hook.Timestamp);
        Assert.Equal("P0001 import: limit exceeded", body["subject"]!.GetValue<string>());
        Assert.Equal("on 2026-11-19 9.696 kWh were used; the limit is 9.5 kWh", body["reason"]!.GetValue<string>());
        Assert.Equal(9.696m, body["figures"]![0]!["value"]!.GetValue<decimal>());
    }

    [Fact]
    public async Task Mail_reaches_a_mail_server_with_an_id_that_shows_a_repetition_and_a_refusal_is_tried_again()
    {
        await using var server = new MailReceiver { Recipient = n => n == 1 ? "451 try later" : "250 OK" };
        var settings = new MailSettings("127.0.0.1", server.Port, SecureSocketOptions.StartTlsWhenAvailable, null, null, MailboxAddress.Parse("Stadtwerke <alerts@works.example>"));
        await site.TargetAsync("""{"id": "staff", "kind": "email", "address": "energy@customer.example"}""");
        await site.RaiseAsync("\"staff\"");
        Assert.Equal(0, await site.Delivery(settings).RunAsync(default));
        Assert.Contains("try later", (await site.AlertsAsync())[0].Deliveries[0].Error, StringComparison.Ordinal);
        site.Advance(Duration.FromSeconds(10));
        Assert.Equal(1, await site.Delivery(settings).RunAsync(default));
        var mail = Assert.Single(server.Received);
        Assert.Equal(("alerts@works.example", "energy@customer.example"), (mail.From, mail.To));
        Assert.Contains("Subject: P0001 import: limit exceeded\n", mail.Text, StringComparison.Ordinal);
        Assert.Contains("on 2026-11-19 9.696 kWh were used; the limit is 9.5 kWh\n", mail.Text, StringComparison.Ordinal);
        Assert.Contains($"Message-Id: <{(await site.AlertsAsync())[0].Alert.Id:n}@works.example>\n", mail.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_mail_server_mail_waits_and_says_so()
    {
        await site.TargetAsync("""{"id": "staff", "kind": "email", "address": "energy@customer.example"}""");
        await site.RaiseAsync("\"staff\"");
        Assert.Equal(0, await site.Delivery().RunAsync(default));
        Assert.Equal(("pending", "no mail server is configured: give --mail-server and --mail-from"), ((await site.AlertsAsync())[0].Deliveries[0].State, (await site.AlertsAsync())[0].Deliveries[0].Error));
    }

    [Theory]
    [InlineData("https://127.0.0.1/x")]
    [InlineData("https://[::1]/x")]
    [InlineData("https://[::ffff:10.0.0.1]/x")]
    [InlineData("https://169.254.169.254/latest/meta-data")]
    [InlineData("https://10.1.2.3/x")]
    [InlineData("https://100.64.0.1/x")]
    [InlineData("https://[fe80::1]/x")]
    [InlineData("https://[fd00::1]/x")]
    [InlineData("https://2130706433/x")] // 127.0.0.1 as one number
    [InlineData("http://93.184.216.34/x")]
    [InlineData("http://hooks.example.com/x")]
    [InlineData("https://user:word@hooks.example.com/x")]
    [InlineData("ftp://hooks.example.com/x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("hooks.example.com")]
    public void By_itself_only_public_addresses_by_https_are_allowed(string address)
    {
        var problems = new List<ProvisioningProblem>();
        Assert.Null(AlertDocuments.Target($$"""{"id": "h", "kind": "webhook", "address": "{{address}}", "secret": "{{AlertSite.SecretText}}"}""", new WebhookAddresses([]), problems));
        Assert.Equal("$.address", Assert.Single(problems).Path);
        Assert.NotNull(AlertDocuments.Target(
            $$"""{"id": "h", "kind": "webhook", "address": "https://hooks.example.com/x", "secret": "{{AlertSite.SecretText}}"}""", new WebhookAddresses([]), []));
    }

    [Fact]
    public async Task A_name_that_leads_to_a_neighbour_is_refused_when_the_connection_is_made_and_a_redirect_is_not_followed()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        var local = new UriBuilder(receiver.Address) { Host = "localhost" }.Uri;
        await site.TargetAsync($$"""{"id": "hook", "kind": "webhook", "address": "{{local}}", "secret": "{{AlertSite.SecretText}}"}""");
        await site.RaiseAsync();
        Assert.Equal(0, await site.Delivery(networks: "192.0.2.0/24").RunAsync(default));
        Assert.Empty(receiver.Received);
        Assert.Contains("is not allowed for http: webhooks go by https to public addresses", (await site.AlertsAsync())[0].Deliveries[0].Error, StringComparison.Ordinal);

        await site.HookAsync(new Uri(receiver.Address, "/elsewhere"));
        site.Advance(Duration.FromMinutes(1));
        Assert.Equal(0, await site.Delivery().RunAsync(default));
        Assert.Empty(receiver.Received);
        Assert.Equal("answered 307", (await site.AlertsAsync())[0].Deliveries[0].Error);
    }

    private Instant Now => Instant.FromDateTimeOffset(site.Billing.Metering.Time.GetUtcNow());
}
