using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using System.Threading.Channels;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Gateways;

/// <summary>A register's value this moment, for people who watch; never billed.</summary>
/// <param name="Register">Which register.</param>
/// <param name="Value">Raw integer.</param>
/// <param name="Scale">Power of ten in the OBIS code's base unit.</param>
/// <param name="Power">Watts, where the meter tells.</param>
public sealed record LiveValue(RegisterKey Register, long Value, int Scale, decimal? Power);

/// <summary>What a gateway sees this moment.</summary>
public sealed record LiveValues(string Gateway, Instant At, ImmutableArray<LiveValue> Registers);

/// <summary>The latest values of all gateways, in memory alone, and a subscription for pages.</summary>
public sealed class LiveFeed
{
    private const int LongestMessage = 64 * 1024;

    private readonly ConcurrentDictionary<string, LiveValues> latest = new();
    private readonly ConcurrentDictionary<Channel<LiveValues>, byte> subscribers = new();

    /// <summary>What a gateway said last; null: nothing since this instance started.</summary>
    public LiveValues? Latest(string gateway) => latest.GetValueOrDefault(gateway);

    /// <summary>What all gateways said last.</summary>
    public ImmutableArray<LiveValues> All() => [.. latest.Values];

    /// <summary>Values as they arrive, until cancelled; a reader that is slow misses old ones.</summary>
    public async IAsyncEnumerable<LiveValues> SubscribeAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var channel = Channel.CreateBounded<LiveValues>(new BoundedChannelOptions(256) { FullMode = BoundedChannelFullMode.DropOldest });
        subscribers[channel] = 0;
        try
        {
            await foreach (var values in channel.Reader.ReadAllAsync(cancellation))
            {
                yield return values;
            }
        }
        finally
        {
            subscribers.TryRemove(channel, out _);
        }
    }

    /// <summary>Takes a live message; one that cannot be read is worth nothing and is left.</summary>
    internal void Publish(string gateway, byte[] payload, Instant receivedAt)
    {
        if (payload.Length > LongestMessage || Read(gateway, payload, receivedAt) is not { } values)
        {
            return;
        }

        latest[gateway] = values;
        foreach (var subscriber in subscribers.Keys)
        {
            subscriber.Writer.TryWrite(values);
        }
    }

    private static LiveValues? Read(string gateway, byte[] payload, Instant receivedAt)
    {
        try
        {
            using var json = JsonDocument.Parse(payload);
            var root = json.RootElement;
            var at = root.TryGetProperty("at", out var text) && InstantPattern.ExtendedIso.Parse(text.GetString() ?? "") is { Success: true } parsed ? parsed.Value : receivedAt;
            var registers = ImmutableArray.CreateBuilder<LiveValue>();
            foreach (var register in root.GetProperty("registers").EnumerateArray())
            {
                if (RegisterKey.TryParse(register.GetProperty("register").GetString(), out var key))
                {
                    var power = register.TryGetProperty("power", out var watts) && watts.ValueKind == JsonValueKind.Number ? watts.GetDecimal() : default(decimal?);
                    registers.Add(new LiveValue(key, register.GetProperty("value").GetInt64(), register.GetProperty("scale").GetInt32(), power));
                }
            }

            return new LiveValues(gateway, at, registers.ToImmutable());
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
