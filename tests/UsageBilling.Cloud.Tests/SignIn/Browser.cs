using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace UsageBilling.Cloud.Tests.SignIn;

/// <summary>
/// A browser as far as sign-in goes: keeps cookies, follows nothing by itself, fills in the form with its antiforgery token. It comes from a loopback address
/// of its own, because attempts are counted by address.
/// </summary>
internal sealed partial class Browser : IDisposable
{
    private static int last = 1;

    private readonly SocketsHttpHandler handler;

    public Browser(Uri address)
    {
        var own = new IPAddress([127, 0, 1, (byte)Interlocked.Increment(ref last)]);
        handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            CookieContainer = new CookieContainer(),
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(own.MapToIPv6(), 0));
                await socket.ConnectAsync(IPAddress.Loopback.MapToIPv6(), context.DnsEndPoint.Port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        Http = new HttpClient(handler) { BaseAddress = address };
    }

    public HttpClient Http { get; }

    public CookieCollection Cookies => handler.CookieContainer.GetAllCookies();

    [GeneratedRegex("name=\"__RequestVerificationToken\"[^>]* value=\"(?<token>[^\"]+)\"")]
    private static partial Regex Token();

    public async Task<HttpResponseMessage> SignInAsync(string name, string password, string? returnUrl = null) => await PostAsync("/sign-in", new()
    {
        ["__RequestVerificationToken"] = Token().Match(await Http.GetStringAsync("/sign-in")).Groups["token"].Value,
        ["name"] = name,
        ["password"] = password,
        ["returnUrl"] = returnUrl ?? "",
    });

    public Task<HttpResponseMessage> PostAsync(string path, Dictionary<string, string> form) => Http.PostAsync(path, new FormUrlEncodedContent(form));

    public void Dispose()
    {
        Http.Dispose();
        handler.Dispose();
    }
}
