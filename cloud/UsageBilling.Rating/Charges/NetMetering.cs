using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>What becomes of export that is left over when it has been taken off import.</summary>
internal enum NetRule
{
    /// <summary>It is kept in kWh for the same period of later bills.</summary>
    KeepEnergy,

    /// <summary>Nothing is kept in kWh: a component that measures export, net of import, prices it.</summary>
    Money,
}

/// <summary>
/// Net metering: in each time-of-use period export is taken off import (or, for a component that prices what is left over,
/// import off export). Kept in kWh, what is left over serves the same period of later bills; where a period does not occur in
/// the new season, its credit moves to the period that takes its hours. Beside it runs the excess of the whole account, which
/// a <see cref="TrueUpCharge"/> may pay out. State: <c>credit-kwh:component:period</c>, <c>excess-kwh:component</c>.
/// </summary>
internal sealed class NetMetering(string component, StreamBinder binder, Schedule? schedule, NetRule rule, bool ofExport = false)
{
    private readonly StreamRef _other = binder.Bind(new StreamSpec(new Measurand(Quantity.ActiveEnergy, ofExport ? Direction.Import : Direction.Export), 0, false), schedule);

    public static string ExcessKey(string component) => $"excess-kwh:{component}";

    public static string CreditPrefix(string component) => $"credit-kwh:{component}:";

    /// <summary>Reads <c>net</c>: true and "kwh" keep kWh, "money" leaves the rest to a component that prices it.</summary>
    public static NetMetering? Read(StrictObject item, ChargeContext context, string component, string measure, Schedule? schedule)
    {
        if (!item.Has("net"))
        {
            item.Ignore("net");
            return null;
        }

        var flag = item.Raw("net") is { ValueKind: System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False } value ? value.GetBoolean() : (bool?)null;
        var rule = flag is null ? item.Choice("net", "kwh", "kwh", "money") : "kwh";
        if (flag == false)
        {
            return null;
        }

        if (measure != "import" && !(measure == "export" && rule == "money"))
        {
            item.Report("net", "takes export off import; set \"measure\" to \"import\", or to \"export\" with \"net\": \"money\" for what is left over, or remove it");
        }

        if (rule == "kwh")
        {
            context.Accounts[component] = false;
        }

        return new NetMetering(component, context.Binder, schedule, rule == "money" ? NetRule.Money : NetRule.KeepEnergy, measure == "export");
    }

    public void Measure(SegmentRun segment, StreamResult own, StreamRef ownRef, BilledUnit unit, Span<decimal> quantities)
    {
        var other = segment.Stream(_other, optional: true);
        if (rule == NetRule.Money)
        {
            for (var period = 0; period < quantities.Length; period++)
            {
                quantities[period] = Math.Max(0m, Net(own, ownRef, other, unit, period));
            }

            return;
        }

        var credits = new decimal[quantities.Length];
        for (var period = 0; period < credits.Length; period++)
        {
            if (segment.Run.State[Key(period)] is var kept and not 0m)
            {
                credits[Home(segment, own, ownRef, period)] += kept;
            }
        }

        var total = 0m;
        var state = segment.Run.State;
        for (var period = 0; period < quantities.Length; period++)
        {
            var net = Net(own, ownRef, other, unit, period);
            total += net;
            quantities[period] = Math.Max(0m, net - credits[period]);
            state = state.With(Key(period), Math.Max(0m, credits[period] - net));
        }

        segment.Run.State = state.With(ExcessKey(component), Math.Max(0m, state[ExcessKey(component)] - total));
    }

    /// <summary>Clears what a component kept in kWh, and says how much the whole account had.</summary>
    public static decimal Settle(SegmentRun segment, string component)
    {
        var state = segment.Run.State;
        var excess = state[ExcessKey(component)];
        state = state.With(ExcessKey(component), 0m);
        foreach (var key in state.Balances.Keys.Where(key => key.StartsWith(CreditPrefix(component), StringComparison.Ordinal)).ToList())
        {
            state = state.With(key, 0m);
        }

        segment.Run.State = state;
        return excess;
    }

    private decimal Net(StreamResult own, StreamRef ownRef, StreamResult? other, BilledUnit unit, int period)
    {
        var net = unit.From(own.Sum(ownRef, period), own.Exponent);
        return other is null ? net : net - unit.From(other.Sum(_other, period), other.Exponent);
    }

    private string Key(int period) => CreditPrefix(component) + (schedule is null ? "all" : schedule.Periods[period]);

    private int Home(SegmentRun segment, StreamResult import, StreamRef importRef, int period) =>
        schedule is null || import.Occurs(importRef, period)
            ? period
            : schedule.SuccessorOf(period, segment.Tariff.Calendar.SeasonOf(segment.From));
}
