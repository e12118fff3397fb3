using System.Text.Json;
using NodaTime;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;

namespace UsageBilling.Rating.Tariffs;

/// <summary>What came of reading a tariff document: the tariff, or every problem found.</summary>
/// <param name="Tariff">The tariff; null when there are problems.</param>
/// <param name="Problems">Empty when there is a tariff.</param>
public sealed record TariffParse(Tariff? Tariff, IReadOnlyList<Problem> Problems);

/// <summary>Reads native tariff documents (<c>protocols/tariffs/tariff.v1.schema.json</c>), strictly.</summary>
public static class TariffDocument
{
    /// <summary>Documents are far smaller; a limit keeps a mistake from filling memory.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    private const string Format = "usage-billing/tariff.v1";

    private static readonly string[] Kinds = ["standing", "usage", "demand", "percentage", "minimum", "maximum", "credit-carry", "true-up", "coincident", "dynamic", "demand-average", "capacity", "power-factor", "step", "credit"];

    /// <summary>
    /// Reads a UTF-8 document and lists everything that is wrong with it. <paramref name="allocation"/>, where given, takes the
    /// place of what components say about sharing tiers (for what-if comparison).
    /// </summary>
    public static TariffParse Parse(ReadOnlyMemory<byte> json, TierAllocation? allocation = null)
    {
        if (json.Length > MaxBytes)
        {
            return Failed(new Problem("$", $"the document has {json.Length} bytes; the limit is {MaxBytes}"));
        }

        if (json.Span.StartsWith("\uFEFF"u8))
        {
            json = json[3..];
        }

        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            return Read(document.RootElement, allocation);
        }
        catch (JsonException error)
        {
            return Failed(new Problem("$", $"is not JSON: {error.Message}", error.LineNumber is { } line ? checked((int)line + 1) : null));
        }
    }

    private static TariffParse Read(JsonElement root, TierAllocation? allocation)
    {
        var problems = new List<Problem>();
        var item = new StrictObject(root, "$", problems);
        if (!item.IsObject)
        {
            return new TariffParse(null, problems);
        }

        item.Ignore("$schema");
        if (item.RequiredText("format", Format) is { Length: > 0 } format && format != Format)
        {
            item.Report("format", $"\"{format}\" is not known; this program reads \"{Format}\"");
        }

        var head = ReadHead(item);
        var calendar = item.Child("calendar") is { IsObject: true } child ? CalendarReader.Read(child) : TariffCalendar.Plain;
        var binder = new StreamBinder();
        var tax = item.Child("tax") is { IsObject: true } taxes ? TaxRules.Read(taxes, binder) : TaxRules.None;
        var context = new ChargeContext(calendar, tax, binder, head.Currency, [], allocation);
        var charges = new List<Charge>();
        foreach (var (value, path) in item.Items("components"))
        {
            var component = new StrictObject(value, path, problems);
            if (component.IsObject && ReadCharge(component, context) is { } charge)
            {
                charges.Add(charge);
            }
        }

        if (charges.Count == 0 && problems.Count == 0)
        {
            item.Report("components", "is missing; a tariff has at least one component");
        }

        item.Done();
        return problems.Count > 0
            ? new TariffParse(null, problems)
            : new TariffParse(new Tariff(head, calendar, tax, charges, binder.Layouts()) { Series = [.. context.Series] }, []);
    }

    private static TariffHead ReadHead(StrictObject item)
    {
        var code = item.RequiredText("code", "household-flat");
        var version = item.RequiredText("version", "2026-01");
        CheckName(item, "code", code);
        CheckName(item, "version", version);
        var name = item.RequiredText("name", "Household, one price");
        var comment = item.Text("comment", 8000);
        var currencyCode = item.RequiredText("currency", "EUR");
        var currency = Currency.Find(currencyCode);
        if (currency is null && currencyCode.Length > 0)
        {
            item.Report("currency", $"\"{currencyCode}\" is not an ISO 4217 code such as EUR");
        }

        var (from, to) = ReadEffective(item);
        var rounding = item.Choice("rounding", "line", "line", "total") == "total" ? RoundingRule.Total : RoundingRule.Line;
        var proration = item.Choice("proration", "actual-days", "actual-days", "mean-month", "30-day") switch
        {
            "mean-month" => ProrationRule.MeanMonth,
            "30-day" => ProrationRule.ThirtyDays,
            _ => ProrationRule.ActualDays,
        };
        return new TariffHead(code, version, name, comment, currency ?? Currency.Find("EUR")!.Value, from, to, rounding, proration);
    }

    private static void CheckName(StrictObject item, string field, string value)
    {
        if (value.Length > 0 && !UsageBilling.Protocols.Name.IsValid(value))
        {
            item.Report(field, $"\"{value}\" must be 1 to 64 letters, digits, '-', '_' or '.'");
        }
    }

    private static (LocalDate From, LocalDate? To) ReadEffective(StrictObject item)
    {
        if (item.Child("effective") is not { IsObject: true } effective)
        {
            if (!item.Has("effective"))
            {
                item.Report("effective", "is missing; give {\"from\": \"2026-01-01\"}");
            }

            return (default, null);
        }

        var from = effective.Date("from");
        if (from is null && !effective.Has("from"))
        {
            effective.Report("from", "is missing; give the first day of this version");
        }

        var to = effective.Date("to");
        if (to <= from)
        {
            effective.Report("to", $"{to:uuuu-MM-dd} is not after {from:uuuu-MM-dd}; it is the day after the last one");
        }

        effective.Done();
        return (from ?? default, to);
    }

    private static Charge? ReadCharge(StrictObject item, ChargeContext context)
    {
        if (!item.Has("kind"))
        {
            item.Report("kind", $"is missing; write one of {string.Join(", ", Kinds)}");
            return null;
        }

        var before = item.Problems.Count;
        var kind = item.Choice("kind", string.Empty, Kinds);
        if (item.Problems.Count > before)
        {
            return null;
        }

        return kind switch
        {
            "standing" => StandingCharge.Read(item, context),
            "usage" => UsageCharge.Read(item, context),
            "demand" => DemandCharge.Read(item, context),
            "percentage" => PercentageCharge.Read(item, context),
            "credit-carry" => CreditCarryCharge.Read(item, context),
            "dynamic" => DynamicCharge.Read(item, context),
            "demand-average" => DemandAverageCharge.Read(item, context),
            "capacity" => CapacityCharge.Read(item, context),
            "power-factor" => PowerFactorCharge.Read(item, context),
            "step" => StepCharge.Read(item, context),
            "credit" => CreditCharge.Read(item, context),
            "coincident" => CoincidentCharge.Read(item, context),
            "true-up" => TrueUpCharge.Read(item, context),
            "minimum" => LimitCharge.Read(item, context, minimum: true),
            _ => LimitCharge.Read(item, context, minimum: false),
        };
    }

    private static TariffParse Failed(Problem problem) => new(null, [problem]);
}
