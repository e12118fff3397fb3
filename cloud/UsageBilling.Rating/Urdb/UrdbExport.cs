using System.Globalization;

namespace UsageBilling.Rating.Urdb;

/// <summary>What becomes of energy that a customer feeds in.</summary>
public enum UrdbMetering
{
    /// <summary>Export is taken off import in each period; what is left over is kept in kWh.</summary>
    NetMetering,

    /// <summary>Export is taken off import in each period; what is left over is kept as money, at the <c>sell</c> prices.</summary>
    NetMeteringMoney,

    /// <summary>Export is paid at the <c>sell</c> prices.</summary>
    NetBilling,

    /// <summary>Export earns money at the <c>sell</c> prices, which is kept for later bills.</summary>
    NetBillingCarry,

    /// <summary>Two meters: all import is bought, all generation sold.</summary>
    BuyAllSellAll,
}

/// <summary>
/// The rule of export: what the contract settles, else what the document says, as OpenEI writes it (<c>dgrules</c>,
/// <c>usenetmetering</c>) or as NREL's bill calculator does (<c>metering_option</c>, <c>net_metering</c>).
/// </summary>
internal static class UrdbExport
{
    private static readonly UrdbMetering[] ByOption = [UrdbMetering.NetMetering, UrdbMetering.NetMeteringMoney, UrdbMetering.NetBilling, UrdbMetering.NetBillingCarry, UrdbMetering.BuyAllSellAll];

    /// <summary>The names a contract uses.</summary>
    public static readonly (string Name, UrdbMetering Metering)[] Names =
    [
        ("net-metering", UrdbMetering.NetMetering), ("net-metering-money", UrdbMetering.NetMeteringMoney), ("net-billing", UrdbMetering.NetBilling),
        ("net-billing-carry", UrdbMetering.NetBillingCarry), ("buy-all-sell-all", UrdbMetering.BuyAllSellAll),
    ];

    /// <summary>The options with everything that the document adds; <see cref="UrdbOptions.Metering"/> stays null where nothing is said.</summary>
    public static UrdbOptions Read(UrdbFields fields, UrdbOptions options)
    {
        var stated = ReadRules(fields);
        if (fields.Item.Whole(fields.Name("metering_option"), 0, ByOption.Length - 1) is { } option)
        {
            stated = ByOption[option];
        }

        var metering = options.Metering ?? stated;
        if (options.CarryCredit && metering == UrdbMetering.NetBilling)
        {
            metering = UrdbMetering.NetBillingCarry;
        }

        return ReadCredits(fields, options with { Metering = metering });
    }

    private static UrdbMetering? ReadRules(UrdbFields fields)
    {
        var uses = fields.Item.Raw(fields.Name("usenetmetering"));
        var net = uses is { ValueKind: System.Text.Json.JsonValueKind.True } || (uses is { ValueKind: System.Text.Json.JsonValueKind.String } word && string.Equals(word.GetString(), "yes", StringComparison.OrdinalIgnoreCase));
        if (fields.Text("dgrules") is not { } text)
        {
            return net ? UrdbMetering.NetMetering : null;
        }

        var money = text.Contains('$', StringComparison.Ordinal);
        var words = (money ? text[..Cut(text)] : text).Trim().ToUpper(CultureInfo.InvariantCulture);
        switch (words)
        {
            case "NET METERING":
                return money ? UrdbMetering.NetMeteringMoney : UrdbMetering.NetMetering;
            case "NET BILLING" or "NET BILLING INSTANTANEOUS" or "NET BILLING HOURLY":
                return money ? UrdbMetering.NetBillingCarry : UrdbMetering.NetBilling;
            case "BUY ALL SELL ALL" when !money:
                return UrdbMetering.BuyAllSellAll;
            default:
                fields.Report("dgrules", $"\"{text}\" cannot be honoured; known: Net Metering, Net Billing Instantaneous, Net Billing Hourly (each also \"with $ credits\" or \"with $ carryover\"), Buy All Sell All");
                return null;
        }
    }

    /// <summary>Where the addition about money begins: "Net Metering with $ credits", "Net Metering $ credits".</summary>
    private static int Cut(string text)
    {
        var with = text.IndexOf(" with ", StringComparison.OrdinalIgnoreCase);
        return with >= 0 ? with : text.IndexOf('$', StringComparison.Ordinal);
    }

    private static UrdbOptions ReadCredits(UrdbFields fields, UrdbOptions options)
    {
        if (fields.Item.Child(fields.Name("net_metering")) is not { IsObject: true } rule)
        {
            return options;
        }

        var month = rule.Whole("credit_month_0based", 0, 11);
        var price = rule.Number("yearend_sell_rate", 0m);
        var rollover = rule.Flag("credit_rollover") ?? false;
        var lapses = rule.Flag("nb_credit_expire") ?? false;
        var sameMonth = rule.Flag("nb_apply_credit_current_month") ?? false;
        rule.Done();
        return options with
        {
            TrueUpPrice = options.TrueUpMonth is null ? price ?? options.TrueUpPrice : options.TrueUpPrice,
            TrueUpMonth = options.TrueUpMonth ?? (month + 1),
            Rollover = options.Rollover || rollover,
            Lapses = options.Lapses || lapses,
            SameMonth = options.SameMonth || sameMonth,
        };
    }
}
