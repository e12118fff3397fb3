using System.Security.Cryptography;
using Google.Protobuf;

namespace UsageBilling.Protocols.Wire;

/// <summary>Hash and signature of a body: SHA-256, and ECDSA over NIST P-256 (FIPS 186-5) in IEEE P1363 form.</summary>
public static class BatchSignature
{
    /// <summary>SHA-256 of a body, 32 bytes.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> body) => SHA256.HashData(body);

    /// <summary>The id of a public key: the first 16 hex digits of SHA-256 over its SubjectPublicKeyInfo.</summary>
    public static string KeyId(ReadOnlySpan<byte> subjectPublicKeyInfo) =>
        Convert.ToHexStringLower(SHA256.HashData(subjectPublicKeyInfo))[..16];

    /// <summary>Signs a body with the gateway's current key.</summary>
    public static SignedBatch Sign(byte[] body, ECDsa key) => new()
    {
        Body = ByteString.CopyFrom(body),
        KeyId = KeyId(key.ExportSubjectPublicKeyInfo()),
        Signature = ByteString.CopyFrom(key.SignData(body, HashAlgorithmName.SHA256)),
    };

    /// <summary>True when the signature over the body is by this key.</summary>
    public static bool Verify(SignedBatch batch, ECDsa publicKey) =>
        batch.Signature.Length == 64 && publicKey.VerifyData(batch.Body.Span, batch.Signature.Span, HashAlgorithmName.SHA256);
}
