using System.Globalization;
using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>
/// Meter serials and reads as item attributes (BG-32). They stand once, on the first line that bills what the meters count, because
/// time-of-use lines of one meter share its reads.
/// </summary>
internal static class MeterAttributes
{
    /// <summary>Attributes for each line index that carries any.</summary>
    public static ILookup<int, (string Name, string Value)> ByLine(Bill bill)
    {
        var time = new ReadTime(bill.Supply.Zone);
        return bill.Supply.Meters
            .GroupBy(meter => LineOf(meter, bill.Charges.Lines))
            .SelectMany(group => group.SelectMany((meter, i) => Attributes(meter, group.Count() == 1 ? "Meter" : $"Meter {i + 1}", time)
                .Select(attribute => (Line: group.Key, Attribute: attribute))))
            .ToLookup(pair => pair.Line, pair => pair.Attribute);
    }

    private static int LineOf(MeterRow meter, IReadOnlyList<ChargeLine> lines)
    {
        var kind = (meter.Channel.Measurand.Quantity, meter.Channel.Measurand.Direction) switch
        {
            (_, Direction.Export) => ChargeKind.Export,
            (Quantity.ReactiveEnergy or Quantity.ApparentEnergy, _) => ChargeKind.Reactive,
            _ => ChargeKind.Energy,
        };
        for (var i = 0; i < lines.Count; i++)
        {
            if (lines[i].Kind == kind)
            {
                return i;
            }
        }

        return 0;
    }

    private static IEnumerable<(string Name, string Value)> Attributes(MeterRow meter, string prefix, ReadTime time)
    {
        yield return ($"{prefix} serial number", meter.Register.Serial);
        yield return ($"{prefix} register", meter.Register.Obis.ToString());
        yield return ($"{prefix} start read", Read(meter.Start, meter.Unit));
        yield return ($"{prefix} start read date", Date(time.StartDate(meter.Start.At)));
        yield return ($"{prefix} end read", Read(meter.End, meter.Unit));
        yield return ($"{prefix} end read date", Date(time.EndDate(meter.End.At)));
        if (meter.MultiplierNumerator != meter.MultiplierDenominator)
        {
            yield return ($"{prefix} multiplier", meter.MultiplierDenominator == 1
                ? meter.MultiplierNumerator.ToString(CultureInfo.InvariantCulture)
                : $"{meter.MultiplierNumerator}/{meter.MultiplierDenominator}");
        }
    }

    private static string Read(RegisterRead read, Unit unit) =>
        string.Create(CultureInfo.InvariantCulture, $"{read.Value} {unit.Symbol}{(read.Kind == ReadKind.Estimated ? " (estimated)" : "")}");

    private static string Date(LocalDate date) => date.ToString("uuuu-MM-dd", CultureInfo.InvariantCulture);
}
