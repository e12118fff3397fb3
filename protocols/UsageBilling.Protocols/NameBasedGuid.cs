using System.Security.Cryptography;
using System.Text;

namespace UsageBilling.Protocols;

/// <summary>Version 5 UUIDs (RFC 9562, 5.5): the same name gives the same id on every machine.</summary>
public static class NameBasedGuid
{
    /// <summary>Namespace of register ids.</summary>
    public static Guid Registers { get; } = new("7b5f0f3e-8f43-5f0a-9a52-0a4f6d1c7e01");

    /// <summary>Namespace of channel ids.</summary>
    public static Guid Channels { get; } = new("7b5f0f3e-8f43-5f0a-9a52-0a4f6d1c7e02");

    /// <summary>The version 5 UUID of a name in a namespace.</summary>
    public static Guid Create(Guid @namespace, string name)
    {
        var text = Encoding.UTF8.GetBytes(name);
        Span<byte> input = new byte[16 + text.Length];
        @namespace.TryWriteBytes(input, bigEndian: true, out _);
        text.CopyTo(input[16..]);
        Span<byte> hash = stackalloc byte[20];
#pragma warning disable CA5350 // RFC 9562 names SHA-1 for version 5; nothing here relies on collision resistance against an attacker
        SHA1.HashData(input, hash);
#pragma warning restore CA5350
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
