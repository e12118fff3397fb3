using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using MQTTnet.Protocol;
using NodaTime;
using UsageBilling.Edge.Tests.Buffer;
using UsageBilling.Edge.Uplink;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Tests.Uplink;

/// <summary>Connecting, being thrown out, TLS, status, live values and the limits of draining.</summary>
public sealed class ConnectionTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_kicked_session_comes_back_and_a_broker_that_returns_is_found()
    {
        await using var gateway = new UplinkFixture(output);
        int port;
        await using (var cloud = await gateway.Cloud())
        {
            port = cloud.Port;
            await gateway.Connect(cloud);
            await gateway.StoreAndSettle(cloud, 1);
            await cloud.Kick();
            await gateway.StoreAndSettle(cloud, 1);
            Assert.Equal(2, cloud.PositionRequests.Count);
        }

        var during = await gateway.Store.StoreCycles(5);
        await using var back = await ScriptedCloud.Start("gw-1", gateway.PublicKey, onPort: port);
        // The broker's memory is gone and so is this cloud's: everything kept travels again.
        await gateway.Settle(back, during);
    }

    [Fact]
    public async Task Tls_with_a_pinned_authority_connects_and_no_other_authority_does()
    {
        await using var gateway = new UplinkFixture(output);
        using var authority = Authority("Test CA");
        using var other = Authority("Other CA");
        using var server = Issue(authority, "127.0.0.1");
        await using var cloud = await ScriptedCloud.Start("gw-1", gateway.PublicKey, server);
        cloud.Password = "secret";
        var caFile = Path.Combine(gateway.StateFolder, "ca.pem");
        var passwordFile = Path.Combine(gateway.StateFolder, "mqtt.password");
        await File.WriteAllTextAsync(caFile, other.ExportCertificatePem());
        await File.WriteAllTextAsync(passwordFile, "secret\n");
        gateway.Options = gateway.Options with { Tls = true, CaFile = caFile, PasswordFile = passwordFile };
        Assert.Empty((gateway.Options with { Port = cloud.Port }).Problems());
        var refused = gateway.Failures;
        await gateway.Connect(cloud);
        await Until.True(() => gateway.Failures > refused + 2);
        Assert.Empty(cloud.Logins);

        await File.WriteAllTextAsync(caFile, authority.ExportCertificatePem());
        await gateway.StoreAndSettle(cloud, 2);
        Assert.All(cloud.Logins, l => Assert.Equal(MqttConnectReasonCode.Success, l));

        // The right authority, but a certificate for another host.
        await gateway.Disconnect();
        using var elsewhere = Issue(authority, "elsewhere.example");
        await using var impostor = await ScriptedCloud.Start("gw-1", gateway.PublicKey, elsewhere);
        refused = gateway.Failures;
        await gateway.Connect(impostor);
        await Until.True(() => gateway.Failures > refused + 2);
        Assert.Empty(impostor.Logins);
    }

    [Fact]
    public async Task Status_is_retained_online_then_offline_and_the_will_speaks_for_a_broken_connection()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await gateway.StoreAndSettle(cloud, 1);
        await Until.True(async () => await cloud.RetainedStatus() is { } s && s.Contains("online", StringComparison.Ordinal));
        var status = JsonDocument.Parse((await cloud.RetainedStatus())!).RootElement;
        Assert.Equal("trusted", status.GetProperty("clock").GetString());
        Assert.Equal(gateway.Buffer.Position.Stream, status.GetProperty("stream").GetGuid());
        Assert.True(status.GetProperty("bufferBytes").GetInt64() > 0);
        await gateway.Disconnect();
        await Until.True(async () => await cloud.RetainedStatus() is { } s && s.Contains("\"state\":\"offline\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Live_values_travel_unreliably_and_only_the_latest()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        gateway.Live.Show(Instant.FromUnixTimeSeconds(1), [new LiveValue(BufferFixture.Import, 1, -1, null)]);
        gateway.Live.Show(Instant.FromUnixTimeSeconds(2), [new LiveValue(BufferFixture.Import, 42, -1, 1500)]);
        await gateway.Connect(cloud);
        await Until.True(() => cloud.Others.Any(m => m.Topic == Topics.Live("gw-1")));
        var live = Assert.Single(cloud.Others, m => m.Topic == Topics.Live("gw-1"));
        Assert.Equal(MqttQualityOfServiceLevel.AtMostOnce, live.QualityOfServiceLevel);
        Assert.False(live.Retain);
        var register = JsonDocument.Parse(live.Payload).RootElement.GetProperty("registers")[0];
        Assert.Equal((42, 1500), (register.GetProperty("value").GetInt32(), register.GetProperty("power").GetInt32()));
        Assert.Equal(BufferFixture.Import.ToString(), register.GetProperty("register").GetString());
    }

    [Fact]
    public async Task A_backlog_drains_at_its_limit_while_a_live_cycle_overtakes_it()
    {
        await using var gateway = new UplinkFixture(output);
        gateway.Options = gateway.Options with { DrainReadingsPerSecond = 1_000, LiveInterleave = TimeSpan.Zero };
        await gateway.Store.StoreCycles(100, readings: 100);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await Until.True(() => cloud.Readings().Count >= 2_000);
        var live = await gateway.Store.StoreCycles(1);
        await Until.True(() => live.All(cloud.Readings().Contains));
        Assert.True(gateway.Buffer.Position.UnsealedReadings > 0, "the backlog must still be draining");
    }

    [Fact]
    public async Task Cycles_that_come_faster_than_batches_should_share_them()
    {
        await using var gateway = new UplinkFixture(output);
        gateway.Options = gateway.Options with { SealEvery = TimeSpan.FromSeconds(1) };
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await gateway.Store.StoreCycles(100);
        await Until.True(() => gateway.Buffer.Position is { UnsealedReadings: 0 } p && p.AcknowledgedThrough == p.SealedThrough);
        Assert.InRange(cloud.Arrivals.Count, 1, 20);
    }

    [Fact]
    public async Task The_status_says_so_when_nothing_waits_any_more()
    {
        await using var gateway = new UplinkFixture(output);
        gateway.Options = gateway.Options with { StatusEvery = TimeSpan.FromHours(1), StatusSoonest = TimeSpan.FromMilliseconds(100) };
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await gateway.Store.StoreCycles(3);
        await Until.True(() => cloud.Others.Where(m => m.Topic == Topics.Status("gw-1")).Any(m =>
            JsonDocument.Parse(m.Payload).RootElement is var status && status.GetProperty("sealedThrough").GetInt64() > 0
            && status.GetProperty("acknowledgedThrough").GetInt64() == status.GetProperty("sealedThrough").GetInt64() && status.GetProperty("unsealed").GetInt64() == 0));
    }

    [Fact]
    public async Task A_backlog_of_200000_readings_drains_in_full_batches()
    {
        await using var gateway = new UplinkFixture(output);
        gateway.Options = gateway.Options with { ResendAfter = TimeSpan.FromSeconds(30) };
        await gateway.Store.StoreCycles(100, readings: 2_000);
        await using var cloud = await gateway.Cloud();
        var started = TimeProvider.System.GetTimestamp();
        await gateway.Connect(cloud);
        await Until.True(() => gateway.Buffer.Position is { UnsealedReadings: 0 } p && p.AcknowledgedThrough == p.SealedThrough);
        var seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        output.WriteLine($"200,000 readings in {seconds:0.00} s: {200_000 / seconds:0} readings/s, {cloud.Arrivals.Count} batches");
        Assert.Equal(200_000, cloud.Streams.Values.Sum(s => s.Batches.Values.Sum(b => b.Readings.Length)));
        Assert.Equal(100, cloud.Arrivals.Count);
    }

    [Fact]
    public async Task Never_more_than_the_window_is_under_way()
    {
        await using var gateway = new UplinkFixture(output);
        gateway.Options = gateway.Options with { Window = 3, ResendAfter = TimeSpan.FromMinutes(10) };
        await gateway.Store.StoreCycles(200, readings: 100);
        await using var cloud = await gateway.Cloud();
        cloud.Passes = _ => false;
        await gateway.Connect(cloud);
        await Until.True(() => cloud.Arrivals.Count == 3);
        await gateway.Store.StoreCycles(1);
        Assert.Equal(3, gateway.Buffer.Position.SealedThrough);
        Assert.Equal(3, cloud.Arrivals.Count);
    }

    [Fact]
    public void Reconnection_waits_longer_after_each_short_session_and_little_after_a_long_one()
    {
        var options = new UplinkOptions { Gateway = "gw-1", Host = "h" };
        var delay = new ReconnectDelay(options, () => 1);
        Assert.Equal([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300], Enumerable.Range(0, 11).Select(_ => delay.After(TimeSpan.FromSeconds(3)).TotalSeconds));
        Assert.InRange(delay.After(TimeSpan.FromHours(1)).TotalSeconds, 0, 1);
        Assert.Equal(1, delay.After(TimeSpan.Zero).TotalSeconds);
    }

    private static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, string host)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (System.Net.IPAddress.TryParse(host, out var address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(host);
        }

        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.Create(authority, now.AddDays(-1), now.AddDays(29), [1, 2, 3, 4]);
        using var withKey = certificate.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
    }
}
