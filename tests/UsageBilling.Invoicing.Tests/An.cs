using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Protocols;
using UsageBilling.Rating;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Tests;

/// <summary>A bakery's October: time of use, demand, export, a meter exchange, the autumn day with 100 quarter-hours, two estimated days.</summary>
internal static class An
{
    private static readonly Measurand Import = new(Quantity.ActiveEnergy, Direction.Import);
    private static readonly Measurand Export = new(Quantity.ActiveEnergy, Direction.Export);

    public static ChannelKey ImportChannel { get; } = new("SP-1001", Import);

    public static ChannelKey ExportChannel { get; } = new("SP-1001", Export);

    public static LocalDate From { get; } = new(2026, 10, 1);

    public static LocalDate To { get; } = new(2026, 11, 1);

    public static Party Supplier { get; } = new()
    {
        Name = "Waterland Energie B.V.",
        RegistrationNumber = "34123456",
        VatId = "NL812345678B01",
        Address = new PostalAddress("Havenkade 12", null, "1013 AB", "Amsterdam", "NL"),
        ContactName = "Customer care",
        Telephone = "+31 20 555 01 00",
        Email = "care@waterland.example",
        Website = "www.waterland.example",
    };

    public static Party Customer { get; } = new()
    {
        Name = "Bakkerij De Gouden Korst",
        Number = "A-20417",
        VatId = "NL001234567B02",
        Address = new PostalAddress("Molenstraat 7", "Attn. Administration", "1441 KB", "Purmerend", "NL"),
        Email = "office@goudenkorst.example",
    };

    public static PaymentDetails Payment { get; } =
        new("NL91ABNA0417164300", "ABNANL2A", "Waterland Energie B.V.", "A-20417 2026-000123", "Payable within 14 days, without deduction.");

    public static ChargeLine Line(
        string description,
        ChargeKind kind,
        decimal quantity,
        Unit unit,
        decimal price,
        decimal priceBase = 1,
        string category = "S",
        decimal rate = 21,
        LocalDate? from = null,
        LocalDate? to = null,
        string? period = null,
        Instant? peakAt = null,
        decimal? exact = null)
    {
        var amount = exact ?? quantity * price / priceBase;
        var rounded = decimal.Round(amount, 2, MidpointRounding.AwayFromZero);
        return new ChargeLine(
            description.ToLowerInvariant().Replace(' ', '-'),
            description,
            kind,
            period,
            null,
            from ?? From,
            to ?? To,
            quantity,
            unit,
            price,
            priceBase,
            amount,
            rounded,
            category,
            rate,
            "business-tou@3",
            FormattableString.Invariant($"{quantity:0.###} {unit} × {price:0.######} EUR/{(priceBase == 1 ? "" : priceBase + " ")}{unit} = {amount:0.########} → {rounded:0.00} EUR"),
            [new Determinant(kind == ChargeKind.Demand ? "peak.kW" : "quantity", quantity, unit, peakAt)]);
    }

    public static RatedPeriod Rated(params IReadOnlyList<ChargeLine> lines) => Rated(lines, 0);

    public static RatedPeriod Rated(IReadOnlyList<ChargeLine> lines, decimal rounding)
    {
        var taxes = lines
            .GroupBy(line => (line.TaxCategory, line.TaxRate))
            .Select(group =>
            {
                var net = group.Sum(line => line.Amount);
                var amount = decimal.Round(net * group.Key.TaxRate / 100, 2, MidpointRounding.AwayFromZero);
                return new TaxSubtotal(group.Key.TaxCategory, group.Key.TaxRate, net, amount, "VAT");
            })
            .ToList();
        var sum = lines.Sum(line => line.Amount);
        var tax = taxes.Sum(subtotal => subtotal.Amount);
        return new RatedPeriod(From, To, "EUR", lines, taxes, sum, tax, rounding, sum + tax + rounding);
    }

    public static RatingState Closing { get; } = RatingState.Empty
        .With("used:energy", 41_877.250m)
        .With("credit-kwh:net:peak", 12.5m)
        .WithDemand(new YearMonth(2026, 9), 36.8m)
        .WithDemand(new YearMonth(2026, 10), 38.4m);

    public static Bill Bill(RatedPeriod? charges = null) => new()
    {
        Key = new BillKey("A-20417", "C-1", From, 1),
        Supplier = Supplier,
        Customer = Customer,
        Supply = Supply,
        Charges = charges ?? Rated(
            Line("Energy, peak hours", ChargeKind.Energy, 2841.250m, Unit.KilowattHour, 0.31250m, period: "peak"),
            Line("Energy, off-peak hours", ChargeKind.Energy, 1963.750m, Unit.KilowattHour, 0.24180m, period: "off-peak"),
            Line("Highest demand", ChargeKind.Demand, 38.4m, Unit.Kilowatt, 4.75m, period: "peak", peakAt: Instant.FromUtc(2026, 10, 14, 5, 15)),
            Line("Standing charge", ChargeKind.Fixed, 31, Unit.Day, 0.4932m),
            Line("Export paid to you", ChargeKind.Export, -412.600m, Unit.KilowattHour, 0.0850m),
            Line("Energy levy", ChargeKind.Adjustment, 4805.000m, Unit.KilowattHour, 9.157m, 100)) with { Closing = Closing },
        Usage = [ImportUsage, ExportUsage],
        Manifest =
        [
            new ManifestEntry(ImportChannel.Id, new LocalDate(2026, 9, 30), 88, 96, 1, new string('a', 64)),
            new ManifestEntry(ImportChannel.Id, new LocalDate(2026, 10, 1), 0, 96, 2, new string('b', 64)),
        ],
        Tariffs = [new TariffReference("business-tou@3", new string('c', 64))],
        Parameters = [new BillParameter("contracted-kW", "50")],
        TzdbVersion = "2026a",
        Adjustments = [],
        Issues = [new BillIssue(IssueSeverity.Note, "usage.estimated", "usage[0]", "2 of 31 days contain estimated values")],
    };

    public static Supply Supply { get; } = new()
    {
        ServicePoint = "SP-1001",
        MeteringPointId = "871687140001234567",
        Zone = "Europe/Amsterdam",
        Address = new PostalAddress("Molenstraat 7", null, "1441 KB", "Purmerend", "NL"),
        Meters =
        [
            Meter("54021877", ObisCode.ActiveImport, ImportChannel, Start, 128_430.125m, Exchanged, 130_102.375m, ReadKind.Exchange),
            Meter("61200391", ObisCode.ActiveImport, ImportChannel, Exchanged, 0m, End, 3_132.750m, ReadKind.Measured),
            Meter("61200391", ObisCode.ActiveExport, ExportChannel, Start, 9_803.100m, End, 10_215.700m, ReadKind.Measured),
        ],
    };

    private static Instant Start => Instant.FromUtc(2026, 9, 30, 22, 0);

    private static Instant Exchanged => Instant.FromUtc(2026, 10, 12, 8, 7);

    private static Instant End => Instant.FromUtc(2026, 10, 31, 23, 0);

    public static Invoice Invoice(RatedPeriod? charges = null) => Invoices.Invoice.Issue(
        BillSnapshot.Freeze(Bill(charges)), "2026-000123", new LocalDate(2026, 11, 3), new LocalDate(2026, 11, 17), Payment);

    private static ChannelUsage ImportUsage { get; } = new()
    {
        Channel = ImportChannel,
        Unit = Unit.KilowattHour,
        Quantity = 4805.000m,
        Days = Days(4805.000m, [18, 19]),
        Peak = new PeakDemand(Instant.FromUtc(2026, 10, 14, 5, 15), 38.4m, Unit.Kilowatt),
    };

    private static ChannelUsage ExportUsage { get; } = new()
    {
        Channel = ExportChannel,
        Unit = Unit.KilowattHour,
        Quantity = 412.600m,
        Days = Days(412.600m, []),
    };

    private static MeterRow Meter(
        string serial, ObisCode obis, ChannelKey channel, Instant start, decimal startValue, Instant end, decimal endValue, ReadKind endKind) => new()
        {
            Register = new RegisterKey("landisgyr", serial, obis),
            Channel = channel,
            Unit = Unit.KilowattHour,
            Start = new RegisterRead(start, startValue, startValue == 0 ? ReadKind.Exchange : ReadKind.Measured),
            End = new RegisterRead(end, endValue, endKind),
            Capacity = 1_000_000m,
            Consumption = endValue - startValue,
        };

    /// <summary>Days with a weekly shape that sum to the total exactly.</summary>
    private static List<DayUsage> Days(decimal total, int[] estimated)
    {
        int[] weights = [96, 108, 112, 131, 124, 118, 74];
        var count = Period.DaysBetween(From, To);
        var sum = Enumerable.Range(0, count).Sum(day => weights[day % 7]);
        var days = new List<DayUsage>();
        var left = total;
        for (var day = 0; day < count; day++)
        {
            var quantity = day == count - 1 ? left : decimal.Round(total * weights[day % 7] / sum, 3, MidpointRounding.AwayFromZero);
            left -= quantity;
            var intervals = day == 24 ? 100 : 96;
            days.Add(new DayUsage(From.PlusDays(day), quantity, intervals, estimated.Contains(day) ? 22 : 0, 0));
        }

        return days;
    }
}
