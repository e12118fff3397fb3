using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>Meter reads of the period, and how good the data behind the bill is.</summary>
internal static class MeterSection
{
    public static void Draw(Flow flow, Statement statement)
    {
        var supply = statement.Bill.Supply;
        if (supply.Meters.Count > 0)
        {
            flow.Heading("Meter readings", 60);
            var table = new Table(flow,
            [
                new Column("Meter", 112),
                new Column("From", 58),
                new Column("Reading", 74, RightAligned: true),
                new Column("To", 58),
                new Column("Reading", 74, RightAligned: true),
                new Column("Factor", 34, RightAligned: true),
                new Column("Consumption", Look.Width - 410, RightAligned: true),
            ]);
            table.Head();
            var digits = supply.Meters.GroupBy(meter => meter.Unit).ToDictionary(
                group => group.Key, group => group.Max(meter => Math.Max(NumberText.Digits(meter.Start.Value), NumberText.Digits(meter.End.Value))));
            foreach (var meter in supply.Meters)
            {
                table.Row(
                    new Cell($"{DeterminantText.Maker(meter.Register.Manufacturer)} {meter.Register.Serial}", $"{Name(meter.Channel.Measurand)} ({meter.Register.Obis})"),
                    At(meter.Start, statement.Time, start: true),
                    NumberText.Fixed(meter.Start.Value, digits[meter.Unit]),
                    At(meter.End, statement.Time, start: false),
                    NumberText.Fixed(meter.End.Value, digits[meter.Unit]),
                    Factor(meter),
                    $"{NumberText.Exact(meter.Consumption, digits[meter.Unit])} {meter.Unit.Symbol}");
            }
        }

        Quality(flow, statement);
    }

    private static void Quality(Flow flow, Statement statement)
    {
        foreach (var usage in statement.Bill.Usage.Where(usage => usage.Days.Any(day => day.Estimated + day.Missing > 0)))
        {
            var days = usage.Days.Where(day => day.Estimated + day.Missing > 0).ToList();
            var intervals = days.Sum(day => day.Estimated + day.Missing);
            var read = statement.Bill.Supply.Meters.Where(meter => meter.Channel == usage.Channel).SelectMany(meter => new[] { meter.Start, meter.End }).ToList();
            flow.Y += 4;
            flow.Paragraph(
                $"{Name(usage.Channel.Measurand)}: {intervals} of {NumberText.Fixed(usage.Days.Sum(day => day.Intervals), 0)} intervals are estimated, on "
                + string.Join(", ", days.Take(8).Select(day => NumberText.Date(day.Date))) + (days.Count > 8 ? $" and {days.Count - 8} more days" : "")
                + (read.Count > 0 && read.All(end => end.Kind != ReadKind.Estimated) ? ". The meter's register covers them: the total is measured, its spread over the hours is not." : "."),
                Look.Small);
        }
    }

    private static Cell At(RegisterRead read, ReadTime time, bool start)
    {
        var kind = read.Kind switch
        {
            ReadKind.Estimated => "estimated",
            ReadKind.Customer => "your reading",
            ReadKind.Exchange => "meter exchange",
            _ => "",
        };
        if (time.IsMidnight(read.At))
        {
            return new Cell(NumberText.Date(start ? time.StartDate(read.At) : time.EndDate(read.At)), kind.Length == 0 ? null : kind);
        }

        var at = time.Local(read.At);
        return new Cell($"{NumberText.Date(at.Date)}", $"{at:HH:mm}{(kind.Length == 0 ? "" : ", " + kind)}");
    }

    private static string Factor(MeterRow meter) =>
        meter.MultiplierDenominator == 1 ? NumberText.Fixed(meter.MultiplierNumerator, 0) : $"{meter.MultiplierNumerator}/{meter.MultiplierDenominator}";

    private static string Name(Measurand measurand) => (measurand.Quantity, measurand.Direction) switch
    {
        (Quantity.ActiveEnergy, Direction.Import) => "From the grid",
        (Quantity.ActiveEnergy, Direction.Export) => "Into the grid",
        (Quantity.ReactiveEnergy, _) => "Reactive energy",
        (Quantity.ApparentEnergy, _) => "Apparent energy",
        (Quantity.GasVolume, _) => "Gas",
        (Quantity.WaterVolume, _) => "Water",
        (Quantity.HeatEnergy, _) => "Heat",
        _ => "Usage",
    };
}
