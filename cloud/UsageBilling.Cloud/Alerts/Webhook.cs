using System.Globalization;
using System.Net.Http.Headers;
using NodaTime;

namespace UsageBilling.Cloud.Alerts;

/// <summary>
/// Delivers by HTTP POST as Standard Webhooks describes: <c>webhook-id</c> (the alert's, the same at each attempt, so that a receiver can tell a repetition), <c>webhook-timestamp</c>
/// (this attempt's, in seconds) and <c>webhook-signature</c>. Any 2xx is a delivery. Redirects are not followed, and of an answer only its status is read.
/// </summary>
internal sealed class Webhook : IDisposable
{
    /// <summary>How long a receiver may take. The default is 10 s.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private readonly SocketsHttpHandler handler;
    private readonly HttpClient http;

    public Webhook(WebhookAddresses addresses, TimeSpan? timeout = null)
    {
        handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, UseProxy = false, ConnectCallback = addresses.ConnectAsync, ConnectTimeout = timeout ?? Timeout, PooledConnectionLifetime = TimeSpan.FromMinutes(1),
            MaxResponseHeadersLength = 16,
        };
        http = new HttpClient(handler) { Timeout = timeout ?? Timeout };
    }

    /// <summary>Null when it was delivered; else why not.</summary>
    public async Task<string?> SendAsync(Uri address, WebhookSecret secret, Guid id, string body, Instant now, CancellationToken cancellationToken)
    {
        var (name, timestamp) = ($"msg_{id:n}", now.ToUnixTimeSeconds());
        using var request = new HttpRequestMessage(HttpMethod.Post, address)
        {
            Content = new StringContent(body, new MediaTypeHeaderValue("application/json", "utf-8")),
        };
        request.Headers.UserAgent.ParseAdd("usage-billing");
        request.Headers.Add("webhook-id", name);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", secret.Sign(name, timestamp, body));
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return response.IsSuccessStatusCode ? null : $"answered {(int)response.StatusCode}";
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"did not answer within {http.Timeout.TotalSeconds:0.#} s";
        }
        catch (HttpRequestException e)
        {
            return e.InnerException is HttpRequestException inner ? inner.Message : e.Message;
        }
    }

    public void Dispose()
    {
        http.Dispose();
        handler.Dispose();
    }
}
