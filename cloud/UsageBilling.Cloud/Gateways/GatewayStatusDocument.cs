using System.Text.Json;
using NodaTime;
using NodaTime.Text;

namespace UsageBilling.Cloud.Gateways;

/// <summary>A meter in a gateway's status.</summary>
internal sealed record MeterState(string Id, string State, Instant? LastReadAt, string? Error);

/// <summary>What a gateway says about itself. It comes from outside: whatever is missing or has another shape is null.</summary>
internal sealed record GatewayStatusDocument(
    string? Stream, string? Version, string? Clock, decimal? ClockOffsetSeconds, long? SealedThrough, long? AcknowledgedThrough, long? Unsealed, long? BufferBytes, bool BufferFull, IReadOnlyList<MeterState> Meters)
{
    public static GatewayStatusDocument Empty { get; } = new(null, null, null, null, null, null, null, null, false, []);

    public static GatewayStatusDocument Read(JsonElement? status)
    {
        if (status is not { ValueKind: JsonValueKind.Object } json)
        {
            return Empty;
        }

        var meters = json.TryGetProperty("meters", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Where(m => m.ValueKind == JsonValueKind.Object).Select(Meter).OrderBy(m => m.Id, StringComparer.Ordinal).ToList()
            : [];
        decimal? offset = json.TryGetProperty("clockOffsetSeconds", out var told) && told.ValueKind == JsonValueKind.Number && told.TryGetDecimal(out var seconds) ? seconds : null;
        return new GatewayStatusDocument(
            Text(json, "stream"), Text(json, "version"), Text(json, "clock"), offset, Number(json, "sealedThrough"), Number(json, "acknowledgedThrough"), Number(json, "unsealed"),
            Number(json, "bufferBytes"), json.TryGetProperty("bufferFull", out var full) && full.ValueKind == JsonValueKind.True, meters);
    }

    private static MeterState Meter(JsonElement meter) => new(
        Text(meter, "id") ?? "?", Text(meter, "state") ?? "?", InstantPattern.ExtendedIso.Parse(Text(meter, "lastReadAt") ?? "") is { Success: true } at ? at.Value : null, Text(meter, "error"));

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;
}
