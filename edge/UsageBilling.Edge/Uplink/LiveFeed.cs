using System.Buffers;
using System.Text.Json;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Uplink;

/// <summary>A register's latest value for people who watch.</summary>
/// <param name="Register">Which register.</param>
/// <param name="Value">Raw integer.</param>
/// <param name="Scale">Power of ten.</param>
/// <param name="PowerWatts">Present power, where the meter tells or two readings allow it.</param>
public readonly record struct LiveValue(RegisterKey Register, long Value, int Scale, long? PowerWatts);

/// <summary>The latest values: the newest replaces what was not sent. Never billed, never buffered.</summary>
public sealed class LiveFeed
{
    private byte[]? _latest;

    /// <summary>Raised when there is something new.</summary>
    public event Action? Changed;

    /// <summary>Shows values.</summary>
    public void Show(Instant at, IEnumerable<LiveValue> values)
    {
        Volatile.Write(ref _latest, ToJson(at, values));
        Changed?.Invoke();
    }

    internal byte[]? Take() => Interlocked.Exchange(ref _latest, null);

    private static byte[] ToJson(Instant at, IEnumerable<LiveValue> values)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("at", InstantPattern.General.Format(at));
            json.WriteStartArray("registers");
            foreach (var value in values)
            {
                json.WriteStartObject();
                json.WriteString("register", value.Register.ToString());
                json.WriteNumber("value", value.Value);
                json.WriteNumber("scale", value.Scale);
                if (value.PowerWatts is { } power)
                {
                    json.WriteNumber("power", power);
                }
                else
                {
                    json.WriteNull("power");
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
