using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;

namespace UsageBilling.Cloud.Tests.Ingest;

/// <summary>The whole host on ports of its own, over a test's database.</summary>
internal sealed class RunningCloud : IAsyncDisposable
{
    private readonly CloudDatabase database;

    private RunningCloud(WebApplication app, CloudDatabase database) => (App, this.database) = (app, database);

    public WebApplication App { get; }

    public Uri Address => new(App.Urls.First());

    public int MqttPort => App.Services.GetRequiredService<EmbeddedBroker>().Port;

    public static async Task<RunningCloud> StartAsync(MigratedDatabase postgres, Func<CloudSettings, CloudSettings>? with = null, TimeProvider? time = null)
    {
        var settings = new CloudSettings
        {
            State = Path.Combine(Path.GetTempPath(), $"usage-cloud-test-{Guid.NewGuid():n}"),
            Bind = IPAddress.Loopback,
            HttpPort = 0,
            MqttPort = 0,
            Roles = CloudRoles.Ingest,
            Database = postgres.Postgres.ServiceConnectionString,
        };
        settings = with?.Invoke(settings) ?? settings;
        var database = await CloudDatabase.OpenAsync(settings, default);
        var app = ServeCommand.CreateApp(settings, database, time);
        await app.StartAsync();
        return new RunningCloud(app, database);
    }

    public T Get<T>()
        where T : notnull => App.Services.GetRequiredService<T>();

    public async ValueTask DisposeAsync()
    {
        await App.StopAsync();
        await App.DisposeAsync();
        await database.DisposeAsync();
    }
}
