using MailKit.Security;
using MimeKit;

namespace UsageBilling.Cloud;

/// <summary>The mail server that alerts go through.</summary>
/// <param name="Host">Its name.</param>
/// <param name="Port">Its port.</param>
/// <param name="Security">TLS from the start (smtps); else STARTTLS, which a server must offer when a password is to be sent.</param>
/// <param name="User">User at the server; null: none is asked for.</param>
/// <param name="PasswordFile">File with that user's password, read at each message, so that a new one needs no restart.</param>
/// <param name="From">Sender.</param>
/// <param name="Authority">PEM file of the authority behind the server's certificate; null: the system's authorities.</param>
public sealed record MailSettings(string Host, int Port, SecureSocketOptions Security, string? User, string? PasswordFile, MailboxAddress From, string? Authority = null)
{
    /// <summary>The password.</summary>
    public async Task<string> PasswordAsync(CancellationToken cancellationToken) => (await File.ReadAllTextAsync(PasswordFile!, cancellationToken)).TrimEnd('\r', '\n');
}
