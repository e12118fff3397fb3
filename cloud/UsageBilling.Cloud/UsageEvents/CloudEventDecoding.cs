using System.Net.Mime;
using System.Text.Json;
using CloudNative.CloudEvents;
using CloudNative.CloudEvents.Http;
using CloudNative.CloudEvents.SystemTextJson;
using NodaTime;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>An event of a request as far as CloudEvents goes: its attributes as texts, its time and its data where that is JSON; or why it is none. Raw: as it came; in binary mode its data.</summary>
internal sealed record DecodedEvent(int Index, IReadOnlyDictionary<string, string> Attributes, Instant? Time, JsonElement? Data, string? Problem, ReadOnlyMemory<byte> Raw)
{
    public string? Attribute(string name) => Attributes.GetValueOrDefault(name);
}

/// <summary>
/// CloudEvents 1.0 over HTTP: structured mode (<c>application/cloudevents+json</c>), batches of it (<c>application/cloudevents-batch+json</c>) and binary mode (<c>ce-</c> headers).
/// Events of a batch are decoded one by one, so that a wrong one spoils none of the others.
/// </summary>
internal static class CloudEventDecoding
{
    private const string Structured = "application/cloudevents+json";
    private const string Batch = "application/cloudevents-batch+json";

    private static readonly JsonEventFormatter Formatter = new(new JsonSerializerOptions(), new JsonDocumentOptions { AllowDuplicateProperties = false });
    private static readonly Dictionary<string, string> NoAttributes = [];

    /// <summary>The events of a request, or what is wrong with all of it.</summary>
    public static (IReadOnlyList<DecodedEvent> Events, string? Problem) Decode(string? contentType, IHeaderDictionary headers, ReadOnlyMemory<byte> body)
    {
        ContentType? type = null;
        try
        {
            type = string.IsNullOrEmpty(contentType) ? null : new ContentType(contentType);
        }
        catch (FormatException)
        {
            return ([], $"Content-Type '{contentType}' is none");
        }

        if (type?.CharSet is { } charset && !charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase))
        {
            return ([], $"Content-Type names the charset {charset}; send UTF-8");
        }

        if (string.Equals(type?.MediaType, Batch, StringComparison.OrdinalIgnoreCase))
        {
            return DecodeBatch(body);
        }

        if (string.Equals(type?.MediaType, Structured, StringComparison.OrdinalIgnoreCase))
        {
            return ([DecodeStructured(0, body)], null);
        }

        return headers.ContainsKey(HttpUtilities.SpecVersionHttpHeader)
            ? ([DecodeBinary(type, headers, body)], null)
            : ([], $"send {Structured}, {Batch}, or the event's attributes in ce- headers with its data as the body (binary mode)");
    }

    private static (IReadOnlyList<DecodedEvent> Events, string? Problem) DecodeBatch(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Array
                ? ([.. document.RootElement.EnumerateArray().Select((e, i) => DecodeStructured(i, System.Text.Encoding.UTF8.GetBytes(e.GetRawText())))], null)
                : ([], "a batch is a JSON list of events");
        }
        catch (JsonException e)
        {
            return ([], $"the batch is not JSON: {e.Message}");
        }
    }

    private static DecodedEvent DecodeStructured(int index, ReadOnlyMemory<byte> json) =>
        Decoded(index, json, () => Formatter.DecodeStructuredModeMessage(json, new ContentType(Structured), null));

    private static DecodedEvent DecodeBinary(ContentType? type, IHeaderDictionary headers, ReadOnlyMemory<byte> body) => Decoded(0, body, () =>
    {
        var version = CloudEventsSpecVersion.FromVersionId(headers[HttpUtilities.SpecVersionHttpHeader].ToString())
            ?? throw new ArgumentException($"specversion '{headers[HttpUtilities.SpecVersionHttpHeader]}' is not known; send 1.0");
        var e = new CloudEvent(version);
        foreach (var (header, value) in headers)
        {
            if (HttpUtilities.GetAttributeNameFromHeaderName(header) is { } name && name != CloudEventsSpecVersion.SpecVersionAttribute.Name)
            {
                e.SetAttributeFromString(name, HttpUtilities.DecodeHeaderValue(value.ToString()));
            }
        }

        e.DataContentType = type?.ToString();
        if (body.Length > 0)
        {
            Formatter.DecodeBinaryModeEventData(body, e);
        }

        if (!e.IsValid)
        {
            throw new ArgumentException("id, source and type must be there, as ce-id, ce-source and ce-type");
        }

        return e;
    });

    private static DecodedEvent Decoded(int index, ReadOnlyMemory<byte> raw, Func<CloudEvent> decode)
    {
        try
        {
            var e = decode();
            var attributes = e.GetPopulatedAttributes().ToDictionary(a => a.Key.Name, a => a.Key.Format(a.Value), StringComparer.Ordinal);
            return new(index, attributes, e.Time is { } time ? Instant.FromDateTimeOffset(time) : null, e.Data is JsonElement data ? data : null, null, raw);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or JsonException or InvalidOperationException)
        {
            return new(index, NoAttributes, null, null, $"is no CloudEvent: {e.Message}", raw);
        }
    }
}
