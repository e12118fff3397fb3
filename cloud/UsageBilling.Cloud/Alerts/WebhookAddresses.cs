using System.Net;
using System.Net.Sockets;

namespace UsageBilling.Cloud.Alerts;

/// <summary>
/// Where webhooks may go. A person who may write rules must not make this host talk to its neighbours: by itself only https to public addresses is allowed; networks that
/// the operator names (<c>--webhook-networks</c>) are allowed besides, also by http. Judged when the connection is made, on the address that is connected to, so that a name that
/// changes its mind changes nothing.
/// </summary>
internal sealed class WebhookAddresses(IReadOnlyList<IPNetwork> allowed)
{
    // IANA special-purpose address registries: everything that is not a host on the public Internet.
    private static readonly IPNetwork[] Special =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
            "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
        }.Select(n => IPNetwork.Parse(n)),
    ];

    /// <summary>What is wrong with an address as it is written, or null.</summary>
    public string? Problem(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http") || text.Length > 2000)
        {
            return $"'{text}' must be an address like https://hooks.example.com/usage";
        }

        if (uri.UserInfo.Length > 0 || uri.Fragment.Length > 0)
        {
            return "must have neither a name and password nor a fragment: the signature proves who sends";
        }

        if (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) && !Allows(address, uri.Scheme))
        {
            return Refusal(address, uri.Scheme);
        }

        return uri.Scheme == "http" && allowed.Count == 0 ? "must begin with https: http is for networks that the operator names with --webhook-networks" : null;
    }

    /// <summary>Whether an address may be connected to.</summary>
    public bool Allows(IPAddress address, string scheme)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return allowed.Any(n => n.BaseAddress.AddressFamily == plain.AddressFamily && n.Contains(plain))
            || (scheme == "https" && !Special.Any(n => n.BaseAddress.AddressFamily == plain.AddressFamily && n.Contains(plain)));
    }

    /// <summary>Connects to the first allowed address of a host that answers.</summary>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (host, scheme) = (context.DnsEndPoint.Host, context.InitialRequestMessage.RequestUri!.Scheme);
        var found = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellationToken);
        var addresses = found.Where(a => Allows(a, scheme)).ToArray();
        if (addresses.Length == 0)
        {
            throw new HttpRequestException(found.Length == 0 ? $"{host} has no address" : Refusal(found[0], scheme));
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Refusal(IPAddress address, string scheme) =>
        $"{address} is not allowed for {scheme}: webhooks go by https to public addresses, and to networks that the operator names with --webhook-networks";
}
