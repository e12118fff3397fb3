using System.Net;
using System.Text;
using System.Text.Json;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Configuration;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Tests.Commissioning;

public sealed class EnrollTests : IDisposable
{
    private readonly string _state = Directory.CreateTempSubdirectory("ub-enroll-").FullName;

    [Fact]
    public async Task Enrolment_makes_a_key_that_only_the_owner_reads_and_keeps_what_the_cloud_answers()
    {
        using var http = Cloud(Accept);
        Assert.Null(await EnrollCommand.Run(http, "gw-1", _state, "token", default));
        foreach (var file in new[] { GatewayKeys.FileIn(_state), Enrolment.PasswordFileIn(_state) })
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(file).UnixFileMode);
        }

        using var keys = GatewayKeys.Load(_state);
        Assert.Equal(keys.KeyId, Enrolment.Load(_state)!.KeyId);
        var options = Enrolment.Complete("gw-1", _state, CloudSettings.None);
        Assert.Equal(("broker", 8883, true, "gw-1", "pw"), (options.Host, options.Port, options.Tls, options.User!, File.ReadAllText(options.PasswordFile!).Trim()));
    }

    [Fact]
    public async Task A_refused_renewal_leaves_the_old_key_in_use_and_the_next_one_offers_the_same_new_key()
    {
        using var accepting = Cloud(Accept);
        Assert.Null(await EnrollCommand.Run(accepting, "gw-1", _state, "token", default));
        using var keys = GatewayKeys.Load(_state);
        var before = keys.KeyId;
        var offered = "";
        using var refusing = Cloud(key =>
        {
            offered = key;
            return (HttpStatusCode.Forbidden, "{\"title\":\"Forbidden\",\"detail\":\"the token is used\"}");
        });
        Assert.Contains("the token is used", await EnrollCommand.Run(refusing, "gw-1", _state, "token", default), StringComparison.Ordinal);
        Assert.False(keys.Refresh());

        Assert.Null(await EnrollCommand.Run(accepting, "gw-1", _state, "token-2", default));
        Assert.True(keys.Refresh());
        Assert.NotEqual(before, keys.KeyId);
        Assert.Equal(offered, Convert.ToBase64String(keys.PublicKey()));
    }

    [Fact]
    public void A_copied_card_has_another_fingerprint_and_a_restart_the_same()
    {
        string Machine(string serial)
        {
            var root = Directory.CreateDirectory(Path.Combine(_state, "machine-" + serial)).FullName;
            Directory.CreateDirectory(Path.Combine(root, "etc"));
            Directory.CreateDirectory(Path.Combine(root, "proc/device-tree"));
            File.WriteAllText(Path.Combine(root, "etc/machine-id"), "0123456789abcdef\n");
            File.WriteAllText(Path.Combine(root, "proc/device-tree/serial-number"), serial + "\0");
            return HostFingerprint.Read(root);
        }

        Assert.Equal(Machine("1000"), Machine("1000"));
        Assert.NotEqual(Machine("1000"), Machine("2000"));
        Assert.Equal(HostFingerprint.Read(), HostFingerprint.Read());
    }

    public void Dispose() => Directory.Delete(_state, recursive: true);

    private static (HttpStatusCode, string) Accept(string key) => (HttpStatusCode.Created, JsonSerializer.Serialize(new
    {
        keyId = BatchSignature.KeyId(Convert.FromBase64String(key)),
        mqtt = new { host = "broker", port = 8883, tls = true, username = "gw-1", password = "pw" },
    }));

    private static HttpClient Cloud(Func<string, (HttpStatusCode, string)> answer) => new(new Handler(answer)) { BaseAddress = new Uri("http://cloud/") };

    private sealed class Handler(Func<string, (HttpStatusCode Status, string Body)> answer) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Assert.Equal("/api/v1/gateways/gw-1/enroll", request.RequestUri!.AbsolutePath);
            var body = JsonDocument.Parse(await request.Content!.ReadAsStringAsync(cancellationToken)).RootElement;
            var (status, text) = answer(body.GetProperty("publicKey").GetString()!);
            return new HttpResponseMessage(status) { Content = new StringContent(text, Encoding.UTF8, "application/json") };
        }
    }
}
