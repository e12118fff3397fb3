using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace UsageBilling.Invoicing.Snapshots;

/// <summary>
/// The one form of a value as JSON: properties in declared order, decimals as shortest exact strings, instants in ISO 8601 UTC, no white space,
/// nulls written, everything beyond ASCII escaped. Equal values give equal bytes.
/// </summary>
public static class CanonicalJson
{
    /// <summary>SHA-256, lower-case hex.</summary>
    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    internal static byte[] ToBytes<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    /// <summary>Reads a value and insists on the canonical form, so that a hash means one value and a value means one hash.</summary>
    internal static T Parse<T>(ReadOnlySpan<byte> bytes, JsonTypeInfo<T> type, string what)
        where T : class
    {
        try
        {
            var value = JsonSerializer.Deserialize(bytes, type) ?? throw new FormatException($"the {what} is null");
            return bytes.SequenceEqual(ToBytes(value, type)) ? value : throw new FormatException($"the {what} is not in canonical form");
        }
        catch (JsonException e)
        {
            throw new FormatException($"the bytes are no {what}: {e.Message}", e);
        }
    }
}
