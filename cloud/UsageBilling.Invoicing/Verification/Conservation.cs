using System.Globalization;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Documents;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Verification;

/// <summary>Energy that was billed twice or not at all.</summary>
/// <param name="Bill">The bill at which it shows.</param>
/// <param name="Code"><c>register.continuity</c>, <c>register.consumption</c>, <c>channel.billed</c> or <c>channel.days</c>.</param>
/// <param name="Message">One sentence with the numbers.</param>
public sealed record ConservationBreach(BillKey Bill, string Code, string Message);

/// <summary>
/// What registers advanced is what was billed, to the unit: each bill starts where the one before it ended, a row's consumption is its
/// advance times the multiplier, and what a channel billed plus what was carried from earlier bills is the sum of its rows.
/// Channels without registers have nothing to compare with and are left out, but their days must sum up too.
/// </summary>
public static class Conservation
{
    /// <summary>Checks live bills of any number of contracts, in any order; empty when nothing is lost or counted twice.</summary>
    public static IReadOnlyList<ConservationBreach> Check(IReadOnlyList<Bill> bills)
    {
        var breaches = bills.SelectMany(Within).ToList();
        foreach (var contract in bills.GroupBy(bill => (bill.Key.Account, bill.Key.Contract)))
        {
            var run = contract.OrderBy(bill => bill.Charges.From).ToList();
            for (var i = 1; i < run.Count; i++)
            {
                if (run[i - 1].Charges.To == run[i].Charges.From)
                {
                    breaches.AddRange(Between(run[i - 1], run[i]));
                }
            }
        }

        return breaches;
    }

    /// <summary>Breaches inside one bill.</summary>
    internal static IEnumerable<ConservationBreach> Within(Bill bill)
    {
        foreach (var usage in bill.Usage)
        {
            var days = usage.Days.Sum(day => day.Quantity);
            if (days != usage.Quantity)
            {
                yield return Breach(bill, "channel.days", $"{usage.Channel}: the days sum to {days} {usage.Unit}, the bill says {usage.Quantity}");
            }

            var rows = bill.Supply.Meters.Where(meter => meter.Channel == usage.Channel).ToList();
            var carried = bill.Adjustments.Where(adjustment => adjustment.Channel == usage.Channel).Sum(adjustment => adjustment.Quantity);
            var advanced = rows.Sum(row => row.Consumption);
            if (rows.Count > 0 && usage.Quantity + carried != advanced)
            {
                yield return Breach(
                    bill, "channel.billed", $"{usage.Channel}: billed {usage.Quantity} and carried {carried} {usage.Unit}, the registers advanced {advanced}");
            }
        }

        foreach (var row in bill.Supply.Meters)
        {
            var advance = (row.End.Value - row.Start.Value + (row.Rollovers * (row.Capacity ?? 0))) * row.MultiplierNumerator / row.MultiplierDenominator;
            if (decimal.Abs(advance - row.Consumption) >= SmallestUnit(bill, row) && advance != row.Consumption)
            {
                yield return Breach(bill, "register.consumption", $"{row.Register}: advanced {advance} {row.Unit}, the row says {row.Consumption}");
            }
        }
    }

    /// <summary>Registers that run on from one bill into the next.</summary>
    internal static IEnumerable<ConservationBreach> Between(Bill earlier, Bill later)
    {
        var zone = NodaTime.DateTimeZoneProviders.Tzdb[later.Supply.Zone];
        var boundary = LocalPeriod.StartOfDay(later.Charges.From, zone);
        var ends = earlier.Supply.Meters.Where(row => row.End.At == boundary).DistinctBy(Place).ToDictionary(Place, row => row.End.Value);
        var starts = later.Supply.Meters.Where(row => row.Start.At == boundary).DistinctBy(Place).ToDictionary(Place, row => row.Start);
        foreach (var (place, end) in ends)
        {
            if (!starts.Remove(place, out var start))
            {
                yield return Breach(later, "register.continuity", $"{place.Register}: bill {earlier.Key} ends at {end}, this one has no read there");
            }
            else if (start.Value != end)
            {
                yield return Breach(later, "register.continuity", $"{place.Register}: bill {earlier.Key} ends at {end}, this one starts at {start.Value}");
            }
        }

        // A meter may be installed exactly at the boundary: then its first read is the installation's.
        foreach (var (place, start) in starts.Where(start => start.Value.Kind != ReadKind.Exchange))
        {
            yield return Breach(later, "register.continuity", $"{place.Register}: starts at {start.Value}, bill {earlier.Key} has no read there");
        }
    }

    private static (RegisterKey Register, ChannelKey Channel) Place(MeterRow row) => (row.Register, row.Channel);

    /// <summary>Scaled registers are rounded to the channel's unit, so a difference of two is exact to one of it: the last digit that the channel shows.</summary>
    private static decimal SmallestUnit(Bill bill, MeterRow row)
    {
        var shown = bill.Usage.Where(usage => usage.Channel == row.Channel)
            .SelectMany(usage => usage.Days.Select(day => day.Quantity).Append(usage.Quantity))
            .Append(row.Consumption);
        return new decimal(1, 0, 0, false, (byte)shown.Max(NumberText.Digits));
    }

    private static ConservationBreach Breach(Bill bill, string code, FormattableString message) => new(bill.Key, code, message.ToString(CultureInfo.InvariantCulture));
}
