using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Once a year what is kept is paid out and begins again at zero: kWh of net metering at a price (0 lets them lapse), or
/// the money of a <see cref="CreditCarryCharge"/>, which may lapse too. JSON kind <c>true-up</c>.
/// </summary>
public sealed class TrueUpCharge : Charge
{
    private readonly string _account;
    private readonly int _month;
    private readonly decimal? _price;
    private readonly bool _lapses;
    private readonly LineLabel _label;

    internal TrueUpCharge(ChargeHead head, string account, int month, decimal? price, bool lapses = false)
        : base(head)
    {
        _lapses = lapses;
        _account = account;
        _month = month;
        _price = price;
        _label = new LineLabel(head.Description, price is null ? Unit.One : Unit.KilowattHour, head.Currency, note: "what was kept and not used this year");
    }

    internal override ChargePhase Phase => ChargePhase.Credit;

    internal static TrueUpCharge? Read(StrictObject item, ChargeContext context)
    {
        var before = item.Problems.Count;
        var head = context.Head(item, ChargeCategory.Read(item, ChargeKind.Credit));
        var account = item.RequiredText("account", "energy");
        if (account.Length > 0 && !context.Ids.Contains(account))
        {
            item.Report("account", $"\"{account}\" is not the id of a component above this one");
        }

        var month = item.Whole("month", 1, 12);
        if (month is null && !item.Has("month"))
        {
            item.Report("month", "is missing; give the month of the year (1 to 12) whose bill settles the account");
        }

        var price = item.Number("price", 0m);
        var lapses = item.Flag("lapse") ?? false;
        if (lapses && price is not null)
        {
            item.Report("lapse", "stands beside a price; remove one of them");
        }
        else if (context.Ids.Contains(account) && !context.Accounts.ContainsKey(account))
        {
            item.Report("account", $"\"{account}\" keeps nothing; name a usage component with \"net\", or a credit-carry or credit component");
        }
        else if (context.Accounts.TryGetValue(account, out var money) && !lapses && money == price is not null)
        {
            item.Report("price", money ? $"is not wanted: \"{account}\" keeps money; remove it" : $"is missing: \"{account}\" keeps kWh; give the price of one, or \"lapse\": true");
        }

        item.Done();
        return item.Problems.Count > before ? null : new TrueUpCharge(head, account, month ?? 12, price, lapses);
    }

    internal override void Rate(SegmentRun segment)
    {
        if (!segment.Ends(_month))
        {
            return;
        }

        if (_price is not { } price)
        {
            var key = CreditCarryCharge.Key(_account);
            if (segment.Run.State[key] is var money and not 0m)
            {
                if (!_lapses)
                {
                    segment.Add(this, _label, -1m, money, 1m);
                }

                segment.Run.State = segment.Run.State.With(key, 0m);
            }

            if (_lapses)
            {
                NetMetering.Settle(segment, _account);
            }

            return;
        }

        var excess = NetMetering.Settle(segment, _account);
        if (excess != 0m && price != 0m)
        {
            segment.Add(this, _label, -excess, price, 1m);
        }
    }
}
