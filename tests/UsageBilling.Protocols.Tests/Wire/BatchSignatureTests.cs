using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Protocols.Tests.Wire;

public sealed class BatchSignatureTests
{
    private static readonly byte[] Body = BatchCodec.Encode(ABatch.With(ABatch.Reading()));

    [Fact]
    public void A_signature_holds_for_its_body_and_key()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var batch = SignedBatch.Parser.ParseFrom(BatchSignature.Sign(Body, key).ToByteArray());
        Assert.Equal(64, batch.Signature.Length);
        Assert.Equal(BatchSignature.KeyId(key.ExportSubjectPublicKeyInfo()), batch.KeyId);
        Assert.True(BatchSignature.Verify(batch, key));
    }

    [Fact]
    public void Any_flipped_bit_breaks_it()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var batch = BatchSignature.Sign(Body, key);
        for (var i = 0; i < Body.Length; i += 7)
        {
            Assert.False(BatchSignature.Verify(new SignedBatch { Body = Flip(batch.Body, i), Signature = batch.Signature }, key));
        }

        for (var i = 0; i < 64; i++)
        {
            Assert.False(BatchSignature.Verify(new SignedBatch { Body = batch.Body, Signature = Flip(batch.Signature, i) }, key));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(65)]
    [InlineData(72)]
    public void A_signature_of_another_length_is_refused_without_an_exception(int length)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.False(BatchSignature.Verify(new SignedBatch { Body = ByteString.CopyFrom(Body), Signature = ByteString.CopyFrom(new byte[length]) }, key));
    }

    [Fact]
    public void Another_key_does_not_verify()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.False(BatchSignature.Verify(BatchSignature.Sign(Body, key), other));
    }

    [Fact]
    public void The_hash_is_SHA_256() =>
        Assert.Equal("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", Convert.ToHexString(BatchSignature.Hash(Encoding.ASCII.GetBytes("abc"))));

    private static ByteString Flip(ByteString bytes, int at)
    {
        var copy = bytes.ToByteArray();
        copy[at] ^= 1;
        return ByteString.CopyFrom(copy);
    }
}
