using System.Text.Json;
using NodaTime;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Metering.Events;
using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>
/// A usage definition as a person writes it: strict, every problem with its path. For a list in the provisioning document, or alone for the API.
/// </summary>
public static class UsageDefinitionDocument
{
    private static readonly string[] Aggregations = ["sum", "count", "max", "latest"];

    /// <summary>Reads a document that is one definition; null when there is any problem.</summary>
    public static ProvisionedUsage? Parse(string json, List<ProvisioningProblem> problems)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                problems.Add(new("$", "must be an object with eventType, measure, aggregation, value, unit and from"));
                return null;
            }

            var result = JsonObjectReader.Read(document.RootElement, "$", problems, Read);
            return problems.Count == 0 ? result : null;
        }
        catch (JsonException e)
        {
            problems.Add(new("$", $"is not JSON: {e.Message}"));
            return null;
        }
    }

    internal static ProvisionedUsage Read(JsonObjectReader item)
    {
        var type = item.Matching("eventType", "1 to 256 visible ASCII characters, like com.example.call.ended", t => t.Length <= 256 && t.All(c => c is > ' ' and < '\x7f'));
        var measure = item.OneOf("measure", [.. Measure.All]);
        var measurand = Measure.Find(measure) ?? new Measurand(Quantity.Count, Direction.Import);
        var aggregation = item.OneOf("aggregation", Aggregations);
        var counts = aggregation == "count";
        var unit = Unit(item, measurand, counts);
        var value = counts ? null : Path(item, "value", item.Text("value", "where the value stands in an event, like data.seconds"));
        if (counts && item.OptionalText("value") is not null)
        {
            item.Problem("value", "has no place where events are counted; leave it out, or choose sum, max or latest");
        }

        var whereNothing = item.OptionalText("whereNothing") ?? (aggregation is "sum" or "count" ? "zero" : "missing");
        if (whereNothing is not ("zero" or "missing"))
        {
            item.Problem("whereNothing", "must be zero (a slot without events was not used) or missing (it is not known)");
        }

        var interval = item.OptionalInteger("intervalMinutes", 5, 60) ?? 15;
        if (interval is not (5 or 10 or 15 or 30 or 60))
        {
            item.Problem("intervalMinutes", "must be 5, 10, 15, 30 or 60");
        }

        var from = item.Date("from");
        return new ProvisionedUsage(
            item.Path,
            new UsageDefinition
            {
                EventType = type,
                Measurand = measurand,
                Aggregation = (UsageAggregation)(Array.IndexOf(Aggregations, aggregation) + 1),
                Value = value,
                Point = Path(item, "servicePoint", item.OptionalText("servicePoint") ?? "subject") ?? EventPath.Parse("subject")!,
                UnitFactor = unit.Factor,
                Exponent = item.OptionalInteger("exponent", -9, 9) ?? 0,
                IntervalMinutes = interval,
                ZeroWhereNothing = whereNothing == "zero",
                From = from == default ? new LocalDate(2000, 1, 1) : from,
            },
            measure,
            unit.Symbol,
            item.Map("subjects"));
    }

    private static (string Symbol, long Factor) Unit(JsonObjectReader item, Measurand measurand, bool counts)
    {
        var symbol = item.OptionalText("unit") ?? measurand.Unit.Symbol;
        if (counts && measurand.Quantity != Quantity.Count)
        {
            item.Problem("measure", "must be count where events are counted");
        }

        if (Protocols.Unit.Find(symbol) is { } unit && Measure.BaseUnitsIn(unit, measurand.Quantity) is { } factor && decimal.Truncate(factor) == factor)
        {
            return (symbol, (long)factor);
        }

        item.Problem("unit", $"'{symbol}' is no unit of {measurand.Quantity}; its base unit is {measurand.Unit.Symbol}");
        return (symbol, 1);
    }

    private static EventPath? Path(JsonObjectReader item, string name, string text)
    {
        var path = text.Length == 0 ? null : EventPath.Parse(text);
        if (text.Length > 0 && path is null)
        {
            item.Problem(name, $"'{text}' must be the name of an attribute like subject, or a path into the data like data.call.seconds");
        }

        return path;
    }
}
