using System.Collections.Immutable;
using System.Security.Cryptography;
using Google.Protobuf;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Tests.Ingest;

/// <summary>A gateway as ingest sees it: an enrolled key, a stream, and batches chained by hash.</summary>
internal sealed class FieldGateway : IDisposable
{
    public static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 0, 0);

    private static int serial;
    private byte[] previous = [];

    private FieldGateway(string name, ECDsa key) => (Name, Key) = (name, key);

    public string Name { get; }

    public ECDsa Key { get; private set; }

    public string Password { get; private set; } = "";

    public Guid Stream { get; private set; } = Guid.NewGuid();

    public ulong Sequence { get; private set; }

    public byte[] LastHash => previous;

    public static RegisterKey Register { get; } = new("eastron", "SN-1", ObisCode.Parse("1-0:1.8.0"));

    /// <summary>Enrols a gateway with a name of its own.</summary>
    public static async Task<FieldGateway> EnrolledAsync(NpgsqlDataSource source, string? name = null)
    {
        var gateway = new FieldGateway(name ?? $"gw-{Interlocked.Increment(ref serial)}", ECDsa.Create(ECCurve.NamedCurves.nistP256));
        await gateway.EnrolAsync(source);
        return gateway;
    }

    /// <summary>Makes a new key and registers it, which closes the one before.</summary>
    public async Task RenewKeyAsync(NpgsqlDataSource source)
    {
        Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await EnrolAsync(source);
    }

    /// <summary>The next body of the stream.</summary>
    public byte[] NextBody(int readings = 3, Guid? predecessor = null, Func<int, Instant>? at = null)
    {
        Sequence++;
        var instants = at ?? (i => Start + Duration.FromMinutes(15 * (((long)Sequence * 10) + i)));
        var batch = new ReadingBatch(
            Name, Stream, Sequence, [.. previous], predecessor, Start,
            [.. Enumerable.Range(0, readings).Select(i => new Reading(Register, instants(i), (long)Sequence * 100 + i, 0, ReadingQuality.Good))],
            null, []);
        return Chain(BatchCodec.Encode(batch));
    }

    /// <summary>A gap record that stands for [from, through] and anchors the next previous hash.</summary>
    public byte[] GapBody(ulong from, ulong through, byte[] nextPrevious, byte[]? previousHash = null)
    {
        (Sequence, previous) = (through, nextPrevious);
        return BatchCodec.Encode(new ReadingBatch(
            Name, Stream, through, [.. previousHash ?? []], null, Start, [], new SequenceGap(from, [.. nextPrevious], "buffer lost"), []));
    }

    /// <summary>A body of any bytes at the next place of the stream.</summary>
    public byte[] Poison(byte[] body)
    {
        Sequence++;
        return Chain(body);
    }

    /// <summary>Opens a new stream, as after a fork.</summary>
    public Guid OpenStream()
    {
        var old = Stream;
        (Stream, Sequence, previous) = (Guid.NewGuid(), 0, []);
        return old;
    }

    /// <summary>The body signed by the current key, as it comes from the broker.</summary>
    public IncomingBatch Send(byte[] body, ulong? sequence = null, Instant? at = null) => new(
        Name, BatchSignature.Sign(body, Key).ToByteArray(), at ?? Now, Stream, (long)(sequence ?? Sequence));

    public IncomingBatch Next(int readings = 3) => Send(NextBody(readings));

    public ImmutableArray<IncomingBatch> Next(int count, int readings) => [.. Enumerable.Range(0, count).Select(_ => Next(readings))];

    public void Dispose() => Key.Dispose();

    /// <summary>The real time: keys are judged by it.</summary>
    public static Instant Now => Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow());

    private byte[] Chain(byte[] body)
    {
        previous = BatchSignature.Hash(body);
        return body;
    }

    private async Task EnrolAsync(NpgsqlDataSource source)
    {
        var enrolment = new Enrolment(source, TimeProvider.System);
        var (token, _) = await enrolment.CreateTokenAsync(Name, Duration.FromHours(1), default);
        var (result, _, password) = await enrolment.EnrolAsync(Name, token, Key.ExportSubjectPublicKeyInfo(), default);
        Assert.Equal(EnrolmentResult.Enrolled, result);
        Password = password;
    }
}
