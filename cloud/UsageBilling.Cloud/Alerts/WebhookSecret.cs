using System.Security.Cryptography;
using System.Text;

namespace UsageBilling.Cloud.Alerts;

/// <summary>
/// A webhook's signing secret. It is written as <c>whsec_</c> and 24 to 64 bytes in base64 (Standard Webhooks), comes in by a request and leaves only as signatures: it has no
/// property, and as text it is stars, so that no log, answer or audit can hold it.
/// </summary>
internal sealed class WebhookSecret
{
    private const string Prefix = "whsec_";

    private readonly byte[] key;

    public WebhookSecret(byte[] key) => this.key = key;

    /// <summary>A new secret as it is written: for the one answer in which a person is given it.</summary>
    public static string NewText() => Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    /// <summary>Reads a secret; null where it is none.</summary>
    public static WebhookSecret? Parse(string text)
    {
        var bytes = new byte[64];
        return text.StartsWith(Prefix, StringComparison.Ordinal) && text.Length <= Prefix.Length + 88
            && Convert.TryFromBase64String(text[Prefix.Length..], bytes, out var length) && length >= 24
            ? new WebhookSecret(bytes[..length])
            : null;
    }

    /// <summary><c>v1,</c> and HMAC-SHA-256 over <c>id.timestamp.body</c> in base64.</summary>
    public string Sign(string id, long timestamp, string body) =>
        "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{id}.{timestamp}.{body}")));

    /// <summary>For the database.</summary>
    public byte[] ToBytes() => [.. key];

    public override string ToString() => "***";
}
