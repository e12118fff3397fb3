using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using NodaTime;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Alerts;

/// <summary>E-mail as a provider takes it: over TLS, with a login. The server is a real one (aiosmtpd), its certificate is made here.</summary>
public sealed class SecureMailTests : IAsyncLifetime
{
    private const string User = "alerts";
    private const string Password = "a pass word: ünlike others";

    private readonly string folder = Directory.CreateTempSubdirectory("usage-mail-").FullName;
    private AlertSite site = null!;

    private string PasswordFile => Path.Combine(folder, "password");

    private string Certificate => Path.Combine(folder, "server.pem");

    public async ValueTask InitializeAsync()
    {
        site = await AlertSite.CreateAsync();
        await File.WriteAllTextAsync(PasswordFile, Password + "\n");
        await MakeCertificateAsync("IP:127.0.0.1");
        await site.TargetAsync("""{"id": "staff", "kind": "email", "address": "energy@customer.example"}""");
        await site.RaiseAsync("\"staff\"");
    }

    public async ValueTask DisposeAsync()
    {
        await site.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("starttls", "smtp")]
    [InlineData("smtps", "smtps")]
    public async Task A_login_over_tls_delivers(string mode, string scheme)
    {
        await using var server = await ServerAsync(mode);
        Assert.Equal(1, await site.Delivery(Settings(scheme, server.Port)).RunAsync(default));
        var mail = await server.NextAsync("content");
        Assert.Equal((true, true), (mail.GetProperty("tls").GetBoolean(), mail.GetProperty("login").GetBoolean()));
        Assert.Equal(("alerts@works.example", "energy@customer.example"), (mail.GetProperty("sender").GetString(), mail.GetProperty("recipients")[0].GetString()));
        Assert.Contains("on 2026-11-19 9.696 kWh were used; the limit is 9.5 kWh", mail.GetProperty("content").GetString(), StringComparison.Ordinal);
        Assert.Equal("delivered", (await DeliveryAsync()).State);
    }

    [Fact]
    public async Task A_wrong_password_is_shown_and_tried_again_until_it_is_right_and_stands_in_no_log()
    {
        await using var server = await ServerAsync("starttls");
        await File.WriteAllTextAsync(PasswordFile, "the old one");
        var delivery = site.Delivery(Settings("smtp", server.Port));
        Assert.Equal(0, await delivery.RunAsync(default));
        var waiting = await DeliveryAsync();
        Assert.Equal(("pending", 1), (waiting.State, waiting.Attempts));
        Assert.StartsWith($"the mail server does not let {User} in: 535", waiting.Error, StringComparison.Ordinal);
        Assert.False((await server.NextAsync("tried")).GetProperty("right").GetBoolean());

        // The file is read at each attempt.
        await File.WriteAllTextAsync(PasswordFile, Password);
        site.Advance(Duration.FromSeconds(10));
        Assert.Equal(1, await delivery.RunAsync(default));
        Assert.Equal(("delivered", 2, null), ((await DeliveryAsync()).State, (await DeliveryAsync()).Attempts, (await DeliveryAsync()).Error));
        Assert.NotEmpty(site.Log.Lines);
        foreach (var secret in new[] { "the old one", Password, Base64("the old one"), Base64(Password), Base64($"\0{User}\0the old one") })
        {
            Assert.DoesNotContain(site.Log.Lines, l => l.Contains(secret, StringComparison.Ordinal));
            Assert.DoesNotContain(secret, waiting.Error, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, Settings("smtp", 1).ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("starttls", "smtp")]
    [InlineData("smtps", "smtps")]
    public async Task A_certificate_of_an_authority_that_is_not_trusted_is_refused_before_the_password_is_sent(string mode, string scheme)
    {
        await using var server = await ServerAsync(mode);
        Assert.Equal(0, await site.Delivery(Settings(scheme, server.Port, trusted: false)).RunAsync(default));
        Assert.Equal(
            "the certificate of the mail server 127.0.0.1 is not trusted (CN=mail.test, issued by CN=mail.test): it is not from an authority that this system trusts; give its own with --mail-ca", (await DeliveryAsync()).Error);
        Assert.Empty(server.Said);
    }

    [Fact]
    public async Task A_certificate_of_another_server_is_refused()
    {
        await MakeCertificateAsync("DNS:other.example");
        await using var server = await ServerAsync("starttls");
        Assert.Equal(0, await site.Delivery(Settings("smtp", server.Port)).RunAsync(default));
        Assert.Equal("the certificate of the mail server 127.0.0.1 is for another name (CN=mail.test, issued by CN=mail.test): give the name in it with --mail-server", (await DeliveryAsync()).Error);
        Assert.Empty(server.Said);
    }

    [Fact]
    public async Task A_password_is_not_sent_to_a_server_without_tls()
    {
        await using var server = await ServerAsync("plain");
        Assert.Equal(0, await site.Delivery(Settings("smtp", server.Port)).RunAsync(default));
        Assert.Contains("STARTTLS", (await DeliveryAsync()).Error, StringComparison.Ordinal);
        Assert.Empty(server.Said);
    }

    private static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));

    // As an operator gives it.
    private MailSettings Settings(string scheme, int port, bool trusted = true) => CloudSettings.Read(name => name switch
    {
        "mail-server" => $"{scheme}://127.0.0.1:{port}",
        "mail-from" => "alerts@works.example",
        "mail-user" => User,
        "mail-password-file" => PasswordFile,
        "mail-ca" => trusted ? Certificate : null,
        _ => null,
    }).Mail!;

    private async Task<Cloud.Alerts.AlertDeliveryRow> DeliveryAsync() => Assert.Single((await site.AlertsAsync())[0].Deliveries);

    private async Task MakeCertificateAsync(string name)
    {
        var (key, certificate) = (Path.Combine(folder, "key"), Path.Combine(folder, "crt"));
        using var openssl = Process.Start(new ProcessStartInfo(
            "/usr/bin/openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=mail.test", "-addext", $"subjectAltName={name}", "-keyout", key, "-out", certificate])
        { RedirectStandardError = true })!;
        await openssl.StandardError.ReadToEndAsync();
        await openssl.WaitForExitAsync();
        Assert.Equal(0, openssl.ExitCode);
        await File.WriteAllTextAsync(Certificate, await File.ReadAllTextAsync(certificate) + await File.ReadAllTextAsync(key));
    }

    private async Task<MailServer> ServerAsync(string mode)
    {
        Assert.SkipUnless(File.Exists("/usr/lib/python3/dist-packages/aiosmtpd/__init__.py"), "aiosmtpd is not installed (apt-get install python3-aiosmtpd)");
        var script = Path.Combine(SharedCases.RepositoryRoot, "tests", "UsageBilling.Cloud.Tests", "Alerts", "mail_server.py");
        var process = Process.Start(new ProcessStartInfo("/usr/bin/python3", [script, mode, Certificate, User, Password]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        return new MailServer(process, int.Parse((await process.StandardOutput.ReadLineAsync())!, System.Globalization.CultureInfo.InvariantCulture));
    }

    private sealed class MailServer : IAsyncDisposable
    {
        private readonly Process process;
        private readonly SemaphoreSlim told = new(0);
        private readonly Task reading;

        public MailServer(Process process, int port)
        {
            (this.process, Port) = (process, port);
            reading = ReadAsync();
        }

        public int Port { get; }

        /// <summary>What it said: a line a login or a message.</summary>
        public ConcurrentQueue<JsonElement> Said { get; } = [];

        /// <summary>Waits for the next thing with this property.</summary>
        public async Task<JsonElement> NextAsync(string property)
        {
            while (true)
            {
                Assert.True(await told.WaitAsync(TimeSpan.FromSeconds(20)), $"the mail server did not say '{property}'");
                Assert.True(Said.TryDequeue(out var said));
                if (said.TryGetProperty(property, out _))
                {
                    return said;
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            process.StandardInput.Close();
            await reading;
            await process.WaitForExitAsync();
            process.Dispose();
            told.Dispose();
        }

        private async Task ReadAsync()
        {
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                Said.Enqueue(JsonDocument.Parse(line).RootElement);
                told.Release();
            }
        }
    }
}
