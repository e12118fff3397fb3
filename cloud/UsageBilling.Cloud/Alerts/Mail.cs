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
        try
        {
            using var client = new SmtpClient { Timeout = TimeoutMilliseconds };
            await client.ConnectAsync(settings.Host, settings.Port, settings.Security, cancellationToken);
            if (settings.User is { } user)
            {
                await client.AuthenticateAsync(user, await settings.PasswordAsync(cancellationToken), cancellationToken);
            }

            await client.SendAsync(message, cancellationToken);
            await client.DisconnectAsync(true, cancellationToken);
            return null;
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or ServiceNotConnectedException or ServiceNotAuthenticatedException or AuthenticationException
            or SslHandshakeException or SmtpCommandException or SmtpProtocolException or NotSupportedException or TimeoutException)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "the mail server did not answer";
        }
    }
}
