using System.Globalization;
using static UsageBilling.Invoicing.Documents.Ubl.UblDocument;
using static UsageBilling.Invoicing.Documents.Ubl.UblNames;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>What each line must say, and that its arithmetic holds.</summary>
internal static class LineRules
{
    // The part of UN/ECE Recommendation 20 that this system bills in.
    private static readonly HashSet<string> UnitCodes = ["WHR", "KWH", "MWH", "KWT", "MAW", "KVA", "KVR", "K3", "MTQ", "LTR", "DAY", "MON", "QAN", "ANN", "C62", "H87", "P1", "SEC", "MIN", "HUR", "AD", "E34", "E35", "GJ"];

    public static IEnumerable<Violation> Check(UblDocument document)
    {
        if (document.Lines.Count == 0)
        {
            yield return new Violation("BR-16", "lines", "the document has no line");
        }

        foreach (var violation in document.Lines.SelectMany(line => Terms(line).Concat(Arithmetic(line, document.Currency))))
        {
            yield return violation;
        }

        foreach (var repeated in document.Lines.GroupBy(line => Value(line.Element, "ID")).Where(group => group.Key is not null && group.Count() > 1))
        {
            yield return new Violation("UB-LINE-ID", repeated.Last().Path, $"line number {repeated.Key} stands twice");
        }
    }

    private static IEnumerable<Violation> Terms(UblLine line)
    {
        (string Rule, bool Missing, string What)[] mandatory =
        [
            ("BR-21", Value(line.Element, "ID") is null, "number"),
            ("BR-22", line.QuantityValue is null, "quantity"),
            ("BR-23", string.IsNullOrEmpty((string?)line.Quantity?.Attribute("unitCode")), "unit"),
            ("BR-24", line.Net is null, "net amount"),
            ("BR-25", Value(line.Item, "Name") is null, "item name"),
            ("BR-26", line.PriceAmount is null, "price"),
            ("BR-CO-04", line.Category is null, "VAT category"),
        ];
        foreach (var (rule, _, what) in mandatory.Where(term => term.Missing))
        {
            yield return new Violation(rule, line.Path, $"the line has no {what}");
        }

        if ((string?)line.Quantity?.Attribute("unitCode") is { Length: > 0 } unit && !UnitCodes.Contains(unit))
        {
            yield return new Violation("BR-CL-23", line.Path, $"{unit} is no unit code of Recommendation 20 that this system knows");
        }

        if ((string?)line.Price?.Element(Cbc + "BaseQuantity")?.Attribute("unitCode") is { } baseUnit && baseUnit != (string?)line.Quantity?.Attribute("unitCode"))
        {
            yield return new Violation("UB-BASE-UNIT", line.Path, $"the price is for {baseUnit}, the quantity in another unit");
        }

        foreach (var property in line.Item?.Elements(Cac + "AdditionalItemProperty") ?? [])
        {
            if (Value(property, "Name") is null || Value(property, "Value") is null)
            {
                yield return new Violation("BR-54", line.Path, "an item attribute needs a name and a value");
            }
        }
    }

    private static IEnumerable<Violation> Arithmetic(UblLine line, string currency)
    {
        if (line.PriceAmount < 0)
        {
            yield return new Violation("BR-27", line.Path, string.Create(CultureInfo.InvariantCulture, $"the price {line.PriceAmount} is negative"));
        }

        if (Decimal(line.Price?.Element(Cac + "AllowanceCharge"), "BaseAmount") < 0)
        {
            yield return new Violation("BR-28", line.Path, "the gross price is negative");
        }

        if (line.PriceBase <= 0)
        {
            yield return new Violation("UB-BASE", line.Path, string.Create(CultureInfo.InvariantCulture, $"the price is for {line.PriceBase} units"));
        }
        else if (line is { QuantityValue: { } quantity, PriceAmount: { } price, Net: { } net })
        {
            var allowances = line.Element.Elements(Cac + "AllowanceCharge").Sum(item => new UblAllowanceCharge(item).Signed);
            var expected = LineRepresentation.Net(quantity, price, line.PriceBase, currency) + allowances;
            if (net != expected)
            {
                yield return new Violation("UB-LINE", line.Path, string.Create(
                    CultureInfo.InvariantCulture, $"{quantity} × {price} / {line.PriceBase} is {expected}, the line says {net}"));
            }
        }
    }
}
