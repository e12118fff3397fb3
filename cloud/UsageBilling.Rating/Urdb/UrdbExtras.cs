using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;

namespace UsageBilling.Rating.Urdb;

/// <summary>The fields of a rate that few rates have: reactive power, coincident peaks, ratchets and look-backs.</summary>
internal static class UrdbExtras
{
    /// <summary>$/kVAR on the highest reactive demand of the month; a line of zero where no reactive energy is metered.</summary>
    public static void ReadReactive(UrdbFields fields, UrdbCharges charges)
    {
        if (fields.Number("demandreactivepowercharge", "demandReactPwrCharge") is not { } price || price == 0m)
        {
            return;
        }

        var stream = charges.Binder.Bind(new StreamSpec(new Measurand(Quantity.ReactiveEnergy, Direction.Import), 0, Rolling: false), null, monthly: true);
        charges.Add(new DemandCharge(charges.Head("reactive", "Reactive power", ChargeKind.Reactive), stream, null, [PriceLadder.Single(price)], 0m, QuantityRounding.None, null, unit: Unit.Kilovar, optional: true));
    }

    /// <summary>Demand at the system's peaks: the hours come with the contract; which period's price an hour bears, the schedule says.</summary>
    public static void ReadCoincident(UrdbFields fields, UrdbCharges charges)
    {
        fields.Unit("kW", ["coincidentrateunit"], "kW");
        var name = fields.Has("coincidentsched") ? "coincidentsched" : "coincidentschedule";
        if (UrdbTiers.Read(fields, "coincidentratestructure", energy: false) is not { } tiers)
        {
            fields.Item.Ignore(fields.Name(name));
            return;
        }

        if (fields.Matrix(name, tiers.Buy.Count) is not { } schedule)
        {
            fields.Report("coincidentratestructure", $"has {tiers.Buy.Count} periods and no \"coincidentschedule\" that says which hour bears which price; give it (the hours of the peaks themselves come with the contract: coincidentHours.coincident)");
            return;
        }

        for (var period = 0; period < tiers.Buy.Count; period++)
        {
            var (id, words) = tiers.Buy.Count == 1 ? ("coincident", "Demand at the system peak") : ($"coincident-{period}", $"Demand at the system peak, period {period}");
            charges.Add(new CoincidentCharge(charges.Head(id, words, ChargeKind.Demand), charges.Binder, "coincident", tiers.Buy[period], "coincidentratestructure", new CoincidentPeriod(schedule, period)));
        }
    }

    /// <summary>Ratchet (<c>demandratchetpercentage</c>, by month) or look-back (<c>lookbackPercent</c> with months or range).</summary>
    public static DemandLookback? ReadLookback(UrdbFields fields)
    {
        var all = Enumerable.Repeat(true, 12).ToArray();
        var ratchet = Fractions(fields, "demandratchetpercentage");
        var percent = fields.Number("lookbackpercent") ?? 0m;
        var range = (int)(fields.Number("lookbackrange") ?? 0m);
        var months = Fractions(fields, "lookbackmonths");
        if (ratchet is not null && ratchet.Any(share => share != 0m))
        {
            if (percent != 0m)
            {
                fields.Report("lookbackpercent", "stands beside \"demandratchetpercentage\"; keep one of them");
            }

            return new DemandLookback([.. ratchet.Select(share => share * 100m)], 11, all, all);
        }

        if (percent == 0m)
        {
            return null;
        }

        var flags = months is null || months.All(month => month == 0m) ? all : months.Select(month => month != 0m).ToArray();
        return new DemandLookback([.. Enumerable.Repeat(percent * 100m, 12)], range is > 0 and <= 60 ? range : 11, flags, all);
    }

    private static decimal[]? Fractions(UrdbFields fields, string field) => Numbers(fields, field, 0m);

    /// <summary>Twelve numbers, one a month, or null; text that holds a number is one.</summary>
    public static decimal[]? Numbers(UrdbFields fields, string field, decimal? least)
    {
        var items = fields.Item.Items(fields.Name(field));
        if (items.Count == 0)
        {
            return null;
        }

        if (items.Count != 12)
        {
            fields.Report(field, $"has {items.Count} numbers; give one for each month");
            return null;
        }

        return [.. items.Select(item => fields.Item.NumberOf(item.Value, fields.Name(field), least, 10m) ?? 0m)];
    }
}
