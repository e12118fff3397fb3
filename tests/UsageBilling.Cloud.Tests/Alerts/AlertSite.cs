using System.Net;
using Microsoft.Extensions.Logging;
using NodaTime;
using UsageBilling.Cloud.Alerts;
using UsageBilling.Cloud.Analytics;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Cloud.Tests.Billing;

namespace UsageBilling.Cloud.Tests.Alerts;

/// <summary>A utility of two households with alerts, at an instant that a test moves; everything that is logged is kept.</summary>
internal sealed class AlertSite : IAsyncDisposable
{
    public const string SecretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0123456789a=";

    private readonly MigratedDatabase database = new();
    private readonly List<IDisposable> opened = [];

    private AlertSite()
    {
    }

    public static byte[] Secret { get; } = Convert.FromBase64String(SecretText[6..]);

    public BillingSite Billing { get; private set; } = null!;

    public KeptLog Log { get; } = new();

    public AlertStore Store => new(database.Source, Billing.Metering.Time);

    public MigratedDatabase Database => database;

    public static async Task<AlertSite> CreateAsync(string now = "2026-11-20T12:00:00Z")
    {
        var site = new AlertSite();
        await site.database.InitializeAsync();
        site.Billing = new BillingSite(site.database.Source, 2, now);
        await site.Billing.ProvisionAsync();
        return site;
    }

    public AlertJudge Judge() => new(
        database.Source, new SiteLoads(database.Source, new IntervalStore(database.Source, Billing.Metering.Time), new ContractCosts(database.Source)), Billing.Metering.Time, Log.For<AlertJudge>());

    public AlertDelivery Delivery(MailSettings? mail = null, TimeSpan? timeout = null, params string[] networks)
    {
        var webhook = new Webhook(new WebhookAddresses([.. (networks.Length == 0 ? ["127.0.0.0/8"] : networks).Select(n => IPNetwork.Parse(n))]), timeout);
        opened.Add(webhook);
        return new AlertDelivery(database.Source, webhook, new Mail(mail), Billing.Metering.Time, Log.For<AlertDelivery>());
    }

    public async Task TargetAsync(string json, params string[] networks)
    {
        var problems = new List<ProvisioningProblem>();
        var target = AlertDocuments.Target(json, new WebhookAddresses([.. (networks.Length == 0 ? ["127.0.0.0/8"] : networks).Select(n => IPNetwork.Parse(n))]), problems);
        Assert.Empty(problems);
        await Store.SaveAsync(target!, "test", default);
    }

    public Task HookAsync(Uri address) => TargetAsync($$"""{"id": "hook", "kind": "webhook", "address": "{{address}}", "secret": "{{SecretText}}"}""");

    public async Task RuleAsync(string json)
    {
        var problems = new List<ProvisioningProblem>();
        var rule = AlertDocuments.Rule(json, problems);
        Assert.Empty(problems);
        Assert.Empty((await Store.SaveAsync(rule!, "test", default)).Problems);
    }

    /// <summary>An alert of the day's limit of household 1, whose meter was read for two days.</summary>
    public async Task RaiseAsync(string targets = "\"hook\"")
    {
        await RuleAsync($$"""{"id": "day", "kind": "threshold", "servicePoint": "P0001", "class": "import", "per": "day", "limit": 9.5, "targets": [{{targets}}]}""");
        await Billing.ReadAsync(new LocalDate(2026, 11, 19), new LocalDate(2026, 11, 20));
        Assert.Equal(1, await Judge().RunAsync(default));
    }

    public void Advance(Duration by) => Billing.Metering.Time.Advance(by.ToTimeSpan());

    public async Task<List<AlertRow>> AlertsAsync() => await AlertList.ReadAsync(database.Source, null, 100, default);

    public async ValueTask DisposeAsync()
    {
        opened.ForEach(o => o.Dispose());
        await database.DisposeAsync();
    }
}

/// <summary>Keeps what is logged, as text.</summary>
internal sealed class KeptLog
{
    private readonly List<string> lines = [];

    public IReadOnlyList<string> Lines => lines;

    public ILogger<T> For<T>() => new Logger<T>(this);

    private sealed class Logger<T>(KeptLog log) : ILogger<T>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (log.lines)
            {
                log.lines.Add($"{formatter(state, exception)} {exception}");
            }
        }
    }
}
