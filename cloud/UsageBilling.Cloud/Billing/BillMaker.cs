using System.Collections.Immutable;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Verification;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Rating;
using UsageBilling.Rating.Determinants;
using Bills = UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Billing;

/// <summary>The bill before, where it ends when this one begins.</summary>
internal sealed record PreviousBill(RatingState Closing);

/// <summary>Everything that a bill is made from.</summary>
internal sealed record BillSources(
    BillKey Key,
    BillableContract Contract,
    SupplierRecord Supplier,
    LocalPeriod Period,
    ImmutableArray<TariffSpan> Tariffs,
    List<TariffReference> TariffReferences,
    IReadOnlyDictionary<string, LoadedSeries> Series,
    IReadOnlyList<(ChannelKey Key, ChannelProfile Profile)> Channels,
    IReadOnlyList<MeterStatement> Meters,
    PreviousBill? Previous,
    IReadOnlyList<Bill> Others);

/// <summary>A made bill with what is stored beside it.</summary>
internal sealed record MadeBill(BillSources Sources, Bill Bill, BillSnapshot Snapshot, IReadOnlyList<ChannelTotal> Totals, RatingState Opening)
{
    /// <summary>Why a person must look, or null when the bill may go on by itself.</summary>
    public string? HoldReason => Bill.Issues.Where(i => i.Severity != IssueSeverity.Note).Select(i => i.Message).ToArray() is { Length: > 0 } reasons ? string.Join("; ", reasons) : null;
}

/// <summary>Where a channel stood at both ends of a period, and what was billed between.</summary>
internal sealed record ChannelTotal(ChannelKey Channel, long Billed, long? Start, long? End);

/// <summary>Makes bills. Pure: the same sources give the same bytes.</summary>
internal static class BillMaker
{
    private static readonly IssueThresholds Thresholds = new();

    /// <exception cref="Rating.Tariffs.RatingInputException">The period cannot be rated from what there is.</exception>
    public static MadeBill Make(BillSources sources, RatePlans plans, string tzdbVersion)
    {
        var (charges, opening) = ContractRating.Rate(
            sources.Contract.Contract, sources.Period, sources.Tariffs, sources.Channels.Select(c => c.Profile.Profile), sources.Previous?.Closing, sources.Series.ToImmutableDictionary(s => s.Key, s => s.Value.Values), plans);
        var totals = sources.Channels.Select(c => Total(c.Key, c.Profile.Profile, sources.Meters)).ToList();
        var bill = new Bill
        {
            Key = sources.Key,
            Supplier = Seller(sources.Supplier),
            Customer = Buyer(sources.Contract.Account),
            Supply = SupplyOf(sources),
            Charges = charges,
            Usage = [.. sources.Channels.Select(c => UsageSummary.Of(c.Key, c.Profile.Profile, sources.Period))],
            Manifest = [.. sources.Channels.SelectMany(c => c.Profile.Manifest).Select(Entry)],
            Tariffs = sources.TariffReferences,
            Parameters = ContractInputs.Named(sources.Contract.Contract.Parameters),
            TzdbVersion = tzdbVersion,
            Adjustments = [],
            Issues = [],
            Series = sources.Series.Count == 0 ? null : [.. sources.Series.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => new SeriesReference(s.Key, s.Value.Load))],
        };
        bill = bill with { Issues = BillIssues.Find(bill, sources.Others, Thresholds) };
        return new MadeBill(sources, bill, BillSnapshot.Freeze(bill), totals, opening);
    }

    private static ChannelTotal Total(ChannelKey channel, LoadProfile profile, IReadOnlyList<MeterStatement> meters)
    {
        long sum = 0;
        foreach (var quantity in profile.Quantities.Span)
        {
            sum += quantity;
        }

        var own = meters.Where(m => m.Channel == channel.Id).ToList();
        var start = own.Count > 0 && !own[0].StartIsExchange ? own[0].Start.Total : (long?)null;
        var end = own.Count > 0 && !own[^1].EndIsExchange && own[^1].End.Quality != IntervalQuality.Missing ? own[^1].End.Total : (long?)null;
        return new ChannelTotal(channel, sum, start, end);
    }

    private static Supply SupplyOf(BillSources sources)
    {
        var point = sources.Contract.ServicePoint;
        return new Supply
        {
            ServicePoint = point.Id,
            MeteringPointId = point.MeteringPoint,
            Zone = point.Zone,
            Address = Postal(point.Address),
            Meters = [.. sources.Meters.Select(m => Row(m, sources.Channels.First(c => c.Key.Id == m.Channel)))],
        };
    }

    private static MeterRow Row(MeterStatement meter, (ChannelKey Key, ChannelProfile Profile) channel)
    {
        var (unit, factor) = UsageSummary.Reading(channel.Key.Measurand.Quantity, meter.Start.Scale);
        var (start, end) = (meter.Start.Display, meter.End.Display);
        var capacity = (long)UsageSummary.Power(meter.End.Digits);
        var turns = end < start ? 1 : 0;
        return new MeterRow
        {
            Register = meter.Register,
            Channel = channel.Key,
            Unit = unit,
            Start = new RegisterRead(meter.Start.At, start * factor, Kind(meter.StartIsExchange, meter.Start.Quality)),
            End = new RegisterRead(meter.End.At, end * factor, Kind(meter.EndIsExchange, meter.End.Quality)),
            MultiplierNumerator = meter.Multiplier.Numerator,
            MultiplierDenominator = meter.Multiplier.Denominator,
            Capacity = capacity * factor,
            Rollovers = turns,
            // The scaled totals telescope, so rows add up to the intervals to the unit whatever the multiplier.
            Consumption = (meter.End.Total - meter.Start.Total) * UsageSummary.Reading(channel.Key.Measurand.Quantity, channel.Profile.Profile.Exponent).Factor,
        };
    }

    private static ReadKind Kind(bool exchange, IntervalQuality quality) =>
        exchange ? ReadKind.Exchange : quality == IntervalQuality.Measured ? ReadKind.Measured : ReadKind.Estimated;

    private static Bills.ManifestEntry Entry(Metering.ManifestEntry entry) =>
        new(entry.Channel, entry.Day, entry.FirstSlot, entry.FirstSlot + entry.SlotCount, entry.Version, entry.SliceHashHex);

    private static Party Seller(SupplierRecord supplier) => new()
    {
        Name = supplier.Name,
        RegistrationNumber = supplier.Registration,
        VatId = supplier.VatId,
        Address = Postal(supplier.Address),
        ContactName = supplier.Phone is null ? null : "Customer service",
        Telephone = supplier.Phone,
        Email = supplier.Email,
    };

    private static Party Buyer(AccountRecord account) => new()
    {
        Name = account.Name,
        Number = account.Id,
        VatId = account.VatId,
        Address = Postal(account.Address),
        Email = account.Email,
    };

    private static PostalAddress Postal(Address address) => new(address.Street, null, address.PostalCode, address.City, address.Country);
}
