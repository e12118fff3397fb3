using System.Globalization;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>Writes the price models of other systems as native components, and quantities as usage.</summary>
internal static class PriceModels
{
    public static decimal Number(JsonNode? node) => node is null ? 0m : decimal.Parse((string?)node ?? "0", NumberStyles.Float, CultureInfo.InvariantCulture);

    /// <summary>OpenMeter's models: unit, graduated, volume, package, dynamic; with discounts, limits and credits.</summary>
    public static Tariff OpenMeter(string model, JsonObject parameters, bool minimum = true)
    {
        var usage = model switch
        {
            "per_unit" or "any" => $"\"price\":{parameters["unit_amount"] ?? "0"}",
            "dynamic" => $"\"price\":{parameters["multiplier"]}",
            "package" => $"\"price\":[{{\"price\":{parameters["amount_per_package"] ?? "1"},\"block\":{parameters["package_size"]}}}]",
            "graduated" or "volume" => $"\"tierMode\":\"{model}\",\"tierBasis\":\"year\",\"price\":[{string.Join(',', parameters["tiers"]!.AsArray().Select(Tier))}]",
            "flat" => string.Empty,
            _ => throw new InvalidOperationException($"no component for {model}"),
        };
        if (model is "per_unit" or "package" or "any" or "dynamic")
        {
            usage += ",\"tierBasis\":\"year\"";
        }

        if (parameters["unit_config"] is JsonObject convert)
        {
            var mode = (string)convert["rounding"]! switch { "ceiling" => ",\"round\":{\"mode\":\"up\"}", "half_up" => ",\"round\":{\"mode\":\"half-up\"}", _ => string.Empty };
            usage += $",\"divideBy\":{convert["factor"]}{mode}";
        }

        if (parameters["usage_discount_quantity"] is { } free)
        {
            usage += $",\"freeUnits\":{free}";
        }

        var components = model == "flat"
            ? $"{{\"kind\":\"standing\",\"id\":\"use\",\"description\":\"Fee\",\"price\":{parameters["amount"]},\"per\":\"period\"}}"
            : $"{{\"kind\":\"usage\",\"id\":\"use\",\"description\":\"Use\",\"measure\":\"count\",\"unit\":\"1\",{usage}}}";
        if (parameters["percentage_discount"] is { } percent)
        {
            components += $",{{\"kind\":\"percentage\",\"id\":\"discount\",\"description\":\"Discount\",\"percent\":-{percent}}}";
        }

        if (parameters["maximum_amount"] is { } most)
        {
            components += $",{{\"kind\":\"maximum\",\"id\":\"maximum\",\"description\":\"Maximum\",\"amount\":{most},\"per\":\"cycle\"}}";
        }

        if (minimum && parameters["minimum_amount"] is { } least)
        {
            components += $",{{\"kind\":\"minimum\",\"id\":\"minimum\",\"description\":\"Minimum\",\"amount\":{least},\"per\":\"cycle\"}}";
        }

        if (parameters["credits_applied"] is not null)
        {
            components += ",{\"kind\":\"credit\",\"id\":\"credit\",\"description\":\"Credit\"}";
        }

        return A.TariffOf(components, currency: "USD");
    }

    /// <summary>Kill Bill's tiers of blocks; a tier's limit counts its own blocks, and what is above the last one is priced by it.</summary>
    public static string BlockTiers(JsonArray tiers, bool topTier)
    {
        var upTo = 0m;
        var rows = new List<string>();
        for (var i = 0; i < tiers.Count; i++)
        {
            var size = Number(tiers[i]!["block_size"]);
            upTo += size * Number(tiers[i]!["max_blocks"]);
            var end = i == tiers.Count - 1 ? string.Empty : $"\"upTo\":{upTo},";
            rows.Add($"{{{end}\"price\":{tiers[i]!["block_price"]},\"block\":{size}}}");
        }

        return $"\"tierMode\":\"{(topTier ? "volume" : "graduated")}\",\"tierBasis\":\"period\",\"price\":[{string.Join(',', rows)}]";
    }

    /// <summary>The bill of a quantity in a month of which a part may have been billed before.</summary>
    public static RatedPeriod Bill(Tariff tariff, decimal quantity, decimal usedBefore = 0m, decimal billedBefore = 0m, decimal credit = 0m, bool last = true)
    {
        var period = A.Days(last ? "2025-01-10" : "2025-01-01", last ? "2025-02-01" : "2025-01-10", DateTimeZone.Utc);
        var opening = RatingState.Empty.With("used:use", usedBefore).With("billed:maximum", billedBefore).With("billed:minimum", billedBefore).With("credit:credit", credit);
        return RatingEngine.Rate(A.Input(tariff, period, Count(period, "count", quantity)) with { Contract = new ContractParameters { Opening = opening } }, new Determinants.RatePlans());
    }

    public static LoadProfile Count(Metering.Calendars.LocalPeriod period, string measure, decimal quantity, int unit = 1) =>
        A.Total(period, measure, (long)(quantity * unit * 1_000_000m), -6);

    private static string Tier(JsonNode? tier)
    {
        var end = tier!["up_to"] is { } upTo ? $"\"upTo\":{upTo}," : string.Empty;
        var flat = tier["flat"] is { } amount ? $"\"flat\":{amount}," : string.Empty;
        return $"{{{end}{flat}\"price\":{tier["unit"] ?? "0"}}}";
    }
}
