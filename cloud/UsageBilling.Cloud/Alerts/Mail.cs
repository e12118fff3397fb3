using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using NodaTime;

namespace UsageBilling.Cloud.Alerts;

/// <summary>Delivers by e-mail through the configured server. The message's id is made from the alert's, so that a repetition shows as one.</summary>
internal sealed class Mail(MailSettings? settings)
{
    /// <summary>How long the server may take.</summary>
    private const int TimeoutMilliseconds = 20_000;

    /// <summary>Null when the server has taken it; else why not.</summary>
    public async Task<string?> SendAsync(string to, Guid id, string subject, string text, Instant at, CancellationToken cancellationToken)
    {
        if (settings is null)
        {
            return "no mail server is configured: give --mail-server and --mail-from";
        }

        using var message = new MimeMessage
        {
            Subject = subject,
            Date = at.ToDateTimeOffset(),
            MessageId = $"{id:n}@{settings.From.Domain}",
            Body = new TextPart("plain") { Text = text },
        };
        message.From.Add(settings.From);
        message.To.Add(MailboxAddress.Parse(to));
        message.Headers.Add(HeaderId.AutoSubmitted, "auto-generated");
        var trust = new ServerTrust(settings);
        try
        {
            using var client = new SmtpClient { Timeout = TimeoutMilliseconds, CheckCertificateRevocation = false, ServerCertificateValidationCallback = trust.Judge };
            await client.ConnectAsync(settings.Host, settings.Port, settings.Security, cancellationToken);
            if (settings.User is { } user)
            {
                await LogInAsync(client, user, cancellationToken);
            }

            await client.SendAsync(message, cancellationToken);
            await client.DisconnectAsync(true, cancellationToken);
            return null;
        }
        catch (SslHandshakeException) when (trust.Problem is { } problem)
        {
            return problem;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or System.Net.Sockets.SocketException or ServiceNotConnectedException or ServiceNotAuthenticatedException or AuthenticationException
            or SslHandshakeException or SmtpCommandException or SmtpProtocolException or NotSupportedException or TimeoutException)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "the mail server did not answer";
        }
    }

    private async Task LogInAsync(SmtpClient client, string user, CancellationToken cancellationToken)
    {
        try
        {
            await client.AuthenticateAsync(user, await settings!.PasswordAsync(cancellationToken), cancellationToken);
        }
        catch (AuthenticationException e)
        {
            throw new ServiceNotAuthenticatedException($"the mail server does not let {user} in: {e.Message}");
        }
    }

    /// <summary>
    /// Judges the server's certificate and says in words why it is none to trust. Revocation is not asked for, as for webhooks: a server room that cannot reach an authority's
    /// lists would get no mail out.
    /// </summary>
    private sealed class ServerTrust(MailSettings settings)
    {
        public string? Problem { get; private set; }

        public bool Judge(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
        {
            using var presented = certificate is null ? null : new X509Certificate2(certificate);
            if (presented is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            {
                Problem = $"the mail server {settings.Host} has no certificate";
                return false;
            }

            var who = $"{presented.Subject}, issued by {presented.Issuer}";
            if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            {
                Problem = $"the certificate of the mail server {settings.Host} is for another name ({who}): give the name in it with --mail-server";
                return false;
            }

            using var own = settings.Authority is null ? null : OwnChain(chain);
            if (own?.Build(presented) ?? !errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            {
                return true;
            }

            Problem = $"the certificate of the mail server {settings.Host} is not trusted ({who}): " + (
                (own ?? chain)?.ChainStatus.Any(s => s.Status.HasFlag(X509ChainStatusFlags.NotTimeValid)) == true
                    ? $"it is valid from {presented.NotBefore.ToUniversalTime():yyyy-MM-dd} to {presented.NotAfter.ToUniversalTime():yyyy-MM-dd}"
                : settings.Authority is { } authority ? $"it is not from the authority in {authority}"
                : "it is not from an authority that this system trusts; give its own with --mail-ca");
            return false;
        }

        // With the intermediates that the server sent, to the given authority and no other.
        private X509Chain OwnChain(X509Chain? sent)
        {
            var own = new X509Chain();
            own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            own.ChainPolicy.CustomTrustStore.ImportFromPemFile(settings.Authority!);
            own.ChainPolicy.ExtraStore.AddRange(sent?.ChainElements.Select(e => e.Certificate).ToArray() ?? []);
            return own;
        }
    }
}
