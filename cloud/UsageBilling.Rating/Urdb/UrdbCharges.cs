using System.Text.Json;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Urdb;

/// <summary>Turns the fields of a rate into components, in the order in which a bill lists them.</summary>
internal sealed class UrdbCharges(UrdbFields fields, Currency currency, UrdbOptions options)
{
    private static readonly Measurand Import = new(Quantity.ActiveEnergy, Direction.Import);
    private static readonly Measurand Export = new(Quantity.ActiveEnergy, Direction.Export);
    private static readonly BilledUnit KilowattHours = new(Unit.KilowattHour, 1_000m);

    private readonly List<Charge> _charges = [];
    private readonly List<Schedule> _schedules = [];

    public StreamBinder Binder { get; } = new();

    public TariffCalendar Calendar => UrdbCalendar.Of(_schedules);

    public IReadOnlyList<Charge> Read(JsonElement root)
    {
        ReadFixed();
        ReadEnergy(root);
        ReadDemand();
        UrdbExtras.ReadReactive(fields, this);
        UrdbExtras.ReadCoincident(fields, this);
        ReadMinimums();
        return _charges;
    }

    public void Add(Charge charge) => _charges.Add(charge);

    public ChargeHead Head(string id, string description, ChargeKind kind) => new(id, description, kind, null, TaxClass.OutOfScope, currency);

    private void ReadFixed()
    {
        if (fields.Number("fixedmonthlycharge") is { } monthly and not 0m)
        {
            Add(new StandingCharge(Head("fixed-monthly", "Fixed charge", ChargeKind.Fixed), monthly, Unit.Month));
        }

        var per = Per("fixedchargeunits");
        if (fields.Number("fixedchargefirstmeter") is { } first and not 0m)
        {
            Add(new StandingCharge(Head("fixed", "Fixed charge, first meter", ChargeKind.Fixed), first, per));
        }

        if (fields.Number("fixedchargeeaaddl") is not (null or 0m))
        {
            fields.Report("fixedchargeeaaddl", "is a charge for each further meter, and one meter is billed here; add the further meters' charge to \"fixedchargefirstmeter\" and remove it");
        }
    }

    private Unit Per(string field) => fields.Unit("$/month", [field], "$/month", "$/day", "$/year") switch
    {
        "$/day" => Unit.Day,
        "$/year" => Unit.Year,
        _ => Unit.Month,
    };

    private void ReadEnergy(JsonElement root)
    {
        var rule = ReadExportRule();
        if (UrdbTiers.Read(fields, "energyratestructure", energy: true) is not { } tiers)
        {
            fields.Item.Ignore(fields.Name("energyweekdayschedule"));
            fields.Item.Ignore(fields.Name("energyweekendschedule"));
            if (!fields.Has("demandratestructure") && !fields.Has("flatdemandstructure") && !fields.Has("fixedmonthlycharge") && !fields.Has("fixedchargefirstmeter"))
            {
                fields.Report("energyratestructure", "is missing; a rate needs prices");
            }

            return;
        }

        var schedule = ReadSchedule("energy", tiers.Buy.Count, Labels(root, tiers.Buy.Count));
        if (fields.Item.Problems.Count > 0)
        {
            return;
        }

        var netBilling = rule is ExportRule.NetBilling or ExportRule.BuyAllSellAll || (rule is ExportRule.None && tiers.Sells);
        var allocation = options.Allocation ?? (rule == ExportRule.NetBilling ? TierAllocation.Chronological : TierAllocation.Proportional);
        var basis = tiers.Daily ? TierBasis.Day : TierBasis.Month;
        var net = rule == ExportRule.NetMetering ? new NetMetering("energy", Binder, schedule) : null;
        var bought = UsageQuantity.Of(Binder, Import, KilowattHours, schedule, net: net);
        var demand = tiers.Buy.Any(ladder => ladder.PerKilowatt) ? BilledDemand.Of(Binder, null) : null;
        Add(new UsageCharge(Head("energy", "Energy", ChargeKind.Energy), bought, [.. tiers.Buy], TierMode.Graduated, basis, allocation, 1m, 1, demand));
        if (netBilling && tiers.Sells)
        {
            var sold = UsageQuantity.Of(Binder, Export, KilowattHours, schedule, optional: true);
            Add(new UsageCharge(Head("export", "Energy fed into the grid", ChargeKind.Export), sold, [.. tiers.Sell], TierMode.Graduated, basis, allocation, 1m, -1, demand));
            if (options.CarryCredit)
            {
                Add(new CreditCarryCharge(Head("export-credit", "Export credit", ChargeKind.Credit), new ComponentSet(["export"]), new ComponentSet(["energy"]), sameMonth: false));
            }
        }

        if (options.TrueUpMonth is { } month && (net is not null || (netBilling && options.CarryCredit)))
        {
            var head = Head("true-up", "Settlement of export kept", ChargeKind.Credit);
            Add(net is not null ? new TrueUpCharge(head, "energy", month, options.TrueUpPrice) : new TrueUpCharge(head, "export-credit", month, null));
        }
    }

    private ExportRule ReadExportRule()
    {
        var text = fields.Text("dgrules");
        switch (text?.ToUpperInvariant())
        {
            case null:
                return ExportRule.None;
            case "NET METERING":
                return ExportRule.NetMetering;
            case "NET BILLING INSTANTANEOUS" or "NET BILLING HOURLY" or "NET BILLING INSTANTANEOUS WITH $ CARRYOVER":
                options = text.Contains('$', StringComparison.Ordinal) ? options with { CarryCredit = true } : options;
                return ExportRule.NetBilling;
            case "BUY ALL SELL ALL":
                return ExportRule.BuyAllSellAll;
            default:
                fields.Report("dgrules", $"\"{text}\" cannot be honoured; known: Net Metering, Net Billing Instantaneous, Net Billing Hourly, Buy All Sell All");
                return ExportRule.None;
        }
    }

    private string[]? Labels(JsonElement root, int periods)
    {
        if (!root.TryGetProperty(fields.Name("energytoulabels"), out var labels) || labels.ValueKind != JsonValueKind.Array || labels.GetArrayLength() != periods)
        {
            return null;
        }

        return [.. labels.EnumerateArray().Select((label, i) => label.ValueKind == JsonValueKind.String ? label.GetString()! : $"period {i}")];
    }

    private Schedule? ReadSchedule(string prefix, int periods, IReadOnlyList<string>? labels)
    {
        var weekday = fields.Matrix($"{prefix}weekdayschedule", periods);
        var weekend = fields.Matrix($"{prefix}weekendschedule", periods);
        if (weekday is null && weekend is null)
        {
            if (periods > 1)
            {
                fields.Report($"{prefix}weekdayschedule", $"is missing; {periods} periods need a schedule");
            }

            return null;
        }

        if (weekday is null || weekend is null)
        {
            fields.Report(weekday is null ? $"{prefix}weekdayschedule" : $"{prefix}weekendschedule", "is missing or wrong while the other schedule is given; give both");
            return null;
        }

        var schedule = UrdbCalendar.Hours(prefix, weekday, weekend, periods, labels);
        _schedules.Add(schedule);
        return periods == 1 ? null : schedule;
    }

    private void ReadDemand()
    {
        var perDay = PerDay("demandrateunit") | PerDay("demandunits") | PerDay("demandrateunits");
        var flatPerDay = PerDay("flatdemandunit") | PerDay("flatdemandunits");
        var window = ReadWindow();
        var lookback = UrdbExtras.ReadLookback(fields);
        var touTiers = UrdbTiers.Read(fields, "demandratestructure", energy: false);
        var touSchedule = touTiers is null ? null : ReadSchedule("demand", touTiers.Buy.Count, null);
        if (touTiers is null)
        {
            fields.Item.Ignore(fields.Name("demandweekdayschedule"));
            fields.Item.Ignore(fields.Name("demandweekendschedule"));
        }

        var flatTiers = UrdbTiers.Read(fields, "flatdemandstructure", energy: false);
        var months = flatTiers is null ? null : fields.Months("flatdemandmonths", flatTiers.Buy.Count);
        if (flatTiers is null)
        {
            fields.Item.Ignore(fields.Name("flatdemandmonths"));
        }
        else if (months is null && flatTiers.Buy.Count > 1 && !fields.Has("flatdemandmonths"))
        {
            fields.Report("flatdemandmonths", $"is missing; {flatTiers.Buy.Count} periods need it");
        }

        if (fields.Item.Problems.Count > 0)
        {
            return;
        }

        if (touTiers is not null)
        {
            AddDemand("demand", "Demand", touTiers, touSchedule, window, lookback, perDay);
        }

        if (flatTiers is not null)
        {
            var schedule = months is null || flatTiers.Buy.Count == 1 ? null : UrdbCalendar.Months("flat-demand", months, flatTiers.Buy.Count);
            if (schedule is not null)
            {
                _schedules.Add(schedule);
            }

            AddDemand("flat-demand", "Demand at any time", flatTiers, schedule, window, lookback, flatPerDay);
        }
    }

    private bool PerDay(string field) => fields.Unit("kW", [field], "kW", "kW daily") == "kW daily";

    private void AddDemand(string id, string description, UrdbTiers tiers, Schedule? schedule, int window, DemandLookback? lookback, bool perDay)
    {
        var stream = Binder.Bind(new StreamSpec(Import, window, Rolling: false, Coarser: true), schedule, monthly: true);
        Add(new DemandCharge(Head(id, description, ChargeKind.Demand), stream, schedule, [.. tiers.Buy], 0m, QuantityRounding.None, lookback, perDay: perDay));
    }

    private int ReadWindow()
    {
        var window = fields.Number("demandwindow");
        if (window is null or 5m or 10m or 15m or 30m or 60m)
        {
            return (int)(window ?? 0m);
        }

        fields.Report("demandwindow", $"{window} minutes cannot be honoured; known: 5, 10, 15, 30, 60");
        return 0;
    }

    private void ReadMinimums()
    {
        if (fields.Number("minmonthlycharge") is { } monthly and > 0m)
        {
            Add(new LimitCharge(Head("minimum-monthly", "Minimum charge", ChargeKind.Minimum), monthly, minimum: true, LimitPer.Month, new ComponentSet(null)));
        }

        var per = Per("minchargeunits");
        if (fields.Number("mincharge") is { } least and > 0m)
        {
            var limit = per == Unit.Day ? LimitPer.Day : per == Unit.Year ? LimitPer.Year : LimitPer.Month;
            Add(new LimitCharge(Head("minimum", "Minimum charge", ChargeKind.Minimum), least, minimum: true, limit, new ComponentSet(null)));
        }

        if (fields.Number("annualmincharge") is { } yearly and > 0m)
        {
            Add(new LimitCharge(Head("minimum-annual", "Minimum charge of the year", ChargeKind.Minimum), yearly, minimum: true, LimitPer.Year, new ComponentSet(null)));
        }
    }

    private enum ExportRule
    {
        None,
        NetMetering,
        NetBilling,
        BuyAllSellAll,
    }
}
