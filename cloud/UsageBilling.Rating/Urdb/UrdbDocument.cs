using System.Text.Json;
using NodaTime;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Urdb;

/// <summary>What a Utility Rate Database document leaves open.</summary>
/// <param name="Allocation">How tiers are shared by periods; null: in the order of time under net billing, else by share.</param>
/// <param name="TrueUpMonth">Month (1 to 12) whose bill settles what net metering or net billing kept; null for never.</param>
/// <param name="TrueUpPrice">Price of a kWh that net metering settles.</param>
/// <param name="CarryCredit">Net billing keeps credits for later bills instead of paying them at once.</param>
/// <param name="Metering">What becomes of export; null: as the document says.</param>
/// <param name="Rollover">Net metering in kWh: the true-up turns kWh into credit for later bills instead of paying them.</param>
/// <param name="SameMonth">Net billing with kept credits: what export earns pays charges of the same bill too.</param>
/// <param name="Lapses">What net billing kept lapses in the true-up month instead of being paid.</param>
public sealed record UrdbOptions(
    TierAllocation? Allocation = null,
    int? TrueUpMonth = null,
    decimal TrueUpPrice = 0m,
    bool CarryCredit = false,
    UrdbMetering? Metering = null,
    bool Rollover = false,
    bool SameMonth = false,
    bool Lapses = false);

/// <summary>
/// Reads Utility Rate Database documents (OpenEI, version 7 and 8) into the same components as native tariffs. A field that
/// changes an amount and cannot be honoured is a problem that names it. Such a document does not say how amounts are rounded:
/// the total is, so that it is within half a cent of the exact bill however many tiers it has.
/// </summary>
public static class UrdbDocument
{
    /// <summary>Reads a UTF-8 document: a rate, or a download whose <c>items</c> holds one.</summary>
    public static TariffParse Parse(ReadOnlyMemory<byte> json, UrdbOptions? options = null)
    {
        if (json.Length > TariffDocument.MaxBytes)
        {
            return new TariffParse(null, [new Problem("$", $"the document has {json.Length} bytes; the limit is {TariffDocument.MaxBytes}")]);
        }

        if (json.Span.StartsWith("\uFEFF"u8))
        {
            json = json[3..];
        }

        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            return Read(document.RootElement, options ?? new UrdbOptions());
        }
        catch (JsonException error)
        {
            return new TariffParse(null, [new Problem("$", $"is not JSON: {error.Message}", error.LineNumber is { } line ? checked((int)line + 1) : null)]);
        }
    }

    private static TariffParse Read(JsonElement root, UrdbOptions options)
    {
        var path = "$";
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("items", out var items) && items.ValueKind == JsonValueKind.Array)
        {
            if (items.GetArrayLength() != 1)
            {
                return new TariffParse(null, [new Problem("$.items", $"holds {items.GetArrayLength()} rates; give a document with one")]);
            }

            root = items[0];
            path = "$.items[0]";
        }

        var problems = new List<Problem>();
        var item = new StrictObject(root, path, problems);
        if (!item.IsObject)
        {
            return new TariffParse(null, problems);
        }

        var fields = new UrdbFields(item);
        var head = ReadHead(fields, root);
        var charges = new UrdbCharges(fields, head.Currency, options);
        var components = charges.Read(root);
        fields.Done();
        return problems.Count > 0
            ? new TariffParse(null, problems)
            : new TariffParse(new Tariff(head, charges.Calendar, TaxRules.None, components, charges.Binder.Layouts()), []);
    }

    private static TariffHead ReadHead(UrdbFields fields, JsonElement root)
    {
        string? Plain(string field) => root.TryGetProperty(fields.Name(field), out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        var from = ReadDate(root, fields, "startdate") ?? new LocalDate(1900, 1, 1);
        var to = ReadDate(root, fields, "enddate");
        if (to <= from)
        {
            fields.Report("enddate", $"{to:uuuu-MM-dd} is not after the start {from:uuuu-MM-dd}");
        }

        var name = string.Join(", ", new[] { Plain("utility"), Plain("name") }.Where(part => part is not null));
        var code = Plain("label") is { Length: > 0 and <= 64 } label ? label : "urdb";
        return new TariffHead(code, $"{from:uuuu-MM-dd}", name.Length == 0 ? "Utility Rate Database rate" : name, Plain("basicinformationcomments"), Currency.Find("USD")!.Value, from, to, RoundingRule.Total, ProrationRule.ActualDays);
    }

    /// <summary>Dates are seconds since 1970, as numbers or text.</summary>
    private static LocalDate? ReadDate(JsonElement root, UrdbFields fields, string field)
    {
        if (!root.TryGetProperty(fields.Name(field), out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (fields.Item.NumberOf(value, fields.Name(field), -3_000_000_000m, 30_000_000_000m) is not { } seconds)
        {
            return null;
        }

        return Instant.FromUnixTimeSeconds((long)seconds).InUtc().Date;
    }
}
