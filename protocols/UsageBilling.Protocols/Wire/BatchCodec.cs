using System.Collections.Immutable;
using Google.Protobuf;
using NodaTime;

namespace UsageBilling.Protocols.Wire;

/// <summary>Turns a <see cref="ReadingBatch"/> into body bytes and back. Decoding never throws for bytes from outside: it says what is wrong.</summary>
public static class BatchCodec
{
    private const int HashLength = 32;
    private const long LongestOffsetMs = 1_000L * 365 * 86_400_000;

    /// <summary>The body's bytes; hashed, signed and kept as they are.</summary>
    public static byte[] Encode(ReadingBatch batch)
    {
        var body = new BatchBody
        {
            Gateway = batch.Gateway,
            Stream = Bytes(batch.Stream),
            Sequence = batch.Sequence,
            PreviousHash = ByteString.CopyFrom(batch.PreviousHash.AsSpan()),
            SealedAtMs = batch.SealedAt.ToUnixTimeMilliseconds(),
            ClockOffsetMs = (long)(batch.ClockOffset?.TotalMilliseconds ?? 0),
        };
        if (batch.Predecessor is { } predecessor)
        {
            body.Predecessor = Bytes(predecessor);
        }

        if (batch.Gap is { } gap)
        {
            body.Gap = new Gap { From = gap.From, NextPreviousHash = ByteString.CopyFrom(gap.NextPreviousHash.AsSpan()), Reason = gap.Reason };
        }

        foreach (var group in batch.Readings.GroupBy(r => (r.Register, r.Scale)))
        {
            body.Registers.Add(EncodeRegister(group.Key.Register, group.Key.Scale, group));
        }

        foreach (var note in batch.Events)
        {
            body.Events.Add(new GatewayEvent
            {
                AtMs = note.At.ToUnixTimeMilliseconds(),
                Kind = note.Kind,
                Register = note.Register?.ToString() ?? "",
                Detail = note.Detail,
            });
        }

        return body.ToByteArray();
    }

    /// <summary>
    /// Reads a body. On failure <paramref name="problem"/> says where and what. An event dated outside the calendar is kept with the instant of sealing:
    /// it must not cost the readings beside it.
    /// </summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out ReadingBatch batch, out string problem)
    {
        batch = null!;
        BatchBody body;
        try
        {
            body = BatchBody.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            problem = $"body is not a BatchBody: {e.Message}";
            return false;
        }

        problem = CheckHead(body) ?? "";
        if (problem.Length > 0)
        {
            return false;
        }

        var count = body.Registers.Sum(r => (long)r.Value.Count);
        if (count > ReadingBatch.MaxReadings)
        {
            problem = $"{count} readings, more than {ReadingBatch.MaxReadings}";
            return false;
        }

        var readings = ImmutableArray.CreateBuilder<Reading>((int)count);
        for (var i = 0; i < body.Registers.Count; i++)
        {
            if (DecodeRegister(body.Registers[i], readings) is { } wrong)
            {
                problem = $"registers[{i}]: {wrong}";
                return false;
            }
        }

        batch = new ReadingBatch(
            body.Gateway,
            Uuid(body.Stream),
            body.Sequence,
            [.. body.PreviousHash.Span],
            body.Predecessor.IsEmpty ? null : Uuid(body.Predecessor),
            Instant.FromUnixTimeMilliseconds(body.SealedAtMs),
            readings.ToImmutable(),
            body.Gap is { } gap ? new SequenceGap(gap.From, [.. gap.NextPreviousHash.Span], gap.Reason) : null,
            [.. body.Events.Select(e => new EventNote(
                Instant.FromUnixTimeMilliseconds(IsInstant(e.AtMs) ? e.AtMs : body.SealedAtMs),
                e.Kind,
                RegisterKey.TryParse(e.Register, out var key) ? key : null,
                e.Detail))])
        {
            // What no clock can be off by says as little as nothing.
            ClockOffset = body.ClockOffsetMs == 0 || Math.Abs((decimal)body.ClockOffsetMs) > LongestOffsetMs ? null : Duration.FromMilliseconds(body.ClockOffsetMs),
        };
        return true;
    }

    /// <summary>A UUID as the wire carries it.</summary>
    public static ByteString Bytes(Guid id) => ByteString.CopyFrom(id.ToByteArray(bigEndian: true));

    /// <summary>A UUID from the wire's 16 bytes; anything else is <see cref="Guid.Empty"/>.</summary>
    public static Guid Uuid(ByteString bytes) => bytes.Length == 16 ? new Guid(bytes.Span, bigEndian: true) : Guid.Empty;

    private static string? CheckHead(BatchBody body) => body switch
    {
        _ when !Name.IsValid(body.Gateway) => $"gateway '{body.Gateway}' is not a name",
        _ when Uuid(body.Stream) == Guid.Empty => "stream is not a UUID of 16 bytes",
        { Sequence: 0 or > long.MaxValue } => $"sequence {body.Sequence} is not between 1 and {long.MaxValue}",
        { Sequence: 1, PreviousHash.IsEmpty: false, Gap: null } => "sequence 1 has a previous hash",
        { Sequence: > 1, Gap: null } when body.PreviousHash.Length != HashLength => $"previous hash has {body.PreviousHash.Length} bytes, not {HashLength}",
        { Predecessor.IsEmpty: false } when Uuid(body.Predecessor) == Guid.Empty => "predecessor is not a UUID of 16 bytes",
        { Gap: { } gap } when gap.From == 0 || gap.From > body.Sequence => $"gap from {gap.From} does not end at sequence {body.Sequence}",
        { Gap: { } gap } when gap.NextPreviousHash.Length != HashLength => "gap names no next previous hash of 32 bytes",
        { Gap: not null, Registers.Count: > 0 } => "a gap holds no readings",
        _ when !IsInstant(body.SealedAtMs) => "sealed at an instant outside the calendar",
        _ => null,
    };

    private static RegisterReadings EncodeRegister(RegisterKey key, int scale, IEnumerable<Reading> readings)
    {
        var message = new RegisterReadings { Manufacturer = key.Manufacturer, Serial = key.Serial, Obis = key.Obis.ToString(), Scale = scale };
        long instant = 0, value = 0;
        var doubtful = false;
        foreach (var reading in readings)
        {
            var at = reading.At.ToUnixTimeMilliseconds();
            message.InstantMs.Add(at - instant);
            message.Value.Add(unchecked(reading.Value - value));
            message.Quality.Add((uint)reading.Quality);
            doubtful |= reading.Quality != ReadingQuality.Good;
            (instant, value) = (at, reading.Value);
        }

        if (!doubtful)
        {
            message.Quality.Clear();
        }

        return message;
    }

    private static string? DecodeRegister(RegisterReadings message, ImmutableArray<Reading>.Builder into)
    {
        if (!Name.IsValid(message.Manufacturer) || !Name.IsValid(message.Serial) || !ObisCode.TryParse(message.Obis, out var obis))
        {
            return $"'{message.Manufacturer}/{message.Serial}/{message.Obis}' does not name a register";
        }

        if (message.Scale is < -9 or > 9)
        {
            return $"scale {message.Scale} is not between -9 and 9";
        }

        if (message.InstantMs.Count != message.Value.Count || (message.Quality.Count != 0 && message.Quality.Count != message.Value.Count))
        {
            return $"{message.InstantMs.Count} instants, {message.Value.Count} values, {message.Quality.Count} qualities";
        }

        var key = new RegisterKey(message.Manufacturer, message.Serial, obis);
        long instant = 0, value = 0;
        for (var i = 0; i < message.Value.Count; i++)
        {
            instant = unchecked(instant + message.InstantMs[i]);
            value = unchecked(value + message.Value[i]);
            if (!IsInstant(instant))
            {
                return $"instant {i} is outside the calendar";
            }

            var quality = message.Quality.Count == 0 ? 0 : message.Quality[i];
            if (quality > byte.MaxValue)
            {
                return $"quality {i} is {quality}, more than {byte.MaxValue}";
            }

            into.Add(new Reading(key, Instant.FromUnixTimeMilliseconds(instant), value, message.Scale, (ReadingQuality)(byte)quality));
        }

        return null;
    }

    private static bool IsInstant(long unixMs) =>
        unixMs >= Instant.MinValue.ToUnixTimeMilliseconds() && unixMs <= Instant.MaxValue.ToUnixTimeMilliseconds();
}
