using System.Buffers;
using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Edge.Buffer;

namespace UsageBilling.Edge.Health;

/// <summary>How a meter does, for the status document.</summary>
/// <param name="Id">The meter's name in the configuration.</param>
/// <param name="State">One word: <c>ok</c>, <c>failing</c>, <c>starting</c>.</param>
/// <param name="LastReadAt">When it was last read.</param>
/// <param name="Error">What is wrong, or null.</param>
public sealed record MeterStatus(string Id, string State, Instant? LastReadAt, string? Error);

/// <summary>What the gateway tells about itself: the retained status document.</summary>
public sealed class StatusBoard(ReadingBuffer buffer, GatewayClock clock, Supervision supervision)
{
    /// <summary>The last will: the broker says it when the connection breaks.</summary>
    public static ReadOnlySpan<byte> Will => "{\"state\":\"offline\"}"u8;

    private static readonly string Version =
        typeof(StatusBoard).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    private readonly ConcurrentDictionary<string, MeterStatus> _meters = new();

    /// <summary>A meter reports.</summary>
    public void Report(MeterStatus status) => _meters[status.Id] = status;

    /// <summary>The document as UTF-8 JSON.</summary>
    public byte[] ToJson(bool online)
    {
        var position = buffer.Position;
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("state", online ? "online" : "offline");
            json.WriteString("at", InstantPattern.General.Format(clock.Now));
            json.WriteString("stream", position.Stream);
            json.WriteNumber("sealedThrough", position.SealedThrough);
            json.WriteNumber("acknowledgedThrough", position.AcknowledgedThrough);
            json.WriteNumber("unsealed", position.UnsealedReadings);
            json.WriteNumber("bufferBytes", buffer.FileBytes);
            json.WriteBoolean("bufferFull", buffer.IsFull);
            json.WriteString("clock", clock.Trusted ? "trusted" : "untrusted");
            if (clock.Offset is { } offset)
            {
                json.WriteNumber("clockOffsetSeconds", offset.ToInt64Nanoseconds() / 100_000_000 / 10m);
            }

            json.WriteString("version", Version);
            json.WriteStartArray("stalled");
            foreach (var loop in supervision.Stalled())
            {
                json.WriteStringValue(loop);
            }

            json.WriteEndArray();
            WriteMeters(json);
            json.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    private void WriteMeters(Utf8JsonWriter json)
    {
        json.WriteStartArray("meters");
        foreach (var meter in _meters.Values.OrderBy(m => m.Id, StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("id", meter.Id);
            json.WriteString("state", meter.State);
            json.WriteString("lastReadAt", meter.LastReadAt is { } at ? InstantPattern.General.Format(at) : null);
            json.WriteString("error", meter.Error);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
