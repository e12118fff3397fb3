using System.Security.Cryptography;
using Google.Protobuf;
using NodaTime;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Ingest;

/// <summary>
/// From a message's bytes to a verified batch or a refusal, in this order: size, envelope, whose name the body bears, key at receipt, signature,
/// content. A body that is signed well and reads badly is taken: it is the gateway's word, kept until somebody can read it.
/// </summary>
internal static class BatchCheck
{
    /// <summary>The largest message; a batch of 2,000 readings has about 50 KB.</summary>
    public const int MaxBytes = 1024 * 1024;

    // PostgreSQL's calendar ends before ours.
    private static readonly Instant Earliest = Instant.FromUtc(1, 1, 1, 0, 0);
    private static readonly Instant Latest = Instant.FromUtc(9999, 1, 1, 0, 0);

    /// <summary>Takes the envelope apart and reads the body; no key is needed yet.</summary>
    public static OpenedBatch Open(IncomingBatch incoming)
    {
        var named = (incoming.NamedStream, incoming.NamedSequence);
        if (incoming.Payload.Length > MaxBytes)
        {
            return Refused(incoming, RefusalReasons.TooLarge, $"{incoming.Payload.Length} bytes, more than {MaxBytes}", named);
        }

        SignedBatch envelope;
        try
        {
            envelope = SignedBatch.Parser.ParseFrom(incoming.Payload);
        }
        catch (InvalidProtocolBufferException e)
        {
            return Refused(incoming, RefusalReasons.BadSignature, $"not a SignedBatch: {e.Message}", named);
        }

        var opened = new OpenedBatch { Incoming = incoming, Envelope = envelope, Hash = BatchSignature.Hash(envelope.Body.Span) };
        if (BatchCodec.TryDecode(envelope.Body.Span, out var batch, out var problem))
        {
            return Own(opened with { Batch = batch, Stream = batch.Stream, Sequence = (long)batch.Sequence }, batch.Gateway);
        }

        var head = Head(envelope.Body);
        var stream = head is null ? Guid.Empty : BatchCodec.Uuid(head.Stream);
        opened = opened with
        {
            Problem = problem,
            PreviousHash = head?.PreviousHash.Length == 32 ? head.PreviousHash.ToByteArray() : [],
            Stream = stream == Guid.Empty ? incoming.NamedStream : stream,
            Sequence = head?.Sequence is > 0 and <= long.MaxValue ? (long)head.Sequence : incoming.NamedSequence,
        };
        return Own(opened, string.IsNullOrEmpty(head?.Gateway) ? incoming.Gateway : head.Gateway);
    }

    /// <summary>Judges an opened batch by its key's state when it was received.</summary>
    public static (VerifiedBatch? Verified, Refusal? Refused) Verify(OpenedBatch opened, KeyState key)
    {
        var keyId = Journal.Storable(opened.Envelope.KeyId);
        var wrong = key switch
        {
            { GatewayKnown: false } => (RefusalReasons.UnknownGateway, $"no gateway '{opened.Incoming.Gateway}' is enrolled"),
            { PublicKey: null } => (RefusalReasons.UnknownKey, $"key '{keyId}' is not one of the gateway's"),
            { ClosedAt: { } closed } when closed <= opened.Incoming.ReceivedAt => (RefusalReasons.ClosedKey, $"key '{keyId}' was {key.ClosedReason} at {closed}"),
            _ when !IsSigned(opened.Envelope, key.PublicKey) => (RefusalReasons.BadSignature, $"signature by key '{keyId}' does not hold"),
            _ when opened.Stream is null || opened.Sequence is null => (RefusalReasons.Unreadable, opened.Problem),
            _ => default((string Reason, string Detail)?),
        };
        return wrong is { } no ? (null, opened.Refuse(no.Reason, no.Detail)) : (Describe(opened), null);
    }

    private static OpenedBatch Own(OpenedBatch opened, string claimed) => claimed == opened.Incoming.Gateway
        ? opened
        : opened with { Refusal = opened.Refuse(RefusalReasons.ForeignGateway, $"the body says it is by '{claimed}'") };

    private static OpenedBatch Refused(IncomingBatch incoming, string reason, string detail, (Guid? Stream, long? Sequence) named)
    {
        var opened = new OpenedBatch
        {
            Incoming = incoming,
            Envelope = new SignedBatch(),
            Hash = SHA256.HashData(incoming.Payload),
            Stream = named.Stream,
            Sequence = named.Sequence,
        };
        return opened with { Refusal = opened.Refuse(reason, detail) };
    }

    private static BatchBody? Head(ByteString body)
    {
        try
        {
            return BatchBody.Parser.ParseFrom(body);
        }
        catch (InvalidProtocolBufferException)
        {
            return null; // Open has the reason; the message's properties may still place it
        }
    }

    private static bool IsSigned(SignedBatch envelope, ECDsa key)
    {
        // One key may be at work on several threads, which ECDsa does not promise to bear.
        lock (key)
        {
            return BatchSignature.Verify(envelope, key);
        }
    }

    private static VerifiedBatch Describe(OpenedBatch opened)
    {
        var (sequence, batch) = (opened.Sequence!.Value, opened.Batch);
        var verified = new VerifiedBatch
        {
            Incoming = opened.Incoming,
            Stream = new StreamKey(opened.Incoming.Gateway, opened.Stream!.Value),
            Link = batch?.Gap is { } gap
                ? new Link((long)gap.From, sequence, [.. batch.PreviousHash], [.. gap.NextPreviousHash])
                : new Link(sequence, sequence, batch is null ? opened.PreviousHash : [.. batch.PreviousHash], opened.Hash),
            Kind = batch is null ? BatchKind.Unreadable : batch.Gap is null ? BatchKind.Readings : BatchKind.Gap,
            Hash = opened.Hash,
            KeyId = opened.Envelope.KeyId,
            Signature = opened.Envelope.Signature.ToByteArray(),
            Body = opened.Envelope.Body.ToByteArray(),
            Predecessor = batch?.Predecessor,
        };
        if (batch is null)
        {
            return verified with { ParkReason = ParkReasons.Unparseable, ParkDetail = opened.Problem };
        }

        Instant? first = null, last = null;
        var registers = new HashSet<Guid>();
        var register = default(UsageBilling.Protocols.RegisterKey);
        foreach (var reading in batch.Readings)
        {
            // Readings come grouped by register: an id is a hash, made once a group.
            if (reading.Register != register)
            {
                register = reading.Register;
                registers.Add(register.Id.Value);
            }

            first = first is null || reading.At < first ? reading.At : first;
            last = last is null || reading.At > last ? reading.At : last;
        }

        // What is said of a register is found with its batches, as its readings are.
        registers.UnionWith(batch.Events.Where(e => e is { Kind: EventKinds.MeterSerial, Register: not null }).Select(e => e.Register!.Value.Id.Value));
        return verified with
        {
            Readings = batch.Readings.Length,
            FirstAt = first is { } f ? Instant.Max(Earliest, Instant.Min(Latest, f)) : null,
            LastAt = last is { } l ? Instant.Max(Earliest, Instant.Min(Latest, l)) : null,
            Registers = [.. registers],
        };
    }
}

/// <summary>A message taken apart, before its key is known.</summary>
internal sealed record OpenedBatch
{
    public required IncomingBatch Incoming { get; init; }
    public required SignedBatch Envelope { get; init; }
    public required byte[] Hash { get; init; }
    public ReadingBatch? Batch { get; init; }
    public byte[] PreviousHash { get; init; } = [];
    public Guid? Stream { get; init; }
    public long? Sequence { get; init; }
    public string Problem { get; init; } = "";

    /// <summary>Set when the message is refused whatever its key.</summary>
    public Refusal? Refusal { get; init; }

    public Refusal Refuse(string reason, string detail) => new(
        Incoming, reason == RefusalReasons.UnknownGateway ? Refusal.Nobody : Incoming.Gateway, reason, detail, Hash, Stream, Sequence);
}
