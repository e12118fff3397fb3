using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace UsageBilling.Cloud.Tests.Alerts;

/// <summary>A request that a receiver of webhooks got.</summary>
internal sealed record ReceivedWebhook(string Id, string Timestamp, string Signature, string Body);

/// <summary>Somebody else's server for webhooks, on a port of its own; a test says how it answers.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication app;

    private WebhookReceiver(WebApplication app) => this.app = app;

    public ConcurrentQueue<ReceivedWebhook> Received { get; } = [];

    /// <summary>Status by the number of the request, from 1. The default is 204 always.</summary>
    public Func<int, Task<int>> Answer { get; set; } = _ => Task.FromResult(204);

    public Uri Address => new(new Uri(app.Urls.First()), "/hook");

    public static async Task<WebhookReceiver> StartAsync(IPAddress? address = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(address ?? IPAddress.Loopback, 0));
        var receiver = new WebhookReceiver(builder.Build());
        receiver.app.MapPost("/hook", receiver.TakeAsync);
        receiver.app.MapPost("/elsewhere", () => Results.Redirect("/hook", preserveMethod: true));
        await receiver.app.StartAsync();
        return receiver;
    }

    /// <summary>What a receiver does who knows the secret: the signature over id, timestamp and body.</summary>
    public static string Expected(byte[] key, ReceivedWebhook hook) =>
        "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{hook.Id}.{hook.Timestamp}.{hook.Body}")));

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    private async Task<IResult> TakeAsync(HttpRequest request)
    {
        using var reader = new StreamReader(request.Body);
        Received.Enqueue(new(request.Headers["webhook-id"].ToString(), request.Headers["webhook-timestamp"].ToString(), request.Headers["webhook-signature"].ToString(), await reader.ReadToEndAsync()));
        return Results.StatusCode(await Answer(Received.Count));
    }
}
