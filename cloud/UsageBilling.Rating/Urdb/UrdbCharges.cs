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
    private const string BilledId = "billed-demand";

    private readonly List<Schedule> _schedules = [];
    private UrdbRatchet? _ratchet;
    private string? _billedBy;

    public StreamBinder Binder { get; } = new();

    public TariffCalendar Calendar => UrdbCalendar.Of(_schedules);

    public IReadOnlyList<Charge> Read(JsonElement root)
    {
        ReadFixed();
        ReadBilledDemand();
        ReadEnergy(root);
        ReadDemand();
        UrdbExtras.ReadReactive(fields, this);
        UrdbExtras.ReadCoincident(fields, this);
        ReadMinimums();
        return _charges;
    }

    public void Add(Charge charge) => _charges.Add(charge);

    public ChargeHead Head(string id, string description, ChargeKind kind) => new(id, description, kind, null, TaxClass.OutOfScope, currency);

    /// <summary>The calculator's ratchet is a demand of its own, by which other charges are billed; it costs nothing itself.</summary>
    private void ReadBilledDemand()
    {
        _ratchet = UrdbRatchet.Read(fields);
        _billedBy = _ratchet is null ? null : BilledId;
    }

    private void AddBilledDemand(UrdbRatchet ratchet, Schedule? schedule, int window)
    {
        var stream = Binder.Bind(new StreamSpec(Import, window, Rolling: false, Coarser: true), schedule, monthly: true);
        var count = schedule?.Periods.Count ?? 1;
        var free = Enumerable.Repeat(PriceLadder.Single(0m), count).ToArray();
        _charges.Insert(0, new DemandCharge(Head(BilledId, "Billed demand", ChargeKind.Demand), stream, schedule, free, ratchet.Minimum, QuantityRounding.None, ratchet.Lookback, periods: ratchet.Periods(count, included: true, single: false)));
    }

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
        options = UrdbExport.Read(fields, options);
        fields.Item.Ignore(fields.Name("fueladjustmentsmonthly"));
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

        AddEnergy(tiers, schedule, options.Metering);
        ReadFuel();
    }

    /// <summary>A price of a kWh more (or less) for each month of the year.</summary>
    private void ReadFuel()
    {
        if (UrdbExtras.Numbers(fields, "fueladjustmentsmonthly", null) is not { } prices || prices.All(price => price == 0m))
        {
            return;
        }

        var months = UrdbCalendar.Months("fuel", [.. Enumerable.Range(0, 12)], 12);
        _schedules.Add(months);
        Add(new UsageCharge(Head("fuel", "Fuel adjustment", ChargeKind.Adjustment), UsageQuantity.Of(Binder, Import, KilowattHours, months), [.. prices.Select(PriceLadder.Single)], TierMode.Graduated, TierBasis.Month, TierAllocation.Proportional, 1m, 1, null));
    }

    private void AddEnergy(UrdbTiers tiers, Schedule? schedule, UrdbMetering? metering)
    {
        // Net billing and two meters follow time; net metering balances a whole month.
        var inTime = metering is UrdbMetering.NetBilling or UrdbMetering.NetBillingCarry or UrdbMetering.BuyAllSellAll;
        var allocation = options.Allocation ?? (inTime ? TierAllocation.Chronological : TierAllocation.Proportional);
        var basis = tiers.Daily ? TierBasis.Day : TierBasis.Month;
        var net = metering switch
        {
            UrdbMetering.NetMetering => new NetMetering("energy", Binder, schedule, NetRule.KeepEnergy),
            UrdbMetering.NetMeteringMoney => new NetMetering("energy", Binder, schedule, NetRule.Money),
            _ => null,
        };
        var bought = UsageQuantity.Of(Binder, Import, KilowattHours, schedule, net: net);
        var demand = tiers.Buy.Any(ladder => ladder.PerKilowatt) ? BilledDemand.Of(Binder, _billedBy, tiers.DailyPerKw) : null;
        Add(new UsageCharge(Head("energy", "Energy", ChargeKind.Energy), bought, [.. tiers.Buy], TierMode.Graduated, basis, allocation, 1m, 1, demand));
        if (tiers.Sells && metering is not UrdbMetering.NetMetering)
        {
            var left = metering == UrdbMetering.NetMeteringMoney ? new NetMetering("export", Binder, schedule, NetRule.Money, ofExport: true) : null;
            var sold = UsageQuantity.Of(Binder, Export, KilowattHours, schedule, optional: true, left);
            Add(new UsageCharge(Head("export", "Energy fed into the grid", ChargeKind.Export), sold, [.. tiers.Sell], TierMode.Graduated, basis, allocation, 1m, -1, demand));
        }

        AddCredits(metering);
    }

    /// <summary>What export leaves over is kept, and settled once a year.</summary>
    private void AddCredits(UrdbMetering? metering)
    {
        var kept = Head("export-credit", "Export credit", ChargeKind.Credit);
        var trueUp = Head("true-up", "Settlement of export kept", ChargeKind.Credit);
        var energy = new ComponentSet(["energy"]);
        switch (metering)
        {
            case UrdbMetering.NetMetering when options.TrueUpMonth is { } month && options.Rollover:
                Add(new CreditCarryCharge(kept, new ComponentSet([]), energy, sameMonth: true, new EnergyConversion("energy", month, options.TrueUpPrice)));
                break;
            case UrdbMetering.NetMetering when options.TrueUpMonth is { } month:
                Add(new TrueUpCharge(trueUp, "energy", month, options.TrueUpPrice));
                break;
            case UrdbMetering.NetMeteringMoney or UrdbMetering.NetBillingCarry:
                var sameMonth = metering == UrdbMetering.NetMeteringMoney || options.SameMonth;
                Add(new CreditCarryCharge(kept, new ComponentSet(["export"]), energy, sameMonth));
                if (options.TrueUpMonth is { } settled)
                {
                    Add(new TrueUpCharge(trueUp, "export-credit", settled, null, options.Lapses && metering == UrdbMetering.NetBillingCarry));
                }

                break;
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
        var unit = UrdbDemandUnit.Read(fields, "demandrateunit", "demandunits", "demandrateunits");
        var flatUnit = UrdbDemandUnit.Read(fields, "flatdemandunit", "flatdemandunits");
        var window = ReadWindow();
        var lookback = UrdbExtras.ReadLookback(fields);
        if (lookback is not null && _ratchet is not null)
        {
            fields.Report("demandratchet", "stands beside another ratchet or look-back; keep one of them");
        }

        var single = fields.Item.Flag(fields.Name("tou_demand_single_peak")) ?? false;
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

        if (_ratchet is { } ratchet)
        {
            AddBilledDemand(ratchet, touSchedule, window);
        }

        if (touTiers is not null)
        {
            AddTimeOfUseDemand(touTiers, touSchedule, window, lookback, unit, single && touSchedule is not null);
        }

        if (flatTiers is not null)
        {
            var schedule = months is null || flatTiers.Buy.Count == 1 ? null : UrdbCalendar.Months("flat-demand", months, flatTiers.Buy.Count);
            if (schedule is not null)
            {
                _schedules.Add(schedule);
            }

            AddDemand("flat-demand", "Demand at any time", flatTiers, schedule, window, lookback, flatUnit, _billedBy, default);
        }
    }

    /// <summary>Under a ratchet, periods that it includes are billed by the billed demand, the others by their own peaks.</summary>
    private void AddTimeOfUseDemand(UrdbTiers tiers, Schedule? schedule, int window, DemandLookback? lookback, UrdbDemandUnit unit, bool single)
    {
        var count = tiers.Buy.Count;
        if (_ratchet is not { } ratchet || single)
        {
            AddDemand("demand", "Demand", tiers, schedule, window, lookback, unit, _billedBy, new DemandPeriods(null, single));
            return;
        }

        AddDemand("demand", "Demand", tiers, schedule, window, lookback, unit, _billedBy, ratchet.Periods(count, included: true, single));
        if (!ratchet.IncludesAll(count))
        {
            AddDemand("demand-other", "Demand", tiers, schedule, window, lookback, unit, null, ratchet.Periods(count, included: false, single));
        }
    }

    private void AddDemand(string id, string description, UrdbTiers tiers, Schedule? schedule, int window, DemandLookback? lookback, UrdbDemandUnit unit, string? billedBy, DemandPeriods periods)
    {
        var stream = Binder.Bind(new StreamSpec(unit.Apparent ? ApparentEnergy.Measurand : Import, window, Rolling: false, Coarser: true), schedule, monthly: true);
        Add(new DemandCharge(Head(id, description, ChargeKind.Demand), stream, schedule, [.. tiers.Buy], 0m, QuantityRounding.None, lookback, billedBy, unit.PerDay, unit.Apparent ? Unit.KilovoltAmpere : Unit.Kilowatt, periods: periods));
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

    /// <summary>What is due to a customer is paid beside a minimum; with two meters the minimum looks at what is bought.</summary>
    private void ReadMinimums()
    {
        var bought = options.Metering == UrdbMetering.BuyAllSellAll ? _charges.Select(charge => charge.Id).Where(id => id != "export").ToList() : null;
        void AddMinimum(string id, string description, decimal amount, LimitPer per) =>
            Add(new LimitCharge(Head(id, description, ChargeKind.Minimum), amount, minimum: true, per, new ComponentSet(bought), fromZero: true));

        if (fields.Number("minmonthlycharge") is { } monthly and > 0m)
        {
            AddMinimum("minimum-monthly", "Minimum charge", monthly, LimitPer.Month);
        }

        var per = Per("minchargeunits");
        if (fields.Number("mincharge") is { } least and > 0m)
        {
            AddMinimum("minimum", "Minimum charge", least, per == Unit.Day ? LimitPer.Day : per == Unit.Year ? LimitPer.Year : LimitPer.Month);
        }

        if (fields.Number("annualmincharge") is { } yearly and > 0m)
        {
            AddMinimum("minimum-annual", "Minimum charge of the year", yearly, LimitPer.Year);
        }
    }
}
