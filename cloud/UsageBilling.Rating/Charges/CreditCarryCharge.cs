using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Export kept as money: what export earns (net billing, or what net metering leaves over) is not paid at once but kept, and
/// used against named charges of later bills (or of the same one). Kilowatt-hours that a net-metering component kept may be
/// turned into such money once a year. JSON kind <c>credit-carry</c>. State: <c>credit:component</c>.
/// </summary>
public sealed class CreditCarryCharge : Charge
{
    private readonly ComponentSet _of;
    private readonly ComponentSet _covers;
    private readonly bool _sameMonth;
    private readonly EnergyConversion? _convert;
    private readonly LineLabel _kept;
    private readonly LineLabel _used;

    internal CreditCarryCharge(ChargeHead head, ComponentSet of, ComponentSet covers, bool sameMonth, EnergyConversion? convert = null)
        : base(head)
    {
        _of = of;
        _covers = covers;
        _sameMonth = sameMonth;
        _convert = convert;
        _kept = new LineLabel($"{head.Description}, kept for later bills", Unit.One, head.Currency, note: "what export earned on this bill");
        _used = new LineLabel($"{head.Description}, used", Unit.One, head.Currency, note: $"against {covers}");
    }

    internal override ChargePhase Phase => ChargePhase.Adjust;

    internal static string Key(string component) => $"credit:{component}";

    internal static CreditCarryCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Credit));
        context.Accounts[head.Id] = true;
        var convert = item.Child("convert") is { IsObject: true } child ? EnergyConversion.Read(child, context) : null;
        var of = item.Has("of") || convert is null ? ComponentSet.Read(item, context) : new ComponentSet([]);
        var covers = ComponentSet.Read(item, context, "covers");
        if ((!item.Has("of") && convert is null) || !item.Has("covers"))
        {
            item.Report("of", "and \"covers\" are both needed: the export components that earn, and the charges that the credit pays");
        }

        item.Ignore("of");
        var sameMonth = item.Flag("sameMonth") ?? false;
        item.Done();
        return item.Problems.Count > before ? null : new CreditCarryCharge(head, of, covers, sameMonth, convert);
    }

    internal override void Rate(SegmentRun segment)
    {
        var key = Key(Id);
        var balance = segment.Run.State[key] + (_convert?.Of(segment) ?? 0m);
        var earned = Math.Max(0m, -_of.Sum(segment));
        var due = Math.Max(0m, _covers.Sum(segment));
        var used = Math.Min(_sameMonth ? balance + earned : balance, due);
        if (earned != 0m)
        {
            segment.Add(this, _kept, 1m, earned, 1m);
        }

        if (used != 0m)
        {
            segment.Add(this, _used, -1m, used, 1m);
        }

        segment.Run.State = segment.Run.State.With(key, balance + earned - used);
    }
}

/// <summary>Once a year the kWh that a net-metering component kept become money at a price; the kWh begin again at zero.</summary>
internal sealed class EnergyConversion(string account, int month, decimal price)
{
    public static EnergyConversion Read(StrictObject item, ChargeContext context)
    {
        var account = item.RequiredText("account", "energy");
        if (account.Length > 0 && !(context.Accounts.TryGetValue(account, out var money) && !money))
        {
            item.Report("account", $"\"{account}\" is not a component above this one that keeps kWh (\"net\": \"kwh\")");
        }

        var month = item.Whole("month", 1, 12);
        if (month is null && !item.Has("month"))
        {
            item.Report("month", "is missing; give the month of the year (1 to 12) whose bill turns kWh into money");
        }

        var price = item.RequiredNumber("price", "the price of a kept kWh", 0m);
        item.Done();
        return new EnergyConversion(account, month ?? 12, price);
    }

    /// <summary>The money that this part of the period turns kWh into, rounded to the currency.</summary>
    public decimal Of(SegmentRun segment) =>
        segment.Ends(month) ? segment.Tariff.Currency.Round(NetMetering.Settle(segment, account) * price) : 0m;
}
