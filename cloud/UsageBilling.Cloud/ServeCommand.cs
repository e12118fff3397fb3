using System.CommandLine;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Alerts;
using UsageBilling.Cloud.Analytics;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Exports;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Cloud.Invoices;
using UsageBilling.Cloud.Ledger;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Cloud.SignIn;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Cloud.UsageEvents;
using UsageBilling.Cloud.Validation;
using UsageBilling.Cloud.Web;

namespace UsageBilling.Cloud;

/// <summary><c>usage-cloud serve</c>: the host with all roles asked for.</summary>
internal static class ServeCommand
{
    public static Command Build()
    {
        var command = new Command("serve", "Run the service. With nothing configured it starts its own MQTT broker and its own PostgreSQL.").WithDatabase().WithServing();
        command.SetAction((parsed, cancellation) => RunAsync(parsed.Settings(), cancellation));
        return command;
    }

    /// <summary>Opens the database, runs until cancelled, and stops what it started.</summary>
    public static async Task<int> RunAsync(CloudSettings settings, CancellationToken cancellation)
    {
        await using var database = await CloudDatabase.OpenAsync(settings, cancellation);
        await using var app = CreateApp(settings, database);
        await app.RunAsync(cancellation);
        return ExitCodes.Ok;
    }

    /// <summary>The host over an open database; tests start it on ports of their own, and at an instant of their own.</summary>
    public static WebApplication CreateApp(CloudSettings settings, CloudDatabase database, TimeProvider? time = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            ApplicationName = typeof(ServeCommand).Assembly.GetName().Name, // names the list of static files, whoever hosts this
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(settings.Bind, settings.HttpPort));
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning); // a line for each request is the proxy's business
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddProblemDetails();
        builder.AddDatabase(database);
        builder.AddApi();
        builder.AddGateways();
        builder.AddMetering();
        builder.AddValidation(work: settings.Roles.HasFlag(CloudRoles.Billing));
        builder.AddProvisioning();
        builder.AddUsageEvents(work: settings.Roles.HasFlag(CloudRoles.Ingest));
        builder.AddImports(work: settings.Roles.HasFlag(CloudRoles.Ingest));
        builder.AddInvoices();
        builder.AddAnalytics();
        builder.AddAlerts(settings, work: settings.Roles.HasFlag(CloudRoles.Billing));
        builder.AddBilling(work: settings.Roles.HasFlag(CloudRoles.Billing));
        if (settings.Roles.HasFlag(CloudRoles.Ingest))
        {
            builder.AddIngest();
            builder.AddProjector();
        }

        if (settings.Roles.HasFlag(CloudRoles.Web))
        {
            builder.AddSignIn(settings);
            builder.AddWeb();
        }

        var app = builder.Build();
        if (settings.Roles.HasFlag(CloudRoles.Web))
        {
            app.UseWeb();
        }

        app.UseApi();
        app.MapHealth();
        app.MapApi();
        app.MapGateways();
        app.MapProvisioning();
        app.MapUsageEvents();
        app.MapReads();
        app.MapAlternates();
        app.MapAccounts();
        app.MapConsumption();
        app.MapConsumptionCsv();
        app.MapImports();
        app.MapExports();
        app.MapTariffs();
        app.MapValidation();
        app.MapZeroReasons();
        app.MapBilling();
        app.MapInvoices();
        app.MapLedger();
        app.MapAnalytics();
        app.MapAlerts();
        app.MapOverview();
        if (settings.Roles.HasFlag(CloudRoles.Web))
        {
            app.MapSignIn();
            app.MapWeb();
        }

        return app;
    }
}
